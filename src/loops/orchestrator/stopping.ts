import { isBehind, type NamedShape } from '../workflow.js';
import type { Queues } from './queues.js';
import type { StopReport, Supervisor } from './supervisor.js';

/** Milliseconds between two looks at queues of loops that feed each other. */
const look = 10;

export interface Draining {
  /** Whether loops that read queues go on until these are empty. */
  readonly drain: boolean;
  /** Aborts when there is no time left. */
  readonly signal: AbortSignal;
}

/**
 * Stops loops in the order of what they push: who waits for room in a queue gets it from those who read it. Where all have
 * ended that push to a queue, who reads it ends, when it is to drain not before the queue is empty. Loops that feed each other are stopped together, when nothing is left in their queues.
 *
 * @returns how they have ended; each is noted in `reports` when it has
 */
export async function stopInOrder(
  loops: readonly Supervisor[],
  queues: Queues | undefined,
  { drain, signal }: Draining,
  reports: StopReport[],
): Promise<StopReport[]> {
  const left = new Set(loops);
  const isFirst = (supervisor: Supervisor) => {
    const others = [...left].filter((other) => other !== supervisor).map(shapeOf);
    return !isBehind(shapeOf(supervisor), others);
  };
  while (left.size > 0) {
    const first = [...left].filter(isFirst);
    const stopping = first.length > 0 ? first : [...left];
    if (first.length === 0 && drain) await quiet(stopping, queues, signal);
    if (signal.aborted) break;
    await Promise.all(
      stopping.map(async (supervisor) => {
        const { ended } = supervisor;
        supervisor.stop({ drain: drain && supervisor.shape.reads !== undefined });
        const report = await ended;
        left.delete(supervisor);
        if (report !== undefined) reports.push(report);
      }),
    );
  }
  return reports;
}

export function shapeOf({ id, shape: { reads, pushes } }: Supervisor): NamedShape {
  return { id, reads, pushes };
}

/** Resolves when nothing is in the queues that loops read, or there is no time left. */
async function quiet(loops: readonly Supervisor[], queues: Queues | undefined, signal: AbortSignal): Promise<void> {
  const read = loops.flatMap(({ shape: { reads } }) => (reads === undefined ? [] : [queues?.get(reads)]));
  while (!signal.aborted && read.some((queue) => queue?.isEmpty === false)) {
    await new Promise((resolve) => {
      setTimeout(resolve, look);
    });
  }
}
