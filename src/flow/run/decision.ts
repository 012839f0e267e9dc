import type { Waiting } from './result.js';

/**
 * Returns the time as of which waits are decided, in epoch milliseconds: the current time, or the `since` of a wait that
 * has begun in the same millisecond as the event before it was delivered.
 */
export function decisionTime(waits: readonly Waiting[], now: number): number {
  return latest(
    waits.map(({ since = now }) => since),
    now,
  );
}

/** Returns true if the event can end the wait at the given time, in epoch milliseconds. */
export function isOpen({ event, until = Infinity, expires }: Waiting, name: string, time: number): boolean {
  return event === name && (expires !== true || until > time);
}

/** Returns the latest of many times. */
export function latest(times: readonly number[], first = -Infinity): number {
  return times.reduce((one, other) => Math.max(one, other), first);
}
