import { isPromiseLike } from '../shared/promise-like.js';
import { aBoolean, anObjectOf, aSignal } from '../shared/validate.js';
import { cancellationOf } from './cancellation.js';
import { hookErrorChannel } from './channels.js';
import { failureOf } from './errors.js';
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

/** An observer of a process or a task. What it returns is awaited and dropped. */
export type Hook<Event> = (event: Event) => unknown;

/** Wraps every task: what it returns is the task's result. It may call `next` once, again, or not at all. */
export type Middleware<State = unknown> = (task: TaskRecord<State>, next: () => Promise<unknown>) => unknown;

/** What `use` takes. */
export interface MiddlewareOptions {
  /** Takes the hook off when it aborts. What has begun before that still calls it. Default: the hook stays. */
  readonly signal?: AbortSignal | undefined;
}

/** What hook methods take. */
export interface HookOptions extends MiddlewareOptions {
  /**
   * If true, the hook only looks: it is called in its place among the others, and not awaited. What it throws or rejects
   * with never fails the work, and is published on the channel `orchestrator:hook:error`. Default: false.
   *
   * @example
   * orchestrator.onTaskCompletion(({ name, duration }) => metrics.post({ name, duration }), { observe: true });
   */
  readonly observe?: boolean | undefined;
}

export const readHookOptions = anObjectOf<HookOptions>({ signal: aSignal, observe: aBoolean });
export const readMiddlewareOptions = anObjectOf<MiddlewareOptions>({ signal: aSignal });

export type ListName = HookName | 'use';

/** Observers by event, in order of registration. A list is replaced, never changed: whoever walks one is safe. */
export class Hooks<State> {
  onProcessBegin: readonly Hook<ProcessBeginEvent<State>>[] = [];
  onProcessCompletion: readonly Hook<ProcessCompletionEvent<State>>[] = [];
  onTaskBegin: readonly Hook<TaskBeginEvent<State>>[] = [];
  onTaskRetry: readonly Hook<TaskRetryEvent<State>>[] = [];
  onTaskCompletion: readonly Hook<TaskCompletionEvent<State>>[] = [];
  use: readonly Middleware<State>[] = [];

  /** If true, something here looks at tasks. */
  get seeTasks(): boolean {
    const { onTaskBegin, onTaskRetry, onTaskCompletion, use } = this;
    return onTaskBegin.length + onTaskRetry.length + onTaskCompletion.length + use.length > 0;
  }
}

/** Adds a hook, until the signal aborts if there is one. */
export function addHook<State, List extends ListName>(
  hooks: Hooks<State>,
  list: List,
  hook: Hooks<State>[List][number],
  { signal }: MiddlewareOptions,
): void {
  if (signal?.aborted) return;
  hooks[list] = [...hooks[list], hook] as Hooks<State>[List];
  if (signal === undefined) return;
  // Any number of hooks may share a signal: they have one listener on it.
  cancellationOf(signal).addEventListener('abort', () => {
    const index = hooks[list].lastIndexOf(hook as never);
    hooks[list] = hooks[list].filter((_, other) => other !== index) as unknown as Hooks<State>[List];
  });
}

/** A hook that only looks. It throws nothing, and gives nothing to wait for. */
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
 * Calls the hooks in order, each after the one before has settled. A promise comes back only if one of them gave one.
 *
 * @param onError - what is done about a hook that throws; where it returns, the next is called. Default: throw it
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

// Closures stand in a function of their own: in `notify` they would cost every task a context.
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

/** How many errors of hooks a failure carries: one that many tasks share must not grow with them. */
const mostSuppressed = 16;

/**
 * Sets down what a completion hook threw. After a success it is the failure; after a failure it is kept with the
 * record and, where that can be (it may be frozen), on the failure.
 */
export function setDown(thrown: unknown, record: Mutable<Outcome> & { readonly name: string }): void {
  if (record.status === 'completed') {
    record.status = 'failed';
    record.result = undefined;
    record.error = failureOf(thrown, record.name);
    return;
  }
  record.suppressed = [...record.suppressed, thrown];
  // The reason of an abort is the caller's, and others see it.
  if (record.status !== 'failed') return;
  const failure = record.error as Error & { suppressed?: unknown };
  const { suppressed = [] } = failure;
  if (Array.isArray(suppressed)) Reflect.set(failure, 'suppressed', [...suppressed, thrown].slice(0, mostSuppressed));
}
