import { isBehind } from '../workflow.js';
import type { Supervisor } from './supervisor.js';

/**
 * Pauses loops that are wanted to be paused, in the order of what they push: who waits for room in a queue is not paused before
 * somebody has read it.
 */
export async function pauseInOrder(loops: readonly Supervisor[]): Promise<void> {
  const pauses = new Map<Supervisor, Promise<void>>();
  const pause = (supervisor: Supervisor): Promise<void> => {
    const known = pauses.get(supervisor);
    if (known !== undefined) return known;
    // Loops that feed each other do not wait for each other.
    pauses.set(supervisor, Promise.resolve());
    const before = loops.filter((other) => other !== supervisor && isBehind(supervisor.shape, [other.shape]));
    const pausing = Promise.all(before.map(pause)).then(() => supervisor.pause());
    pauses.set(supervisor, pausing);
    return pausing;
  };
  await all(loops.map(pause));
}

/** Waits for all, also where some fail; then fails like the first. */
export async function all(pending: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(pending);
  for (const result of settled) if (result.status === 'rejected') throw result.reason;
}
