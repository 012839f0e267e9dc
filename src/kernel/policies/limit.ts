import { ValidationError } from '../../shared/errors.js';
import { isPromiseLike } from '../../shared/promise-like.js';
import { unref } from '../../shared/unref.js';
import {
  aConcurrency,
  aCount,
  aFunction,
  aName,
  anObjectOf,
  aValue,
  invalid,
  isPlainObject,
  longestDelay,
  type Reader,
} from '../../shared/validate.js';
import { LimitError } from '../errors.js';
import { detached } from '../scope/process.js';
import type { Task } from '../scope/task.js';
import { Lane, type MakePlaces, type Places, type Rules } from './lane.js';
import { type Asked, millisecondsOf } from './retry.js';

/**
 * Options of `limit()` and of an action's option `limit`. At least one of `concurrency`, `rate` and `pauseOn` is
 * required; options that are left out limit nothing.
 *
 * @example
 * const options: LimitOptions<[prompt: Prompt]> = {
 *   rate: 100_000,
 *   per: 60_000,
 *   key: (prompt) => prompt.tenant,
 *   cost: (prompt) => prompt.tokens,
 *   pauseOn: (error) => (error instanceof HttpError ? error.retryAfter : undefined),
 * };
 */
// biome-ignore lint/suspicious/noExplicitAny: a limit without key and cost fits every action
export interface LimitOptions<Args extends readonly unknown[] = any[]> {
  /** Name of the limit, in errors. Default: none. */
  readonly name?: string | undefined;
  /**
   * Maximum number of attempts that run at the same time: a whole number of at least 1, or Infinity. Default: Infinity.
   */
  readonly concurrency?: number | undefined;
  /**
   * Maximum number of attempts that start within `per` milliseconds: a whole number of at least 1, or Infinity. With
   * `cost`, the maximum sum of their costs. The window slides, so the maximum holds for every period of that length.
   * Default: Infinity.
   */
  readonly rate?: number | undefined;
  /** Length of the window of `rate`, in milliseconds: above 0, up to 2147483647. Default: 1000. */
  readonly per?: number | undefined;
  /**
   * Returns the key of a call, a string or a number, from the arguments of the call. Each key has a limit of its own.
   * Keys that are not in use are forgotten. Default: one limit for all calls.
   */
  readonly key?: ((...args: Args) => string | number) | undefined;
  /**
   * Returns the share of `rate` that a call uses, a whole number from 0 to `rate`, from the arguments of the call.
   * Default: 1.
   */
  readonly cost?: ((...args: Args) => number) | undefined;
  /**
   * Called with the failure of each attempt. Returns the time during which no attempt may start under the limit or,
   * with `key`, under the limit of the call's key: milliseconds, a Date, or the text of a `Retry-After` field, as for
   * `retryAfter` of the retries. `undefined`, `null`, `false` and any other text leave the limit open. Running attempts
   * continue. If the function throws, the task fails with the thrown error, whose `suppressed` contains the failure, and
   * is not retried. Default: none.
   */
  readonly pauseOn?: ((error: Error) => Asked) | undefined;
  /**
   * Maximum number of attempts that wait for a place, per key if the limit has keys: a whole number, or Infinity.
   * Further attempts are refused with a `LimitError`. Default: Infinity.
   */
  readonly maxQueue?: number | undefined;
}

/**
 * A limit that actions share, created by `limit()`. `Args` are the arguments that its `key` and `cost` receive. An
 * action can use the limit if its parameters are compatible with `Args`.
 */
// biome-ignore lint/suspicious/noExplicitAny: a limit without key and cost fits every action
export interface Limit<Args extends readonly unknown[] = any[]> {
  /** Name of the limit, if it has one. */
  readonly name: string | undefined;
  /** Number of attempts that have a place, across all keys. */
  readonly running: number;
  /** Number of attempts that wait for a place, across all keys. */
  readonly waiting: number;
  /** Exists only in types: the arguments that the limit accepts. */
  readonly accepts?: ((...args: Args) => void) | undefined;
}

/**
 * The values of the option `limit`: options for a limit of the action's own, a `Limit` created by `limit()`, or a list
 * of these. Every limit must accept the arguments of the action.
 */
export type LimitOption<Args extends readonly unknown[]> = OneLimit<Args> | readonly OneLimit<Args>[];

