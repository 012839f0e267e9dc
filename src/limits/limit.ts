import type { Limit, LimitOptions } from '../kernel/policies/limit.js';
import { AnyLimit } from '../kernel/policies/limit.js';
import { aName, aValue, invalid, isPlainObject, longestDelay } from '../shared/validate.js';
import type { LimitStoreError } from './errors.js';
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
   * is aborted. With `fail`, attempts fail with a `LimitStoreError`. A function is called with this error each time, and
   * returns one of the two. Errors that waiting cannot cure, such as a wrong password, always fail the attempt. Default:
   * `wait`.
   */
  readonly onStoreError?: Reaction | ((error: LimitStoreError) => Reaction) | undefined;
}

/** Reaction of attempts to a store that cannot be reached. */
type Reaction = 'wait' | 'fail';

const aStore = aValue<LimitStore>(
  'a store, made by redisLimits() or postgresLimits()',
  (value) => typeof (value as LimitStore | null)?.take === 'function',
);
const aLease = aValue<number>(
  `a number of milliseconds from 100 to ${longestDelay}`,
  (value) => typeof value === 'number' && value >= 100 && value <= longestDelay,
);
const aReaction = aValue<Reaction | ((error: LimitStoreError) => Reaction)>(
  "'wait', 'fail' or a function",
  (value) => value === 'wait' || value === 'fail' || typeof value === 'function',
);

/**
 * Creates a limit that several programs share: concurrency, window and pauses are kept in a store. Like a limit in
 * memory, it can be used for the option `limit` of actions and nodes.
 *
 * All times are those of the store's clock, so the window is exact for the times at which the store grants places.
 * Attempts of one program start in order of arrival. Between programs there is no order, but an attempt that has waited
 * for a second at the head of its program's queue is served before younger attempts. The places of a program that is
 * killed become free when their `lease` expires. The places of a program that stands still for longer do so too: while
 * it then ends its attempts, more than `concurrency` may be running.
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
  const reaction = aReaction(onStoreError, 'onStoreError');
  const fails = (error: LimitStoreError) => (typeof reaction === 'function' ? reaction(error) : reaction) === 'fail';
  const setting = { name, store, lease, leases, fails };
  return new AnyLimit(rules, '', (its, key = '', onIdle) => new SharedLane(setting, its, key, onIdle));
}
