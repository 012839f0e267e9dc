import { aValue } from '../shared/validate.js';

/**
 * What nodes may return beside a value: where it goes, that there is none at the moment, that there will be none any more.
 */

/** A value for some of a node's successors. */
export class Routed<Value = unknown> {
  constructor(
    readonly targets: readonly string[],
    readonly value: Value,
  ) {}
}

/**
 * Chooses what follows a node, by name; without a name nothing does, and the iteration ends here.
 *
 * @example
 * blocking('check', (order) => (order.total > 1_000 ? to('review', order) : to('ship', order)))
 */
export function to<Value>(target: string | readonly string[] = [], value?: Value): Routed<Value | undefined> {
  return new Routed(typeof target === 'string' ? [target] : target, value);
}

/** A producer has nothing at the moment. */
export class Idle {
  constructor(readonly delay: number | undefined) {}
}

// Each class has a function of its own: one for all classes is slow, and every iteration asks.

/** If true, `value` chooses what follows its node. A value that throws when it is looked at does not. */
export function isRouted(value: unknown): value is Routed {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return value instanceof Routed;
  } catch {
    return false;
  }
}

/** If true, `value` says that a producer has nothing. A value that throws when it is looked at does not. */
export function isIdle(value: unknown): value is Idle {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return value instanceof Idle;
  } catch {
    return false;
  }
}

const aDelay = aValue<number>(
  'a number of milliseconds of at least 0',
  (value) => typeof value === 'number' && value >= 0 && value < Infinity,
);

const anyTime = new Idle(undefined);

/**
 * What a producer returns that has nothing at the moment.
 *
 * @param delay - milliseconds until it is asked again. Default: 100; in a loop with a schedule, until its next tick
 * @throws {ValidationError} for what is no number of milliseconds
 */
export function idle(delay?: number): Idle {
  return delay === undefined ? anyTime : new Idle(aDelay(delay, 'delay'));
}

/** What a producer returns that will not have anything any more: its loop stops when all that is under way has ended. */
export const done: unique symbol = Symbol.for('orchestrator.loops.done') as never;
export type Done = typeof done;
