import { Loop, type Workflow, WorkflowOrchestrator, type WorkflowOrchestratorOptions } from 'orchestrator/loops';
import { afterEach } from 'vitest';
import './typescript.js';

const opened = new Set<WorkflowOrchestrator>();

/** A workflow that is closed at the end of the test. */
export function workflow(given: Workflow, options: WorkflowOrchestratorOptions = {}): WorkflowOrchestrator {
  const orchestrator = new WorkflowOrchestrator(options).load(given);
  opened.add(orchestrator);
  return orchestrator;
}

afterEach(async () => {
  await Promise.all(
    [...opened].map((orchestrator) => orchestrator.close({ deadline: 200, drain: false }).catch(() => undefined)),
  );
  opened.clear();
});

/** A loop of a fixture. */
export const fixture = (name = 'loops') => new URL(`./fixtures/${name}.ts`, import.meta.url);

/** A loop that notes what is in a queue. */
export function collector<Value = unknown>(
  queue: string,
  { id = `collect ${queue}`, ms }: { id?: string; ms?: number } = {},
) {
  const values: Value[] = [];
  const loop = new Loop(id).read('in', queue).blocking('note', async (value: Value) => {
    if (ms !== undefined) await new Promise((resolve) => setTimeout(resolve, ms));
    values.push(value);
  });
  return { loop, values };
}

/** Numbers from 1 on, so many. */
export const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** Every state that loops come to, as lines. */
export function states(orchestrator: WorkflowOrchestrator): string[] {
  const lines: string[] = [];
  orchestrator.on('state', ({ loopId, state }) => lines.push(`${loopId} ${state}`));
  return lines;
}

/** How long something took, with what it gave. */
export async function timed<Value>(promise: Promise<Value>): Promise<readonly [Value, number]> {
  const start = performance.now();
  const value = await promise;
  return [value, performance.now() - start];
}
