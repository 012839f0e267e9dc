import { aFunction } from '../../shared/validate.js';
import type {
  FailureEvent,
  HookName,
  ProcessBeginEvent,
  ProcessCompletionEvent,
  TaskBeginEvent,
  TaskCompletionEvent,
  TaskRetryEvent,
} from './events.js';
import { reporting } from './failures.js';
import {
  addHook,
  type Hook,
  type HookOptions,
  type Hooks,
  type Middleware,
  type MiddlewareOptions,
  observing,
  readHookOptions,
  readMiddlewareOptions,
} from './hooks.js';

/** The hooks and middleware of an orchestrator: the methods that register and remove them. */
export abstract class Hooked<State extends object> {
  // biome-ignore lint/suspicious/noExplicitAny: only the public methods know the type of the state
  readonly #hooks: Hooks<any>;

  // biome-ignore lint/suspicious/noExplicitAny: as above
  constructor(hooks: Hooks<any>) {
    this.#hooks = hooks;
  }

  /**
   * Registers a hook that is called and awaited before a process starts. If the hook throws, the process fails and its
   * function is not called. Hooks run in order of registration.
   */
  onProcessBegin(hook: Hook<ProcessBeginEvent<State>>, options?: HookOptions): this {
    return this.#hook('onProcessBegin', hook, options);
  }

  /**
   * Registers a hook that is called after a process has ended, regardless of its outcome. If the hook throws after a
   * success, the process fails with the hook's error.
   */
  onProcessCompletion(hook: Hook<ProcessCompletionEvent<State>>, options?: HookOptions): this {
    return this.#hook('onProcessCompletion', hook, options);
  }

  /**
   * Registers a hook that is called and awaited before a task starts. If the hook throws, the task fails and its
   * function is not called. Hooks run in order of registration.
   */
  onTaskBegin(hook: Hook<TaskBeginEvent<State>>, options?: HookOptions): this {
    return this.#hook('onTaskBegin', hook, options);
  }

  /**
   * Registers a hook that is called after a failed attempt, before the delay of the retry. If the hook throws, the task
   * fails with the hook's error and is not retried.
   */
  onTaskRetry(hook: Hook<TaskRetryEvent<State>>, options?: HookOptions): this {
    return this.#hook('onTaskRetry', hook, options);
  }

  /**
   * Registers a hook that is called after a task has ended, regardless of its outcome. If the hook throws after a
   * success, the task fails with the hook's error.
   */
  onTaskCompletion(hook: Hook<TaskCompletionEvent<State>>, options?: HookOptions): this {
    return this.#hook('onTaskCompletion', hook, options);
  }

  /**
   * Registers a hook that is called and awaited after a task or a process has failed, with the error and its cause,
   * after all completion hooks. Cancelled work has not failed. An error that propagates through several tasks and
   * processes is reported once, for the task or process that it fails first. If the hook throws, the thrown error is
   * added to the failure's `suppressed`.
   *
   * @example
   * orchestrator.onError(({ kind, name, id, error, cause }) => logger.error({ kind, name, id, error, cause }));
   */
  onError(hook: Hook<FailureEvent<State>>, options: HookOptions = {}): this {
    aFunction(hook, 'onError');
    const read = readHookOptions(options);
    const { onTaskCompletion, onProcessCompletion } = reporting(read.observe ? observing('onError', hook) : hook);
    this.#add({ list: 'onTaskCompletion', call: onTaskCompletion, hook, isLast: true }, read);
    return this.#add({ list: 'onProcessCompletion', call: onProcessCompletion, hook, isLast: true }, read);
  }

  /**
   * Removes all registrations of a hook or middleware. Work that began earlier may still call the function. Does
   * nothing if the function is not registered.
   *
   * @param hook - the function that was passed to `onTaskBegin`, `onError`, `use` and so on
   * @throws {ValidationError} if `hook` is not a function
   * @example
   * orchestrator.onTaskCompletion(log);
   * orchestrator.off(log);
   */
  // biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant, no other type takes every hook
  off(hook: (...args: any[]) => unknown): this {
    aFunction(hook, 'off');
    this.#hooks.keep((registration) => registration.hook !== hook);
    return this;
  }

  /**
   * Registers middleware that wraps every task, between the begin hooks and the completion hooks. The middleware
   * registered first is the outermost.
   *
   * @example
   * orchestrator.use(async (task, next) => {
   *   const release = await locks.acquire(task.name);
   *   try { return await next(); } finally { release(); }
   * });
   */
  use(middleware: Middleware<State>, options: MiddlewareOptions = {}): this {
    aFunction(middleware, 'use');
    return this.#add({ list: 'use', call: middleware, hook: middleware }, readMiddlewareOptions(options));
  }

  #hook<Event extends object>(name: Exclude<HookName, 'onError'>, hook: Hook<Event>, options: HookOptions = {}): this {
    aFunction(hook, name);
    const read = readHookOptions(options);
    return this.#add({ list: name, call: read.observe ? observing(name, hook) : hook, hook }, read);
  }

  #add(entry: Parameters<typeof addHook>[1], options: MiddlewareOptions): this {
    addHook(this.#hooks, entry, options);
    return this;
  }
}
