import { isPromiseLike } from '../../shared/promise-like.js';
import { type AnyFunction, aBoolean, anObjectOf, aSignal } from '../../shared/validate.js';
import { cancellationOf } from '../cancellation.js';
import { failureOf, suppress } from '../errors.js';
import { hookErrorChannel } from './channels.js';
import type {
  HookName,
  Mutable,
  Outcome,
  ProcessBeginEvent,
  ProcessCompletionEvent,
  TaskBeginEvent,
  TaskCompletionEvent,
  TaskRecord,
  TaskRetryEvent,
} from './events.js';

/**
 * An observer of a process or a task, registered with `onTaskBegin`, `onProcessCompletion` and so on. The return value
 * is awaited and then ignored. For the effect of a hook that throws, see the method that registers the hook.
 *
 * @example
 * const log: Hook<TaskCompletionEvent> = ({ name, duration, status }) => logger.info({ name, duration, status });
 */
export type Hook<Event> = (event: Event) => unknown;

/**
 * A function that wraps every task, registered with `orchestrator.use`. Its awaited result becomes the result of the
 * task. The middleware may call `next` once, several times, or not at all; each call runs the task's function with its
 * policies again.
 *
 * @example
 * const timed: Middleware = async (task, next) => {
 *   console.time(task.id);
 *   try { return await next(); } finally { console.timeEnd(task.id); }
 * };
 */
export type Middleware<State = unknown> = (task: TaskRecord<State>, next: () => Promise<unknown>) => unknown;

/**
 * Options of `orchestrator.use`. With a signal, the middleware can be removed again; without a signal, the middleware
 * stays as long as the orchestrator. Aborting the signal does not affect running work.
 *
 * @example
 * orchestrator.use(middleware, { signal: controller.signal });
 */
export interface MiddlewareOptions {
  /**
   * Signal that removes the hook or middleware when it aborts. Work that began earlier still calls the hook or
   * middleware. Default: none.
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Options of the methods that register hooks, such as `onTaskBegin`. By default, a hook is awaited, can fail the work
 * by throwing, and stays registered as long as the orchestrator.
 */
export interface HookOptions extends MiddlewareOptions {
  /**
   * If true, the hook only observes. The hook is still called in order of registration, but not awaited. If it throws
   * or rejects, the work continues and the error is published on the channel `orchestrator:hook:error`. Default: false.
   *
   * @example
   * orchestrator.onTaskCompletion(({ name, duration }) => metrics.post({ name, duration }), { observe: true });
   */
  readonly observe?: boolean | undefined;
}

export const readHookOptions = anObjectOf<HookOptions>({ signal: aSignal, observe: aBoolean });
export const readMiddlewareOptions = anObjectOf<MiddlewareOptions>({ signal: aSignal });

type ListName = Exclude<HookName, 'onError'> | 'use';

/** A function in a list, and the hook or middleware for which the user registered it. */
interface Entry {
  readonly list: ListName;
  readonly call: AnyFunction;
  /** The function by which `off` finds the entry. */
  readonly hook: AnyFunction;
  /** If true, the function is called after the others of its list, because they may change the outcome. */
  readonly isLast?: boolean | undefined;
}

interface Registration extends Entry {
  readonly forget: () => void;
}

/** Hooks by event, in order of registration. A list is replaced on every change, so iterating over a list is safe. */
export class Hooks<State> {
  onProcessBegin: readonly Hook<ProcessBeginEvent<State>>[] = [];
  onProcessCompletion: readonly Hook<ProcessCompletionEvent<State>>[] = [];
  onTaskBegin: readonly Hook<TaskBeginEvent<State>>[] = [];
  onTaskRetry: readonly Hook<TaskRetryEvent<State>>[] = [];
  onTaskCompletion: readonly Hook<TaskCompletionEvent<State>>[] = [];
  use: readonly Middleware<State>[] = [];
  #registrations: readonly Registration[] = [];

