import pAll from 'p-all';
import { Cancellation, limit, untilAborted } from '../cancellation.js';
import { interrupt, isTimeout, ParallelError, type TimeoutError } from '../errors.js';
import { asFailure } from '../scope/lifecycle.js';
import { type Core, enter, type Fork, type Scope } from '../scope/process.js';
import type { Shape } from './combine.js';
import { abortedBy, type Form, inFork, inGroup, Members, type RunningGroup } from './group.js';
import type { GroupOptions } from './group-options.js';
import { callWith, isAsync, sizeOf } from './items.js';

/** The options of a group, after validation. */
interface GatherOptions extends GroupOptions {
  readonly failFast?: boolean | undefined;
  readonly timeout?: number | undefined;
}

interface GatherForm extends Form {
  /** Keys of the items. Default: their numbers. */
  readonly keys?: readonly string[] | undefined;
  readonly shape: Shape;
}

/**
 * Calls an action for each item concurrently and combines the results. The results are stored here, by index. p-all
 * only decides which item is next, so it can neither drop nor interpret a result.
 */
export function gather<Item>(
  core: Core,
  items: Iterable<Item> | AsyncIterable<Item>,
  action: (item: Item) => unknown,
  options: GatherOptions,
  form: GatherForm,
): Promise<unknown> {
  return inGroup(core, form, items, (scope, group, fork) =>
    sideBySide(scope, items, action, options, form, group, fork),
  );
}

async function sideBySide<Item>(
  scope: Scope,
  items: Iterable<Item> | AsyncIterable<Item>,
  action: (item: Item) => unknown,
  { failFast = false, concurrency = Infinity, settle = false, timeout = Infinity }: GatherOptions,
  { name, keys, shape }: GatherForm,
  group?: RunningGroup,
  fork?: Fork,
): Promise<unknown> {
  const isLimited = timeout < Infinity;
  const cancellation = new Cancellation([scope.cancellation], failFast || isLimited);
  const members = isLimited ? new Members(scope, cancellation) : undefined;
  limit(cancellation, name, timeout, fork);
  const settled: PromiseSettledResult<unknown>[] = [];
  const step = (item: Item, index: number) => async () => {
    cancellation.throwIfAborted();
    const call = inFork(fork, keys?.[index] ?? index, callWith(item, action));
    try {
      const value = await (members === undefined ? call(cancellation) : members.call(call));
      if (cancellation.aborted) return;
      settled[index] = { status: 'fulfilled', value };
      group?.ended('completed');
    } catch (thrown) {
      if (cancellation.aborted) return;
      group?.ended('failed');
      const reason = asFailure(thrown, 'parallel', cancellation);
      if (failFast) throw reason;
      settled[index] = { status: 'rejected', reason };
    }
  };
  const taking: Taking = { group, count: 0, isDone: false, broken: undefined };
  const steps = isAsync(items) ? eachAsync(items, step, taking) : each(items, step, taking);
  const atLimit = (reason: TimeoutError) => {
    const size = sizeOf(items) ?? (taking.isDone ? taking.count : taking.count + 1);
    return cutShort(settled, size, reason);
  };
  const onAbort = ({ reason, expired }: Cancellation) => {
    if (!failFast && expired === undefined && isTimeout(reason)) {
      interrupt(reason, { name, results: shape(atLimit(reason)) });
    }
  };
  let results = settled;
  let expired: TimeoutError | undefined;
  cancellation.addEventListener('abort', onAbort);
  try {
    // p-all passes any iterable, including an async iterable, to p-map, although its types mention only arrays.
    const work = () => untilAborted(cancellation, pAll(steps as Iterable<never> as never[], { concurrency }));
    await enter({ process: scope.process, cancellation, outer: scope }, work);
    if (taking.broken !== undefined) throw taking.broken.thrown;
  } catch (failure) {
    expired = cancellation.expired;
    const isExpired = expired !== undefined && failure === expired;
    const reason = isExpired ? failure : abortedBy('Aborted with its parallel group', failure);
    members?.abort(() => reason);
    cancellation.abort(reason);
    if (failFast || expired === undefined || !isExpired) throw failure;
    results = atLimit(expired);
  } finally {
    cancellation.removeEventListener('abort', onAbort);
    cancellation.release();
    close(steps);
  }
  if (settle) return shape(results);
  const failures = results.filter((result) => result.status === 'rejected').map((result) => result.reason as Error);
  if (failures.length > 0) throw new ParallelError(failures, shape(results), expired && { cause: expired });
  return shape(results.map((result) => (result as PromiseFulfilledResult<unknown>).value));
}

/**
 * Completes the results of a group that has reached a limit. Each action that has not ended counts as failed with the
 * error of the limit.
 *
 * @param size - the number of items; an unread rest of unknown size counts as one item
 */
export function cutShort(
  settled: readonly (PromiseSettledResult<unknown> | undefined)[],
  size: number,
  reason: TimeoutError,
): PromiseSettledResult<unknown>[] {
  const length = Math.max(size, settled.length);
  return Array.from({ length }, (_, index) => settled[index] ?? { status: 'rejected', reason });
}

/** Progress of the iteration over the items. */
interface Taking {
  readonly group: RunningGroup | undefined;
  /** Number of items taken so far. */
  count: number;
  /** If true, all items have been taken. */
  isDone: boolean;
  /**
   * The error that the iterator threw. Stored here because p-map requests several items at a time, and may reach the
   * end before it receives the error.
   */
  broken: { readonly thrown: unknown } | undefined;
}

type StepOf<Item, Step> = (item: Item, index: number) => Step;

function* each<Item, Step>(items: Iterable<Item>, step: StepOf<Item, Step>, taking: Taking) {
  for (const item of items) yield step(item, taking.count++);
  allTaken(taking);
}

async function* eachAsync<Item, Step>(items: AsyncIterable<Item>, step: StepOf<Item, Step>, taking: Taking) {
  try {
    for await (const item of items) yield step(item, taking.count++);
  } catch (thrown) {
    taking.broken = { thrown };
    throw thrown;
  }
  allTaken(taking);
}

function allTaken(taking: Taking): void {
  taking.isDone = true;
  taking.group?.taken(taking.count);
}

/**
 * Lets the iterator clean up if not all items were taken, and ignores its errors. Not awaited by the callers, because
 * the clean-up may hang.
 */
async function close(steps: Generator | AsyncGenerator): Promise<void> {
  try {
    await steps.return(undefined);
  } catch {}
}
