import type { Limit, LimitOptions } from '../kernel/limit.js';
import { AnyLimit } from '../kernel/limit.js';
import { aName, aValue, invalid, isPlainObject, longestDelay } from '../shared/validate.js';
import { Leases } from './leases.js';
import { SharedLane } from './shared-lane.js';
import type { LimitStore } from './store.js';

/**
 * Options of a limit that several programs share: the options of a limit in memory, and the store.
 *
 * @example
 * const options: SharedLimitOptions = { name: 'github', rate: 10, store: redisLimits('redis://localhost') };
 */
// biome-ignore lint/suspicious/noExplicitAny: a limit without key and cost fits every action
export interface SharedLimitOptions<Args extends readonly unknown[] = any[]> extends LimitOptions<Args> {
  /** Name of the limit. All programs that use the same name and store share the limit, and should set equal options. */
  readonly name: string;
  /** The store, created by `redisLimits` or `postgresLimits`. */
  readonly store: LimitStore;
  /**
   * Milliseconds after which a place of a program that has died becomes free again, from 100 to 2147483647. A running
   * program renews its places three times in this period. Default: 15000.
   */
  readonly lease?: number | undefined;
  /**
   * Reaction to a store that cannot be reached. With `wait`, attempts wait until the store can be reached or their task
   * is aborted. With `fail`, attempts fail with a `LimitStoreError`. Default: `wait`.
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
 * Creates a limit that several programs share: concurrency, window and pauses are kept in a store. Like a limit in
 * memory, it can be used for the option `limit` of actions and nodes.
 *
 * All times are those of the store's clock, so the window is exact for the times at which the store grants places.
 * Attempts of one program start in order of arrival, but there is no order between programs. The places of a program
 * that is killed become free when their `lease` expires.
 *
 * @param options - the options of a limit in memory, `store`, `lease` and `onStoreError`; see `SharedLimitOptions`
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