/** A limit or its options. Without the `running?: never`, a `Limit` for any arguments would be accepted as options. */
type OneLimit<Args extends readonly unknown[]> = Limit<Args> | (LimitOptions<Args> & { readonly running?: never });

const readLimitOptions = anObjectOf<LimitOptions>({
  name: aName,
  concurrency: aConcurrency,
  rate: aConcurrency,
  per: aValue(
    `a number of milliseconds above 0, up to ${longestDelay}`,
    (value) => typeof value === 'number' && value > 0 && value <= longestDelay,
  ),
  key: aFunction,
  cost: aFunction,
  pauseOn: aFunction,
  maxQueue: aCount,
});

/**
 * Creates a limit for all actions that refer to it in their option `limit`. The limit sets how many attempts may run at
 * once, and how many may start in a time. Each attempt of an action, including retries, waits for a place. Waiting
 * attempts start in order of arrival; an attempt whose task is aborted leaves the queue immediately.
 *
 * An attempt releases its place when it settles, times out or is aborted. A function that ignores its signal may still
 * be running then. To prevent this, pass `orchestrator.signal` to the functions it calls.
 *
 * An action that calls another action under the same limit holds its place while it waits for the inner action. If all
 * places are held by such outer actions, none of them can proceed. Give the outer action no limit, or a different one.
 *
 * @param options - `concurrency`, `rate`, `per`, `key`, `cost`, `pauseOn`, `maxQueue`, `name`; see `LimitOptions`
 * @throws {ValidationError} if an option is unknown or has the wrong type, or if the options limit nothing
 * @example
 * const github = limit({ concurrency: 5, rate: 10, per: 1_000 });
 * const fetchUser = orchestrator.action(getUser, { limit: github, retry: 3 });
 * const fetchOrders = orchestrator.action(getOrders, { limit: github });
 */
// biome-ignore lint/suspicious/noExplicitAny: a limit without key and cost fits every action
export function limit<Args extends readonly unknown[] = any[]>(options: LimitOptions<Args>): Limit<Args> {
  return new AnyLimit(options);
}

/** Reads the option `limit`. */
export const readLimit: Reader<readonly AnyLimit[]> = (value, field) => {
  const isList = Array.isArray(value);
  const limits = Array.from(isList ? value : [value], (item, index) =>
    item instanceof AnyLimit ? item : new AnyLimit(item, isList ? `${field}[${index}]` : field),
  );
  return [...new Set(limits)].sort(inOrder);
};

/**
 * Compares limits. All actions take their places in the same order, so that no two actions can deadlock. Limits that
 * several programs share come last, by name, because each program may create them in another order.
 */
function inOrder(one: AnyLimit, other: AnyLimit): number {
  if (one.sharedName === other.sharedName) return one.number - other.number;
  return one.sharedName < other.sharedName ? -1 : 1;
}

/** Options of a limit as data, without functions, for nodes that are JSON. */
export type LimitData = Pick<LimitOptions, 'name' | 'concurrency' | 'rate' | 'per' | 'maxQueue'>;

/** Validates a limit as data: a name, options without functions, or `null`. */
export const aLimitAsData: Reader<string | LimitData | null> = (value, field) => {
  if (value === null) return null;
  if (typeof value === 'string') return aName(value, field);
  if (value instanceof AnyLimit) throw invalid(field, 'data: name a limit() of the registry', value);
  for (const [key, option] of Object.entries(Object(value))) {
    if (typeof option === 'function')
      throw invalid(`${field}.${key}`, 'data: name a limit() of the registry for options that are functions', option);
  }
  readLimit(value, field);
  return value as LimitData;
};

let made = 0;

const inMemory: MakePlaces = (rules, _key, onIdle) => new Lane(rules, onIdle);

/** A limit in memory or in a shared store. */
export class AnyLimit implements Limit {
  readonly name: string | undefined;
  readonly number = made++;
  /** The name of a limit that several programs share. `''` for a limit in memory. */
  readonly sharedName: string;
  readonly #options: LimitOptions;
  readonly #rules: Rules;
  readonly #only: Places | undefined;
  readonly #lanes = new Map<string, Places>();
  /** The timer that forgets keys. */
  #sweep: NodeJS.Timeout | undefined = undefined;

