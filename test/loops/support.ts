import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import {
  Loop,
  type StopSummary,
  type Workflow,
  WorkflowOrchestrator,
  type WorkflowOrchestratorOptions,
} from 'orchestrator/loops';
import { afterEach, expect } from 'vitest';
import { compiled } from '../programs/compiled.js';
import { resourcesOf, settled } from '../support.js';

const opened = new Set<WorkflowOrchestrator>();

/** Creates a workflow that is closed after the test. */
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

/** Returns the URL of a compiled fixture module. */
export const fixture = (name = 'loops') => pathToFileURL(compiled(new URL(`./fixtures/${name}.ts`, import.meta.url)));

/** A loop that reads a queue and records its values. */
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

/** Numbers from 1 to `count`. */
export const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** Records each state change of all loops, as lines. */
export function states(orchestrator: WorkflowOrchestrator): string[] {
  const lines: string[] = [];
  orchestrator.on('state', ({ loopId, state }) => lines.push(`${loopId} ${state}`));
  return lines;
}

/** Returns the result of a promise, and how long it took in milliseconds. */
export async function timed<Value>(promise: Promise<Value>): Promise<readonly [Value, number]> {
  const start = performance.now();
  const value = await promise;
  return [value, performance.now() - start];
}

/** Options of a stop that must end by itself, even on a busy machine. */
export const patient = { deadline: 60_000 };

/** Default deadline of a stop, in milliseconds. */
export const deadlineByDefault = 10_000;

/**
 * Repeats a stop until no loop is terminated. Threads and processes have a second to end after their signals have
 * aborted. On a busy machine this may be too short, but not every time.
 *
 * @param stop - starts loops, and stops them with a deadline that passes
 */
export async function endedInGrace(stop: () => Promise<StopSummary>): Promise<StopSummary> {
  const end = performance.now() + 60_000;
  for (;;) {
    const summary = await stop();
    if (performance.now() > end || summary.loops.every(({ reason }) => reason !== 'terminated')) return summary;
  }
}

/**
 * Returns the resources that keep this program alive permanently. The timers of the test runner come and go, and do not
 * count.
 */
export async function resources(): Promise<readonly string[]> {
  const now = () => resourcesOf('Timeout', 'ProcessWrap', 'MessagePort', 'Worker', 'Immediate').sort();
  let fewest = now();
  // Timers of the test runner last a tenth of a second.
  const end = performance.now() + 200;
  for (let turn = 0; turn < 20 || performance.now() < end; turn++) {
    // Not with a timer, which would count as a resource itself.
    await settled();
    const found = now();
    if (found.length < fewest.length) fewest = found;
  }
  return fewest;
}

/** Waits until only the given resources keep this program alive. */
export async function expectResources(before: readonly string[]): Promise<void> {
  const end = performance.now() + 30_000;
  while (performance.now() < end) if (isDeepStrictEqual(await resources(), before)) return;
  expect(await resources()).toEqual(before);
}
