import { type AnyFunction, aBoolean, aFunction, aName, anObjectOf, anyState, orNone } from '../shared/validate.js';
import { type ActionOptions, defineAction, redefineAction, type Same } from './action.js';
import { type ActionFunctions, type Actions, defineActions } from './actions.js';
import { type AnyOptions, type AnyResult, defineAny } from './any.js';
import type { Action, Concrete } from './callable.js';
import type { ParallelActions, ParallelArguments } from './combine.js';
import { type CurrentTask, remainingTime, taskAtHand } from './current-task.js';
import { type EachOptions, type EachResult, type EachResults, each } from './each.js';
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
import type { FallbackResult, Fallbacks } from './fallback.js';
import {
  addHook,
  type Hook,
  type HookOptions,
  Hooks,
  type ListName,
  type Middleware,
  type MiddlewareOptions,
  observing,
  readHookOptions,
  readMiddlewareOptions,
} from './hooks.js';

import { defineParallel, map, type ParallelOptions, type ParallelResults } from './parallel.js';
import {
  noPolicies,
  type OwnPolicies,
  overDefaults,
  type Policies,
  type PolicyOptions,
  policyReaders,
} from './policy.js';
import { type Core, ownScope, processOf, signalScope, stateIn } from './process.js';
import { type CurrentProcess, type RunOptions, run } from './run.js';
import { StateStore } from './state.js';

/**
 * Options of `new Orchestrator`. All are optional. `retry`, `timeout` and `policy` are the defaults of the
 * orchestrator's actions; an action's own options override them field by field.
 *
 * @example
 * const options: OrchestratorOptions<{ requests: number }> = { name: 'crawler', state: { requests: 0 }, retry: 3 };
 * const orchestrator = new Orchestrator(options);
 */
export interface OrchestratorOptions<State> extends PolicyOptions {
  /** Name of the orchestrator's processes, in hooks and telemetry. Default: `orchestrator`. */
  readonly name?: string | undefined;
  /**
   * Initial state of every run: a plain object or an instance of a class. For an instance, each run gets its methods,
   * and copies of its own properties. `#private` fields cannot be copied. Default: an empty object.
   */
  readonly state?: Partial<State> | undefined;
  /**
   * If true, all runs work on one state object instead of separate copies, and `run` rejects its `state` option.
   * Default: false.
   */
  readonly sharedState?: boolean | undefined;
  /**
   * Returns true if the fallback of an action should handle a failure. Applies to actions without a `fallbackOn` of
   * their own. Default: fallbacks handle every failure.
   */
  readonly fallbackOn?: ActionOptions['fallbackOn'];
}

type Read<State> = OwnPolicies & Partial<Pick<OrchestratorOptions<State>, 'name' | 'state' | 'sharedState'>>;

const readOrchestratorOptions = anObjectOf<OrchestratorOptions<object>, Read<object>>({
  name: aName,
  state: anyState,
  sharedState: aBoolean,
  fallbackOn: orNone(aFunction),
  ...policyReaders,
});

/**
 * Wraps plain functions as actions and runs them inside processes, with one set of hooks, policies and state.
 *
 * @example
 * const orchestrator = new Orchestrator({ state: { requests: 0 }, retry: 3, timeout: 5_000 })
 *   .onTaskBegin(({ context }) => { context.requests++ })
 *   .onTaskCompletion(({ name, duration, status }) => logger.info({ name, duration, status }));
 *
 * const fetchUser = orchestrator.action(async function fetchUser(id: string) {
 *   const response = await fetch(`https://example.com/users/${id}`, { signal: orchestrator.signal });
 *   return (await response.json()) as User;
 * });
 *
 * const user = await orchestrator.run(() => fetchUser('42'));
 */
export class Orchestrator<State extends object> {
  readonly #core: Core;
  readonly #policies: Policies;

