import { isBehind } from '../workflow.js';
import type { Supervisor } from './supervisor.js';

/**
 * Pauses loops whose desired state is paused. A loop that pushes to a queue is paused before the loops that read the
 * queue, because a paused reader would leave the push waiting for room.
 */
export async function pauseInOrder(loops: readonly Supervisor[]): Promise<void> {
  const pauses = new Map<Supervisor, Promise<void>>();
  const pause = (supervisor: Supervisor): Promise<void> => {
    const known = pauses.get(supervisor);
    if (known !== undefined) return known;
    // Loops that push to each other do not wait for each other.
    pauses.set(supervisor, Promise.resolve());
    const before = loops.filter((other) => other !== supervisor && isBehind(supervisor.shape, [other.shape]));
    const pausing = Promise.all(before.map(pause)).then(() => supervisor.pause());
    pauses.set(supervisor, pausing);
    return pausing;
  };
  await all(loops.map(pause));
}

/** Waits until all promises are settled, then throws the first error, if any. */
export async function all(pending: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(pending);
  for (const result of settled) if (result.status === 'rejected') throw result.reason;
}
