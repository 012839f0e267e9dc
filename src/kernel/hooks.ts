import { isPromiseLike } from '../shared/promise-like.js';
import { anObjectOf, aSignal } from '../shared/validate.js';
import { cancellationOf } from './cancellation.js';
import { failureOf } from './errors.js';
import type {
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

/** What hook methods and `use` take. */
export interface HookOptions {
  /** Takes the hook off when it aborts. What has begun before that still calls it. Default: the hook stays. */
  readonly signal?: AbortSignal | undefined;
}

const hookOptions = anObjectOf<HookOptions>({ signal: aSignal });

export function readHookOptions(options: unknown = {}): HookOptions {
  return hookOptions(options);
}

export type HookList = keyof Omit<Hooks<unknown>, 'seeTasks'>;

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
export function addHook<State, List extends HookList>(
  hooks: Hooks<State>,
  list: List,
  hook: Hooks<State>[List][number],
  { signal }: HookOptions,
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
  if (record.status === 'succeeded') {
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