  /** @throws {ValidationError} if an option is unknown or has the wrong type */
  constructor(options: OrchestratorOptions<State> = {}) {
    const { name = 'orchestrator', state = {}, sharedState = false, ...policies } = readOrchestratorOptions(options);
    this.#policies = overDefaults(policies, noPolicies);
    const states = new StateStore(state, sharedState);
    this.#core = { name, hooks: new Hooks(), states, isAsked: false, stubs: undefined };
  }

  /**
   * Sets one or several keys of the state. Inside a run, changes the state of that run. Outside a run, changes the
   * initial state of later runs.
   *
   * @throws {ValidationError} if a key is reserved (`__proto__`, `constructor`, `prototype`) or `values` is not an
   *   object
   */
  setState<Key extends keyof State & string>(key: Key, value: State[Key]): this;
  setState(values: Partial<State>): this;
  setState(keyOrValues: unknown, ...value: unknown[]): this {
    const values = anyState(value.length > 0 ? { [aName(keyOrValues, 'key')]: value[0] } : keyOrValues, 'state');
    const state = this.#state;
    if (state === undefined) this.#core.states.assign(values as Partial<State>);
    else Object.assign(state, values);
    return this;
  }

  /**
   * The state of the current run, to read and to change. Outside a run: a frozen copy of the final state of the last
   * finished run, or of the initial state if no run has finished. Call `setState` to change the initial state of later
   * runs. With `sharedState`: always the one shared object.
   */
  getState(): State {
    return (this.#state ?? this.#core.states.current) as State;
  }

  /**
   * The abort signal of the current attempt, group or process. The signal aborts when the attempt times out, when a
   * sibling fails under `failFast`, or when the run is aborted. Outside a run: a signal that never aborts.
   */
  get signal(): AbortSignal {
    return signalScope()?.cancellation.signal ?? new AbortController().signal;
  }

  /**
   * The task to which the calling code belongs, with its id, name, attempt, signal and remaining time. Available in
   * actions, nodes of a flow, jobs of a fleet and nodes of a loop. In a nested run: the task that started the run.
   * `undefined` outside the tasks of this orchestrator.
   *
   * @example
   * logger.info({ task: orchestrator.task?.id, attempt: orchestrator.task?.attempt }, 'asking');
   */
  get task(): CurrentTask | undefined {
    return taskAtHand(this.#core);
  }

  /**
   * Milliseconds until the nearest limit that applies to the calling code: the limit of its attempt, its task, its run,
   * or a surrounding run. 0 after an abort, Infinity if there is no limit. The number may be fractional, so round it
   * down for a header.
   *
   * @example
   * const headers = { 'x-deadline-ms': String(Math.floor(orchestrator.remaining)) };
   */
  get remaining(): number {
    return remainingTime();
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
   * Registers a hook that is called and awaited after a task or a process has failed, with the error and its cause.
   * Cancelled work has not failed. An error that propagates through several tasks and processes is reported once, for
   * the task or process that it fails first. If the hook throws, the thrown error is added to the failure's
   * `suppressed`.
   *
   * @example
   * orchestrator.onError(({ kind, name, id, error, cause }) => logger.error({ kind, name, id, error, cause }));
   */
  onError(hook: Hook<FailureEvent<State>>, options: HookOptions = {}): this {
    aFunction(hook, 'onError');
    const read = readHookOptions(options);
    const { onTaskCompletion, onProcessCompletion } = reporting(read.observe ? observing('onError', hook) : hook);
    this.#add('onTaskCompletion', onTaskCompletion, read, hook);
    return this.#add('onProcessCompletion', onProcessCompletion, read, hook);
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
    this.#core.hooks.keep((registration) => registration.hook !== hook);
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
    return this.#add('use', middleware, readMiddlewareOptions(options));
  }

  /**
   * Wraps a function as an action. Inside a run, each call becomes a task of that run. Outside a run, each call gets a
   * run of its own.
   *
   * The promise returned by a call rejects with the error of the last attempt, with a `TimeoutError`, or with the
   * reason of an abort. The function receives the `this` value of the call, so an action can be a method.
   *
   * @param fn - the function, sync or async
   * @param options - override the defaults of the orchestrator, field by field
   * @throws {ValidationError} if `fn` is not a function, or an option is unknown or has the wrong type
   */
  action<
    Args extends readonly unknown[],
    Result,
    Fn extends (this: void, ...args: Args) => Result,
    const Instead extends Fallbacks<Same<Args>> | null = Fallbacks<Same<Args>, never>,
  >(
    fn: Fn & ((this: void, ...args: Args) => Result) & Concrete<Fn, Args, Result>,
    options?: ActionOptions<Same<Args>, NoInfer<Awaited<Result>>, Instead>,
  ): Action<Args, Awaited<Result> | FallbackResult<Instead>>;
  action<
    Args extends readonly unknown[],
    Result,
    const Instead extends Fallbacks<Same<Args>> | null = Fallbacks<Same<Args>, never>,
  >(
    fn: (this: void, ...args: Args) => Result,
    options?: ActionOptions<Same<Args>, NoInfer<Awaited<Result>>, Instead>,
  ): (...args: Args) => Promise<Awaited<Result> | FallbackResult<Instead>>;
  action<
    This,
    Args extends readonly unknown[],
    Result,
    const Instead extends Fallbacks<Same<Args>> | null = Fallbacks<Same<Args>, never>,
  >(
    fn: (this: This, ...args: Args) => Result,
    options?: ActionOptions<Same<Args>, NoInfer<Awaited<Result>>, Instead>,
  ): Action<Args, Awaited<Result> | FallbackResult<Instead>, This>;
  /**
   * Wraps a function as an action, with the name as the first argument. An arrow function has no name of its own, so
   * this is the shortest way to name it.
   *
   * @param name - name of the action's tasks, a non-empty string
   * @param fn - the function, sync or async
   * @param options - override the defaults of the orchestrator, field by field
   * @throws {ValidationError} if the options contain a different name, or any argument is not valid
   * @example
   * const fetchUser = orchestrator.action('fetchUser', async (id: string) => getJson(`/users/${id}`), { retry: 3 });
   */
  action<
    Args extends readonly unknown[],
    Result,
    Fn extends (this: void, ...args: Args) => Result,
    const Instead extends Fallbacks<Same<Args>> | null = Fallbacks<Same<Args>, never>,
  >(
    name: string,
    fn: Fn & ((this: void, ...args: Args) => Result) & Concrete<Fn, Args, Result>,
    options?: ActionOptions<Same<Args>, NoInfer<Awaited<Result>>, Instead>,
  ): Action<Args, Awaited<Result> | FallbackResult<Instead>>;
  action<
    Args extends readonly unknown[],
    Result,
    const Instead extends Fallbacks<Same<Args>> | null = Fallbacks<Same<Args>, never>,
  >(
    name: string,
    fn: (this: void, ...args: Args) => Result,
    options?: ActionOptions<Same<Args>, NoInfer<Awaited<Result>>, Instead>,
  ): (...args: Args) => Promise<Awaited<Result> | FallbackResult<Instead>>;
  action<
    This,
    Args extends readonly unknown[],
    Result,
    const Instead extends Fallbacks<Same<Args>> | null = Fallbacks<Same<Args>, never>,
  >(
    name: string,
    fn: (this: This, ...args: Args) => Result,
    options?: ActionOptions<Same<Args>, NoInfer<Awaited<Result>>, Instead>,
  ): Action<Args, Awaited<Result> | FallbackResult<Instead>, This>;
  action(...given: readonly unknown[]): AnyFunction {
    const isNamed = given.length > 1 && typeof given[0] === 'string';
    const [name, fn, options] = isNamed ? given : [undefined, ...given];
    return defineAction(this.#core, this.#policies, fn as AnyFunction, options, name);
  }

  /**
   * Wraps several functions as actions that are named by their keys. The same options apply to all actions.
   *
   * The type of each action is inferred from its function. The type parameters of a generic function are lost, so use
   * `action` for such a function.
   *
   * @param functions - a plain object of functions
   * @param options - override the defaults of the orchestrator, field by field; all options of an action except
   *   `name`
   * @throws {ValidationError} if a value is not a function (the message names its key), or an option is not valid
   * @example
   * const { fetchUser, fetchOrders } = orchestrator.actions({
   *   fetchUser: async (id: string) => getJson(`/users/${id}`),
   *   fetchOrders: async (id: string) => getJson(`/orders?user=${id}`),
   * }, { retry: 3 });
   */
  actions<Functions extends ActionFunctions>(
    functions: Functions,
    options?: Omit<ActionOptions, 'name'>,
  ): Actions<Functions> {
    return defineActions(this.#core, this.#policies, functions, options) as Actions<Functions>;
  }

  /**
   * Creates a copy of an action with other options, for one call or for several. Options that are left out keep their
   * values.
   *
   * @throws {ValidationError} if `action` belongs to another orchestrator, or an option is unknown or has the wrong
   *   type
   * @example
   * const user = await orchestrator.withOptions(fetchUser, { timeout: 500, retry: 0 })('42');
   */
  // biome-ignore lint/suspicious/noExplicitAny: no other type takes every action
  withOptions<Act extends (this: any, ...args: any) => Promise<unknown>>(
    action: Act,
    options: ActionOptions<Parameters<Act>, Awaited<ReturnType<Act>>> & { readonly fallback?: null | undefined },
  ): Act;
  withOptions<
    // biome-ignore lint/suspicious/noExplicitAny: as above
    Act extends (this: any, ...args: any) => Promise<unknown>,
    const Instead extends Fallbacks<Parameters<Act>> | null,
  >(
    action: Act,
    options: ActionOptions<Parameters<Act>, Awaited<ReturnType<Act>>, Instead>,
  ): Action<Parameters<Act>, Awaited<ReturnType<Act>> | FallbackResult<Instead>, ThisParameterType<Act>>;
  withOptions(action: AnyFunction, options: ActionOptions): AnyFunction {
    return redefineAction(this.#core, action, options);
  }

  /**
   * Combines actions into a function that runs them concurrently. Called without an argument, the function passes none
   * to the actions. A single argument is passed to every action. With one argument per action, each action receives its
   * own. Outside a run, the call gets a run of its own.
   *
   * The promise rejects with a `ParallelError` after all actions have settled or, with `failFast`, immediately with the
   * first failure.
   *
   * @param actions - an array or an object of actions or closures; the results have the same shape
   * @throws {ValidationError} if a member is not a function, or an option is unknown or has the wrong type. The
   *   returned function rejects with a `ValidationError` for a wrong number of arguments, before it starts any action.
   * @example
   * const load = orchestrator.parallel({ user: fetchUser, orders: fetchOrders }, { failFast: true });
   * const { user, orders } = await load('42');
   */
  parallel<const Actions extends ParallelActions, const Options extends ParallelOptions = Record<never, never>>(
    actions: Actions,
    options?: Options,
  ): (...args: ParallelArguments<Actions>) => Promise<ParallelResults<Actions, Options>> {
    return defineParallel(this.#core, actions, options) as (
      ...args: ParallelArguments<Actions>
    ) => Promise<ParallelResults<Actions, Options>>;
  }

  /**
   * Calls an action for each item and resolves with the results in order. The next item is read when `concurrency`
   * allows. Promises among the items are awaited; if a promise rejects, its item fails. Outside a run, the call gets a
   * run of its own.
   *
   * Rejects like `parallel`, with a `ValidationError` if `items` cannot be iterated, and with the error of an iterator
   * that throws.
   *
   * @example
   * const users = await orchestrator.map(ids, fetchUser, { concurrency: 5 });
   */
  map<Item, Result, const Options extends ParallelOptions = Record<never, never>>(
    items: Iterable<Item | PromiseLike<Item>> | AsyncIterable<Item | PromiseLike<Item>>,
    action: (this: void, item: Item) => Result,
    options?: Options,
  ): Promise<ParallelResults<(() => Result)[], Options>> {
    return map(this.#core, items, action, options) as Promise<ParallelResults<(() => Result)[], Options>>;
  }

  /**
   * Combines actions into a function that resolves with the first success and aborts the other actions. Arguments are
   * passed to the actions like in `parallel`. With `stagger`, the actions start one after another. Outside a run, the
   * call gets a run of its own.
   *
   * The promise rejects with a `ParallelError` if all actions fail.
   *
   * @param actions - an array or an object of at least one action or closure
   * @throws {ValidationError} if there is no action, a member is not a function, or an option is unknown or has the
   *   wrong type. The returned function rejects with a `ValidationError` for a wrong number of arguments.
   * @example
   * const quote = orchestrator.any([fromPrimary, fromReplica], { stagger: 200 });
   * const price = await quote('EURUSD');
   */
  any<const Actions extends ParallelActions>(
    actions: Actions,
    options?: AnyOptions,
  ): (...args: ParallelArguments<Actions>) => Promise<AnyResult<Actions>> {
    return defineAny(this.#core, actions, options) as (
      ...args: ParallelArguments<Actions>
    ) => Promise<AnyResult<Actions>>;
  }

  /**
   * Calls an action for each item and yields the results as they become available. Nothing starts before the first
   * result is requested. At most `concurrency` items are running or waiting to be taken; the next item is read when
   * there is room. The iteration belongs to the run that surrounds the first request, or else to a run of its own.
   *
   * Leaving the loop closes the source and aborts the running actions. Unless the option `settle` is set, the first
   * failure ends the iteration: the results that are available are yielded, and then the error is thrown.
   *
   * @param items - an iterable or async iterable; promises among the items are awaited
   * @param action - called with the item only
   * @throws {ValidationError} if `items` cannot be iterated, `action` is not a function, or an option is unknown or
   *   has the wrong type
   * @example
   * for await (const user of orchestrator.each(ids, fetchUser, { concurrency: 5 })) await save(user);
   */
  each<Item, Result, const Options extends EachOptions = Record<never, never>>(
    items: Iterable<Item | PromiseLike<Item>> | AsyncIterable<Item | PromiseLike<Item>>,
    action: (this: void, item: Item) => Result,
    options?: Options,
  ): EachResults<EachResult<Result, Options>> {
    return each(this.#core, items, action, options) as EachResults<EachResult<Result, Options>>;
  }

  /**
   * Runs a function as a process. The actions that the function calls share the state and the signal of the process.
   * Inside another run, the process is a child of that run. The function receives `{ context, signal, id }`: the state,
   * the abort signal and the id of the process.
   *
   * Settles like the function. An aborted run rejects immediately with the abort reason, and a hook that throws makes
   * the run reject with the hook's error. Rejects with a `ValidationError` if an option is unknown or has the wrong
   * type.
   *
   * @example
   * await orchestrator.run(async ({ context, signal, id }) => {
   *   context.page = await fetch(url, { signal, headers: { 'x-request-id': id } });
   * });
   */
  run<Result>(
    fn: (this: void, process: CurrentProcess<State>) => Result,
    options?: RunOptions<State>,
  ): Promise<Awaited<Result>> {
    return run(this.#core, fn as (process: CurrentProcess) => Result, options);
  }

  /**
   * The state of the run in which the calling code was started. The code keeps this state after the run has ended, and
   * never gets the state of another run.
   */
  get #state(): object | undefined {
    const scope = ownScope();
    const process = processOf(this.#core, scope);
    return process && stateIn(process, scope);
  }

  #hook<Event extends object>(name: Exclude<HookName, 'onError'>, hook: Hook<Event>, options: HookOptions = {}): this {
    aFunction(hook, name);
    const read = readHookOptions(options);
    return this.#add(name, read.observe ? observing(name, hook) : hook, read, hook);
  }

  #add(list: ListName, call: AnyFunction, options: MiddlewareOptions, hook = call): this {
    addHook(this.#core.hooks, list, call, options, hook);
    return this;
  }
}
