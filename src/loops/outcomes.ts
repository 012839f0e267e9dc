import { aValue } from '../shared/validate.js';

/**
 * Special results of nodes: `to(...)` chooses the nodes that receive a value, `idle()` reports that a producer has no
 * value at the moment, and `done` reports that a producer has no more values.
 */

/**
 * A value for chosen successors of a node. Created by `to(target, value)`, to be returned from a producer, a blocking
 * node or a non-blocking node. An empty list of targets ends the branch.
 */
export class Routed<Value = unknown> {
  constructor(
    /** Ids of the chosen successors. */
    readonly targets: readonly string[],
    /** The output for the chosen successors. */
    readonly value: Value,
  ) {}
}

/**
 * Chooses the successors that receive the output of a node. Without a target, the iteration ends at this node. A target
 * without an edge fails the node with a `RouteError`.
 *
 * @param target - id of a successor, or several ids. Default: none
 * @param value - the output for the chosen successors. Default: undefined
 *
 * @example
 * blocking('check', (order) => (order.total > 1_000 ? to('review', order) : to('ship', order)))
 */
export function to<Value = undefined>(
  target: string | readonly string[] = [],
  value?: Value,
): Routed<Value | undefined> {
  return new Routed(typeof target === 'string' ? [target] : target, value);
}

/**
 * Result of a producer that has no value at the moment. Created by `idle(delay)`. The producer is called again after
 * `delay` milliseconds, and no iteration is counted.
 */
export class Idle {
  constructor(readonly delay: number | undefined) {}
}

// Two separate functions, because both run in every iteration and one generic function would be slower.

/**
 * Returns true if `value` chooses the successors of its node. Returns false for values that throw when they are
 * inspected.
 */
export function isRouted(value: unknown): value is Routed {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return value instanceof Routed;
  } catch {
    return false;
  }
}

/**
 * Returns true if `value` reports that a producer has no value. Returns false for values that throw when they are
 * inspected.
 */
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
 * Reports that a producer has no value at the moment. Return the result from the producer.
 *
 * @param delay - milliseconds until the producer is called again. Default: 100, or until the next tick in a loop with a
 *   schedule
 * @throws {ValidationError} if `delay` is not a number of milliseconds of at least 0
 */
export function idle(delay?: number): Idle {
  return delay === undefined ? anyTime : new Idle(aDelay(delay, 'delay'));
}

/**
 * Reports that a producer has no more values. Return this constant from the producer: the loop waits for calls that are
 * still in flight, cleans up its nodes and stops with the reason `done`.
 */
export const done: unique symbol = Symbol.for('orchestrator.loops.done') as never;
/**
 * Type of the constant `done`, which a producer returns when it has no more values. Useful for writing the return type
 * of a producer function by hand.
 */
export type Done = typeof done;
