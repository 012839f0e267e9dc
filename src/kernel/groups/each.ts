import { textOf } from '../../shared/errors.js';
import { type AnyFunction, aBoolean, aFunction, anObjectOf } from '../../shared/validate.js';
import { Cancellation, limit } from '../cancellation.js';
import { asFailure } from '../scope/lifecycle.js';
import { type Core, enter, type Fork, type Scope } from '../scope/process.js';
import { abortedBy, inFork, inGroup, Members, type RunningGroup } from './group.js';
import { type GroupOptions, groupReaders } from './group-options.js';
import { anIterable, callWith, expectFailures, type Items, isAsync } from './items.js';

/**
 * Options of `orchestrator.each`. By default, up to ten actions run at the same time, results are yielded as actions
 * complete, and the first failure ends the iteration.
 *
 * @example
 * const options: EachOptions = { concurrency: 5, ordered: true };
 * for await (const user of orchestrator.each(ids, fetchUser, options)) console.log(user);
 */
export interface EachOptions<Settle extends boolean | undefined = boolean | undefined> extends GroupOptions<Settle> {
  /** If true, yields results in the order of the items. Default: false, yields results as actions complete. */
  readonly ordered?: boolean | undefined;
}

/**
 * The elements of `each`: values, or settled results if the options have `settle: true`. If `settle` is known only at
 * run time, the type is the union of both.
 */
export type EachResult<Result, Settle extends boolean | undefined = false> = Settle extends true
  ? PromiseSettledResult<Awaited<Result>>
  : Awaited<Result>;

/**
 * The results of `each`: an async iterator that can be iterated once. Leaving a `for await` loop ends the iteration.
 * Code that calls `next` directly must call `return` when done, or declare the iterator with `await using`.
 */
export interface EachResults<Element> {
  next(): Promise<IteratorResult<Element, undefined>>;
  return(): Promise<IteratorResult<Element, undefined>>;
  [Symbol.asyncIterator](): this;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Options after validation. Infinity means no limit. */
type Read = EachOptions & { readonly timeout?: number | undefined };

const readEachOptions = anObjectOf<EachOptions, Read>({ ...groupReaders, ordered: aBoolean });

/** Creates the iterator of `each`. Nothing starts before the first element is requested. */
export function each(core: Core, items: Items, action: AnyFunction, options: unknown = {}): EachResults<unknown> {
  anIterable(items, 'items');
  aFunction(action, 'action');
  return new Each(core, items, action, readEachOptions(options));
}

const done: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** A call of `next` that is waiting for an element. */
interface Taker {
  readonly resolve: (next: IteratorResult<unknown, undefined> | PromiseLike<typeof done>) => void;
}

/**
 * The iteration of `each`:
 *
 *     idle ─ first next() ─► running ─┬─ all taken ────────────────► over
 *                                     ├─ failure, limit ─ drained ─► over, the error comes after the results
 *                                     └─ abort, return() ──────────► over, results are dropped
 *
 * A separate loop (`#drive`) reads the source in the scope and the asynchronous context of the group, independent of
 * the code that calls `next`. An item counts towards `concurrency` from the time it is requested until its result is
 * taken.
 */
class Each implements EachResults<unknown> {
  readonly #core: Core;
  readonly #items: Items;
  readonly #action: AnyFunction;
  readonly #options: Read;
  /** Results that have not been taken yet, by position: the index of the item, or the order of completion. */
  readonly #ready = new Map<number, unknown>();
  readonly #takers: Taker[] = [];
  #read = 0;
  #completed = 0;
  #taken = 0;
  #isExhausted = false;
  /** If true, nothing more starts, and work that ends from now on is ignored. */
  #isOver = false;
  /** Settles when the group has ended and, outside a run, when the run of the group has ended. */
  #outcome: Promise<unknown> | undefined;
  /** If true, the outcome of the group was passed to a caller. */
  #isTold = false;
  /** Ends the group, if it has begun. */
  #end: (failure: { readonly thrown: unknown } | undefined) => void = () => {};
  #wake: () => void = () => {};

