import type { Limit, LimitOptions } from '../kernel/limit.js';
import { AnyLimit } from '../kernel/limit.js';
import { aName, aValue, invalid, isPlainObject, longestDelay } from '../shared/validate.js';
import { Leases } from './leases.js';
import { SharedLane } from './shared-lane.js';
import type { LimitStore } from './store.js';

/**
 * Options of a limit that several programs share: those of a limit in memory, and its store.
 *
 * @example
 * const options: SharedLimitOptions = { name: 'github', rate: 10, store: redisLimits('redis://localhost') };
 */
// biome-ignore lint/suspicious/noExplicitAny: a limit without key and cost fits every action
export interface SharedLimitOptions<Args extends readonly unknown[] = any[]> extends LimitOptions<Args> {
  /** Name of the limit. All programs that use the same name and store share the limit, and should give equal options. */
  readonly name: string;
  /** The store, made by `redisLimits` or `postgresLimits`. */
  readonly store: LimitStore;
  /**
   * Milliseconds after which the place of a program that has died is free again, from 100 to 2147483647. Living
   * programs renew their places three times as often. Default: 15000.
   */
  readonly lease?: number | undefined;
  /**
   * Reaction to a store that cannot be reached: `wait` until it can be (and the task until its own limits), or `fail`
   * with a `LimitStoreError`. Default: `wait`.
   */
  readonly onStoreError?: 'wait' | 'fail' | undefined;
}

const aStore = aValue<LimitStore>(
  'a store, made by redisLimits() or postgresLimits()',
  (value) => typeof (value as LimitStore | null)?.take === 'function',
);
const aLease = aValue<number>(
  `a number of milliseconds from 100 to ${longestDelay}`,
  (value) => typeof value === 'number' && value >= 100 && value <= longestDelay,
);
const aReaction = aValue<'wait' | 'fail'>("'wait' or 'fail'", (value) => value === 'wait' || value === 'fail');

/**
 * Makes a limit that several programs share: concurrency, window and pauses are kept in a store. For the option `limit`
 * of actions and nodes, like a limit in memory.
 *
 * The store's clock decides, so the window is exact for the times at which the store gives places. Attempts of one
 * program start in order of arrival; between programs there is no order. A program that is killed gives its places back
 * when their `lease` is over.
 *
 * @param options - those of a limit in memory, `store`, `lease` and `onStoreError`; see `SharedLimitOptions`
 * @throws {ValidationError} if an option is unknown or has the wrong type, or if the options limit nothing
 * @example
 * import { limit, redisLimits } from 'orchestrator/limits';
 *
 * const github = limit({ name: 'github', concurrency: 5, rate: 10, store: redisLimits('redis://localhost') });
 * const fetchUser = orchestrator.action(getUser, { limit: github, retry: 3 });
 */
// biome-ignore lint/suspicious/noExplicitAny: a limit without key and cost fits every action
export function limit<Args extends readonly unknown[] = any[]>(options: SharedLimitOptions<Args>): Limit<Args> {
  if (!isPlainObject(options)) throw invalid('options', 'an object', options);
  const { store, lease = 15_000, onStoreError = 'wait', ...rules } = options;
  const name = aName(rules.name, 'name');
  const leases = new Leases(aStore(store, 'store'), aLease(lease, 'lease'));
  const setting = { name, store, lease, leases, fails: aReaction(onStoreError, 'onStoreError') === 'fail' };
  return new AnyLimit(rules, '', (its, key = '', onIdle) => new SharedLane(setting, its, key, onIdle));
}