  /** @param make - creates the places. Default: in memory */
  constructor(
    options: unknown,
    field = '',
    private readonly make: MakePlaces = inMemory,
  ) {
    if (!isPlainObject(options)) {
      throw invalid(field || 'options', field ? 'options of a limit, or a limit()' : 'options of a limit', options);
    }
    const read = readLimitOptions(options, field);
    const { name, concurrency = Infinity, rate = Infinity, per = 1_000, cost, key, pauseOn } = read;
    const path = field === '' ? '' : `${field}.`;
    if (concurrency === Infinity && rate === Infinity && pauseOn === undefined)
      throw new ValidationError(`${field || 'options'} limits nothing: give concurrency, rate or pauseOn`);
    const needless = rate < Infinity ? undefined : cost === undefined ? read.per && 'per' : 'cost';
    if (needless)
      throw new ValidationError(`${path}${needless} has no effect without a rate: give rate or leave it out`);
    this.name = name;
    this.sharedName = make === inMemory ? '' : String(name);
    this.#options = read;
    this.#rules = { concurrency, rate, per };
    this.#only = key === undefined ? make(this.#rules, undefined) : undefined;
  }

  get running(): number {
    return this.#sum((lane) => lane.running);
  }

  get waiting(): number {
    return this.#sum((lane) => lane.waiting);
  }

  /**
   * Returns the milliseconds for which a failure pauses the limit: 0 for none.
   *
   * @throws the error of `pauseOn`, or a ValidationError if its result is not valid
   */
  pauseAfter(failure: Error): number {
    const asked = this.#options.pauseOn?.(failure);
    // An async function is not supported. Its rejection must not end the program.
    if (isPromiseLike(asked)) asked.then(undefined, () => {});
    return millisecondsOf(asked, 'limit.pauseOn') ?? 0;
  }

  /**
   * Returns the key of a call, or `undefined` if the limit has no keys.
   *
   * @throws {ValidationError} if the key is neither a string nor a number
   */
  keyOf({ args }: Task): string | undefined {
    if (this.#options.key === undefined) return undefined;
    const key: unknown = this.#options.key(...args);
    if (typeof key === 'string') return key;
    if (typeof key === 'number') return String(key);
    throw invalid('the result of limit.key', 'a string or a number', key);
  }

  /** Returns the queue for a key, or the only queue if the limit has no keys. */
  laneAt(key: string | undefined): Places {
    return key === undefined ? (this.#only as Places) : this.#laneFor(key);
  }

  /**
   * Returns the cost of a call.
   *
   * @throws {ValidationError} if the cost is not a whole number from 0 to the rate
   */
  costOf({ name, args }: Task): number {
    const { cost } = this.#options;
    const { rate } = this.#rules;
    if (cost === undefined) return rate === Infinity ? 0 : 1;
    const given = cost(...args);
    if (Number.isSafeInteger(given) && given >= 0 && given <= rate) return given;
    throw invalid(`limit.cost of "${name}"`, `a whole number from 0 to ${rate} (the rate)`, given);
  }

  /**
   * Admits a call to the queue.
   *
   * @throws {LimitError} if the queue is full
   */
  admit({ waiting }: Places, key: string | undefined, { name }: Task): void {
    const { maxQueue = Infinity } = this.#options;
    if (waiting >= maxQueue) throw new LimitError(name, this.name, key, maxQueue);
  }

  #laneFor(key: string): Places {
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = this.make(this.#rules, key, () => this.#forget(key));
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  /** Forgets a key immediately if it is idle, or else when its window is empty and its pause is over. */
  #forget(key: string): void {
    if (this.#lanes.get(key)?.isIdle) this.#lanes.delete(key);
    else if (this.#sweep === undefined) this.#sweepLater();
  }

  #sweepLater(): void {
    const period = Math.max(this.#rules.per, 1_000);
    this.#sweep = unref(detached(() => setTimeout(() => this.#forgetIdle(), period)));
  }

  #forgetIdle(): void {
    this.#sweep = undefined;
    for (const [key, lane] of this.#lanes) if (lane.isIdle) this.#lanes.delete(key);
    if (this.#lanes.size > 0) this.#sweepLater();
  }

  #sum(count: (lane: Places) => number): number {
    if (this.#only !== undefined) return count(this.#only);
    let sum = 0;
    for (const lane of this.#lanes.values()) sum += count(lane);
    return sum;
  }
}
