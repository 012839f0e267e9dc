import { isDeepStrictEqual } from 'node:util';
import {
  Loop,
  type StopSummary,
  type Workflow,
  WorkflowOrchestrator,
  type WorkflowOrchestratorOptions,
} from 'orchestrator/loops';
import { afterEach, expect } from 'vitest';
import { resourcesOf, settled } from '../support.js';
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

/** For a stop that has to come to its end by itself, on a busy machine too. */
export const patient = { deadline: 60_000 };

/** The deadline of a stop that says none, in milliseconds. */
export const deadlineByDefault = 10_000;

/**
 * Stops loops until none of them is terminated. Threads and processes have a second to end once their signals have aborted:
 * on a busy machine that may be too short, but not each time.
 *
 * @param stop - starts them, and stops them past a deadline
 */
export async function endedInGrace(stop: () => Promise<StopSummary>): Promise<StopSummary> {
  const end = performance.now() + 60_000;
  for (;;) {
    const summary = await stop();
    if (performance.now() > end || summary.loops.every(({ reason }) => reason !== 'terminated')) return summary;
  }
}

/** What keeps this program alive, for good: the runner of the tests has timers that come and go. */
export async function resources(): Promise<readonly string[]> {
  const now = () => resourcesOf('Timeout', 'ProcessWrap', 'MessagePort', 'Worker', 'Immediate').sort();
  let fewest = now();
  // Those of the runner last for a tenth of a second.
  const end = performance.now() + 200;
  for (let turn = 0; turn < 20 || performance.now() < end; turn++) {
    // Not by a timer, which would be one of them.
    await settled();
    const found = now();
    if (found.length < fewest.length) fewest = found;
  }
  return fewest;
}

/** Waits until nothing keeps this program alive but what did before. */
export async function expectResources(before: readonly string[]): Promise<void> {
  const end = performance.now() + 30_000;
  while (performance.now() < end) if (isDeepStrictEqual(await resources(), before)) return;
  expect(await resources()).toEqual(before);
}