  constructor(core: Core, items: Items, action: AnyFunction, options: Read) {
    this.#core = core;
    this.#items = items;
    this.#action = action;
    this.#options = options;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#outcome === undefined && !this.#isOver) this.#start();
    return new Promise((resolve) => {
      this.#takers.push({ resolve });
      this.#deliver();
    });
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    // Drops a failure that no caller has received, but not the error of a completion hook.
    const isTold = this.#isTold || this.#isOver;
    this.#isTold = true;
    this.#ready.clear();
    this.#finish(undefined);
    if (!isTold) await this.#outcome;
    return done;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #start(): void {
    const { name = this.#action.name || 'anonymous' } = this.#options;
    expectFailures(this.#items);
    const form = { kind: 'each', name } as const;
    this.#outcome = inGroup(this.#core, form, this.#items, (scope, group, fork) => this.#run(name, scope, group, fork));
    // Also ends the iteration if a begin hook of the run fails or the surrounding run is aborted.
    this.#outcome.then(undefined, (thrown) => this.#finish({ thrown }));
  }

  /** Reads and handles items until the iteration is over. */
  #run(name: string, scope: Scope, group: RunningGroup | undefined, fork: Fork | undefined): Promise<void> {
    const { timeout = Infinity } = this.#options;
    const cancellation = new Cancellation([scope.cancellation], timeout < Infinity);
    const members = new Members(scope, cancellation);
    scope.process.begin();
    return new Promise((resolve, reject) => {
      let close = () => {};
      const onAbort = ({ expired, reason }: Cancellation) => {
        if (expired === undefined) this.#ready.clear();
        this.#finish({ thrown: reason });
      };
      this.#end = (failure) => {
        cancellation.removeEventListener('abort', onAbort);
        members.abort(
          () => cancellation.expired ?? abortedBy('Aborted because its iteration has ended', failure?.thrown),
        );
        cancellation.release();
        enter(scope, () => close());
        scope.process.end();
        if (failure === undefined) resolve();
        else reject(failure.thrown);
      };
      if (this.#isOver) return this.#end(undefined);
      if (cancellation.aborted) return onAbort(cancellation);
      cancellation.addEventListener('abort', onAbort);
      limit(cancellation, name, timeout, fork);
      const opened = (iterator: Iterator<unknown> | AsyncIterator<unknown>) => {
        close = () => closeIterator(iterator);
      };
      const closed = () => {
        close = () => {};
      };
      const handle = (item: unknown, index: number) => this.#handle(item, index, members, cancellation, group, fork);
      enter(scope, () => this.#drive(opened, handle, group)).then(closed, (thrown) => {
        closed();
        this.#finish({ thrown });
      });
    });
  }

  async #drive(
    opened: (iterator: Iterator<unknown> | AsyncIterator<unknown>) => void,
    handle: (item: unknown, index: number) => void,
    group: RunningGroup | undefined,
  ): Promise<void> {
    const { concurrency = 10 } = this.#options;
    const items = this.#items;
    const iterator = isAsync(items) ? items[Symbol.asyncIterator]() : (items as Iterable<unknown>)[Symbol.iterator]();
    opened(iterator);
    for (;;) {
      while (!this.#isOver && this.#read - this.#taken >= concurrency) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      if (this.#isOver) return;
      const next: unknown = await iterator.next();
      if (this.#isOver) return;
      // The rule of `for await`, in the words of V8.
      if (next !== Object(next)) throw new TypeError(`Iterator result ${textOf(next)} is not an object`);
      const { done, value } = next as IteratorResult<unknown>;
      if (done) break;
      handle(value, this.#read++);
    }
    this.#isExhausted = true;
    group?.taken(this.#read);
    this.#deliver();
  }

  async #handle(
    item: unknown,
    index: number,
    members: Members,
    cancellation: Cancellation,
    group: RunningGroup | undefined,
    fork: Fork | undefined,
  ): Promise<void> {
    const { ordered, settle } = this.#options;
    const action = this.#action;
    let element: unknown;
    try {
      const value = await members.call(inFork(fork, index, callWith(item, action)));
      if (this.#isOver) return;
      group?.ended('completed');
      element = settle ? { status: 'fulfilled', value } : value;
    } catch (thrown) {
      if (this.#isOver) return;
      group?.ended('failed');
      const reason = asFailure(thrown, 'each', cancellation);
      if (!settle) return this.#finish({ thrown: reason });
      element = { status: 'rejected', reason };
    }
    this.#ready.set(ordered ? index : this.#completed++, element);
    this.#deliver();
  }

  /**
   * Ends the iteration: nothing more starts, and pending actions are aborted. Results that are already available stay.
   */
  #finish(failure: { readonly thrown: unknown } | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end(failure);
    this.#wake();
    this.#deliver();
  }

  /** Resolves the pending calls of `next`, in order. */
  #deliver(): void {
    while (this.#takers.length > 0) {
      if (this.#ready.has(this.#taken)) {
        const value = this.#ready.get(this.#taken);
        this.#ready.delete(this.#taken++);
        this.#takers.shift()?.resolve({ done: false, value });
        this.#wake();
      } else if (this.#isOver) {
        this.#ready.clear();
        this.#takers.shift()?.resolve(this.#ending());
      } else if (this.#isExhausted && this.#taken === this.#read) {
        this.#finish(undefined);
      } else return;
    }
  }

  /** Returns the end of the iteration. The first caller receives the outcome of the group. */
  #ending(): typeof done | PromiseLike<typeof done> {
    if (this.#isTold || this.#outcome === undefined) return done;
    this.#isTold = true;
    return this.#outcome.then(() => done);
  }
}

/** Lets an iterator clean up and ignores its errors. Not awaited by the callers, because the clean-up may hang. */
async function closeIterator(iterator: Iterator<unknown> | AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {}
}