  /** If true, hooks or middleware observe tasks. */
  get seeTasks(): boolean {
    const { onTaskBegin, onTaskRetry, onTaskCompletion, use } = this;
    return onTaskBegin.length + onTaskRetry.length + onTaskCompletion.length + use.length > 0;
  }

  add(registration: Registration): void {
    this.#registrations = [...this.#registrations, registration];
    this.#list(registration.list);
  }

  /** Removes all registrations for which the test returns false. */
  keep(isKept: (registration: Registration) => boolean): void {
    const removed = this.#registrations.filter((registration) => !isKept(registration));
    this.#registrations = this.#registrations.filter(isKept);
    for (const { list, forget } of removed) {
      forget();
      this.#list(list);
    }
  }

  #list(name: ListName): void {
    const listed = this.#registrations.filter(({ list }) => list === name);
    const ordered = [...listed.filter(({ isLast }) => !isLast), ...listed.filter(({ isLast }) => isLast)];
    const calls = ordered.map(({ call }) => call);
    (this as Record<ListName, readonly AnyFunction[]>)[name] = calls;
  }
}

/** Adds a function to a list. If a signal is given, the function is removed when the signal aborts. */
export function addHook(hooks: Hooks<unknown>, entry: Entry, { signal }: MiddlewareOptions): void {
  if (signal?.aborted) return;
  // Hooks that share a signal also share one listener on it.
  const cancellation = signal && cancellationOf(signal);
  const remove = () => hooks.keep((other) => other !== added);
  const added = { ...entry, forget: () => cancellation?.removeEventListener('abort', remove) };
  cancellation?.addEventListener('abort', remove);
  hooks.add(added);
}

/** Turns a hook into a pure observer, which throws nothing and returns nothing to await. */
export function observing<Event extends object>(name: HookName, hook: Hook<Event>): Hook<Event> {
  return (record) => {
    const report = (error: unknown) => {
      if (hookErrorChannel.hasSubscribers) hookErrorChannel.publish({ hook: name, record, error });
    };
    try {
      const returned = hook(record);
      if (isPromiseLike(returned)) Promise.resolve(returned).then(undefined, report);
    } catch (error) {
      report(error);
    }
  };
}

/**
 * Calls the hooks one after another. Returns a promise only if a hook returned one.
 *
 * @param onError - called when a hook throws; if `onError` returns, the next hook is called. Default: throws the
 *   error
 */
export function notify<Event>(
  hooks: readonly Hook<Event>[],
  event: Event,
  onError: (error: unknown, event: Event) => void = rethrow,
  from = 0,
): Promise<void> | undefined {
  for (let index = from; index < hooks.length; index++) {
    try {
      const returned = hooks[index]?.(event);
      if (isPromiseLike(returned)) return notifyRest(returned, hooks, event, onError, index + 1);
    } catch (error) {
      onError(error, event);
    }
  }
  return undefined;
}

// A separate function keeps closures out of `notify`. With closures, every task would have to allocate a context.
function notifyRest<Event>(
  returned: PromiseLike<unknown>,
  hooks: readonly Hook<Event>[],
  event: Event,
  onError: (error: unknown, event: Event) => void,
  from: number,
): Promise<void> {
  return Promise.resolve(returned)
    .then(undefined, (error) => onError(error, event))
    .then(() => notify(hooks, event, onError, from));
}

function rethrow(error: unknown): never {
  throw error;
}

/**
 * Records the error of a completion hook. After a success, the error becomes the failure. After a failure, the error is
 * added to the record and, unless the failure is frozen, to the failure.
 */
export function setDown(thrown: unknown, record: Mutable<Outcome> & { readonly name: string }): void {
  if (record.status === 'completed') {
    record.status = 'failed';
    record.result = undefined;
    record.error = failureOf(thrown, record.name);
    return;
  }
  record.suppressed = [...record.suppressed, thrown];
  // The reason of an abort belongs to the caller and is visible to other code, so nothing is added to it.
  if (record.status !== 'failed') return;
  suppress(record.error as Error, thrown);
}
