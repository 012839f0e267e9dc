import { ValidationError } from '../shared/errors.js';
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
} from '../shared/validate.js';
import { LimitError } from './errors.js';
import { Lane, type MakePlaces, type Places, type Rules } from './lane.js';
import { detached } from './process.js';
import type { Task } from './task.js';

/**
 * Options of `limit()`, and of the option `limit` of an action. At least one of `concurrency`, `rate` and `pauseOn` has
 * to be given; without the others, there is no such limit.
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
   * `cost`, the maximum sum of their costs. The window slides: no period of that length ever sees more. Default:
   * Infinity.
   */
  readonly rate?: number | undefined;
  /** Length of the window of `rate`, in milliseconds: above 0, up to 2147483647. Default: 1000. */
  readonly per?: number | undefined;
  /**
   * Returns the key of a call, from its arguments: a string or a number. Each key has a limit of its own. Keys that are
   * not in use are forgotten. Default: one limit for all calls.
   */
  readonly key?: ((...args: Args) => string | number) | undefined;
  /**
   * Returns the part of `rate` that a call takes, from its arguments: a whole number from 0 to `rate`. Default: 1.
   */
  readonly cost?: ((...args: Args) => number) | undefined;
  /**
   * Called with the failure of each attempt. Returns the time for which the whole limit is closed, or the limit of that
   * key: milliseconds, a Date, or the text of a `Retry-After` field, as for `retryAfter` of the retries. For
   * `undefined`, `null` and any other text, the limit stays open. Running attempts go on. If it throws, the attempt
   * fails with that error. Default: none.
   */
  readonly pauseOn?: ((error: Error) => number | string | Date | null | undefined) | undefined;
  /**
   * Maximum number of attempts that wait for a place: a whole number, or Infinity. Further attempts are refused with a
   * `LimitError`. With `key`, the number for each key. Default: Infinity.
   */
  readonly maxQueue?: number | undefined;
}

/**
 * A limit that actions share, made by `limit()`. `Args` are the arguments that its `key` and `cost` receive. An action
 * can use the limit if its parameters fit.
 */
// biome-ignore lint/suspicious/noExplicitAny: a limit without key and cost fits every action
export interface Limit<Args extends readonly unknown[] = any[]> {
  /** Name of the limit, if it has one. */
  readonly name: string | undefined;
  /** Number of attempts that have a place, over all keys. */
  readonly running: number;
  /** Number of attempts that wait for a place, over all keys. */
  readonly waiting: number;
  /** Exists in types only: the arguments that the limit accepts. */
  readonly accepts?: ((...args: Args) => void) | undefined;
}

/**
 * The values of the option `limit`: options for a limit of its own, a `Limit` made by `limit()`, or a list of them. All
 * of them fit the arguments of the action.
 */
export type LimitOption<Args extends readonly unknown[]> = OneLimit<Args> | readonly OneLimit<Args>[];

/** A limit or its options. Without the second part, a `Limit` of any arguments would pass for options. */
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
 * Makes a limit for all actions that name it in their option `limit`: how many attempts run at once, and how many start
 * in a time. Each attempt of an action, retries included, waits for a place. Waiting attempts start in order of
 * arrival; an attempt whose task is aborted leaves the queue at once.
 *
 * An attempt gives its place back when it has settled for its task: also when it has timed out, or its run was aborted.
 * A function that ignores its signal may then still be running. Pass `orchestrator.signal` to what it calls.
 *
 * An action that calls another action of the same limit holds its place while it waits for the inner one. If all places
 * are held that way, nothing goes on. Give the outer action no limit, or another one.
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
  const limits = (Array.isArray(value) ? value : [value]).map((item, index) =>
    item instanceof AnyLimit ? item : new AnyLimit(item, Array.isArray(value) ? `${field}.${index}` : field),
  );
  // All actions take their places in the same order, so that no two of them wait for each other.
  return [...new Set(limits)].sort((one, other) => one.number - other.number);
};

/** Options of a limit as data, for nodes that are JSON: without functions. */
export type LimitData = Pick<LimitOptions, 'name' | 'concurrency' | 'rate' | 'per' | 'maxQueue'>;

/** Validates a limit that is data: a name, options without functions, or `null`. */
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

/** A limit of any kind. */
export class AnyLimit implements Limit {
  readonly name: string | undefined;
  readonly number = made++;
  readonly #options: LimitOptions;
  readonly #rules: Rules;
  readonly #only: Places | undefined;
  readonly #lanes = new Map<string, Places>();
  /** The timer that forgets keys. */
  #sweep: NodeJS.Timeout | undefined = undefined;

  /** @param make - makes the places. Default: in memory */
  constructor(
    options: unknown,
    field = '',
    private readonly make: MakePlaces = (rules, _key, onIdle) => new Lane(rules, onIdle),
  ) {
    if (!isPlainObject(options)) throw invalid(field || 'options', 'options of a limit, or a limit()', options);
    const read = readLimitOptions(options, field);
    const { name, concurrency = Infinity, rate = Infinity, per = 1_000, cost, key, pauseOn } = read;
    const path = field === '' ? '' : `${field}.`;
    if (concurrency === Infinity && rate === Infinity && pauseOn === undefined)
      throw new ValidationError(`${field || 'options'} limits nothing: give concurrency, rate or pauseOn`);
    const needless = rate < Infinity ? undefined : cost === undefined ? read.per && 'per' : 'cost';
    if (needless)
      throw new ValidationError(`${path}${needless} has no effect without a rate: give rate or leave it out`);
    this.name = name;
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

  get pauseOn(): LimitOptions['pauseOn'] {
    return this.#options.pauseOn;
  }

  /**
   * Returns the queue for a call.
   *
   * @throws {ValidationError} if the key is neither a string nor a number
   */
  laneOf({ args }: Task): Places {
    return this.#only ?? this.#laneAt(this.#keyOf(args));
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
  admit({ waiting }: Places, { name, args }: Task): void {
    const { maxQueue = Infinity, key } = this.#options;
    if (waiting >= maxQueue) throw new LimitError(name, this.name, key && this.#keyOf(args), maxQueue);
  }

  #keyOf(args: readonly unknown[]): string {
    const key: unknown = this.#options.key?.(...(args as unknown[]));
    if (typeof key === 'string') return key;
    if (typeof key === 'number') return String(key);
    throw invalid('the result of limit.key', 'a string or a number', key);
  }

  #laneAt(key: string): Places {
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = this.make(this.#rules, key, () => this.#forget(key));
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  /** Forgets a key at once, or when its window is empty and its pause is over. */
  #forget(key: string): void {
    if (this.#lanes.get(key)?.isIdle) this.#lanes.delete(key);
    else if (this.#sweep === undefined) this.#sweepLater();
  }

  #sweepLater(): void {
    const period = Math.max(this.#rules.per, 1_000);
    this.#sweep = detached(() => setTimeout(() => this.#forgetIdle(), period)).unref();
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
