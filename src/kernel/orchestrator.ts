import { type AnyFunction, aBoolean, aFunction, aName, anObjectOf, anyState } from '../shared/validate.js';
import { type ActionOptions, defineAction, redefineAction, type Same } from './action.js';
import type {
  HookName,
  ProcessBeginEvent,
  ProcessCompletionEvent,
  TaskBeginEvent,
  TaskCompletionEvent,
  TaskRetryEvent,
} from './events.js';
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
import {
  defineParallel,
  map,
  type ParallelActions,
  type ParallelArguments,
  type ParallelOptions,
  type ParallelResults,
} from './parallel.js';
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

/** What `new Orchestrator` takes. `retry`, `timeout` and `policy` are defaults for its actions. */
export interface OrchestratorOptions<State> extends PolicyOptions {
  /** Name of its processes. Default: `orchestrator`. */
  readonly name?: string | undefined;
  /**
   * State that every run starts from: a plain object, or an instance of a class, of which runs get own properties and
   * methods (fields that are `#private` cannot be copied). Default: empty.
   */
  readonly state?: Partial<State> | undefined;
  /** If true, all runs work on one state object instead of a copy each, and none is given `state`. Default: false. */
  readonly sharedState?: boolean | undefined;
}

type Read<State> = OwnPolicies & Partial<Pick<OrchestratorOptions<State>, 'name' | 'state' | 'sharedState'>>;

const readOrchestratorOptions = anObjectOf<OrchestratorOptions<object>, Read<object>>({
  name: aName,
  state: anyState,
  sharedState: aBoolean,
  ...policyReaders,
});

/**
 * Wraps plain functions as actions, and runs them inside processes, with one set of hooks, policies and state.
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

  /** @throws {ValidationError} for an option that is unknown or of the wrong kind */
  constructor(options: OrchestratorOptions<State> = {}) {
    const { name = 'orchestrator', state = {}, sharedState = false, ...policies } = readOrchestratorOptions(options);
    this.#policies = overDefaults(policies, noPolicies);
    this.#core = { name, hooks: new Hooks(), states: new StateStore(state, sharedState) };
  }

  /**
   * Sets state, by key or several at once: inside a run that run's state, outside the state that runs start from.
   *
   * @throws {ValidationError} for a reserved key (`__proto__`, `constructor`, `prototype`) or values that are no object
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
   * The state of the run that this is called in, to read and to change. Outside of any run a frozen copy of what the last
   * finished run left, or of the initial state before any: `setState` changes what runs start from. With `sharedState`
   * the one object, everywhere.
   */
  getState(): State {
    return (this.#state ?? this.#core.states.current) as State;
  }

  /**
   * The signal of the attempt that this is read in, else of the group or process; outside of any, one that never
   * aborts. It aborts when the attempt times out, a sibling fails under `failFast`, or the run is aborted.
   */
  get signal(): AbortSignal {
    return signalScope()?.cancellation.signal ?? new AbortController().signal;
  }

  /** Before a process. A hook that throws fails it, and its function is not called. Hooks are awaited in order. */
  onProcessBegin(hook: Hook<ProcessBeginEvent<State>>, options?: HookOptions): this {
    return this.#hook('onProcessBegin', hook, options);
  }

  /** After a process, whichever way it ended. A hook that throws after a success makes its error the result. */
  onProcessCompletion(hook: Hook<ProcessCompletionEvent<State>>, options?: HookOptions): this {
    return this.#hook('onProcessCompletion', hook, options);
  }

  /** Before a task. A hook that throws fails it, and its function is not called. Hooks are awaited in order. */
  onTaskBegin(hook: Hook<TaskBeginEvent<State>>, options?: HookOptions): this {
    return this.#hook('onTaskBegin', hook, options);
  }

  /** After a failed attempt that will be followed by another, before the wait. A hook that throws ends the task. */
  onTaskRetry(hook: Hook<TaskRetryEvent<State>>, options?: HookOptions): this {
    return this.#hook('onTaskRetry', hook, options);
  }

  /** After a task, whichever way it ended. A hook that throws after a success makes its error the result. */
  onTaskCompletion(hook: Hook<TaskCompletionEvent<State>>, options?: HookOptions): this {
    return this.#hook('onTaskCompletion', hook, options);
  }

  /**
   * Wraps every task, between its begin and completion hooks; the first registered is the outermost.
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
   * Wraps a function as an action. Called inside a run it is a task of that run, outside it gets a run of its own.
   *
   * Its promise rejects with the last attempt's own error, a `TimeoutError`, or the reason of an abort. The function has
   * the `this` that the action is called with: an action that is a method gets its object.
   *
   * @param fn - sync or async
   * @param options - over the defaults of the orchestrator, field by field
   * @throws {ValidationError} for what is no function, an option that is unknown or of the wrong kind
   */
  action<Args extends readonly unknown[], Result>(
    fn: (this: void, ...args: Args) => Result,
    options?: ActionOptions<Same<Args>, NoInfer<Awaited<Result>>>,
  ): (...args: Args) => Promise<Awaited<Result>>;
  action<This, Args extends readonly unknown[], Result>(
    fn: (this: This, ...args: Args) => Result,
    options?: ActionOptions<Same<Args>, NoInfer<Awaited<Result>>>,
  ): (this: This, ...args: Args) => Promise<Awaited<Result>>;
  action(fn: AnyFunction, options?: ActionOptions): AnyFunction {
    return defineAction(this.#core, this.#policies, fn, options);
  }

  /**
   * The same action with other options, for one call or several.
   *
   * @example
   * const user = await orchestrator.withOptions(fetchUser, { timeout: 500, retry: 0 })('42')
   * @throws {ValidationError} for an action of another orchestrator, an option that is unknown or of the wrong kind
   */
  withOptions<Args extends readonly unknown[], Result>(
    action: (this: void, ...args: Args) => Promise<Result>,
    options: ActionOptions<Same<Args>, NoInfer<Result>>,
  ): (...args: Args) => Promise<Result>;
  withOptions<This, Args extends readonly unknown[], Result>(
    action: (this: This, ...args: Args) => Promise<Result>,
    options: ActionOptions<Same<Args>, NoInfer<Result>>,
  ): (this: This, ...args: Args) => Promise<Result>;
  withOptions(action: AnyFunction, options: ActionOptions): AnyFunction {
    return redefineAction(this.#core, action, options);
  }

  /**
   * Combines actions into a function that runs them side by side. Given no argument none receives any, given one every
   * action receives it, given one for each action each receives its own. Outside of a run it gets one.
   *
   * It rejects with `ParallelError` after all have settled, or, with `failFast`, with the first failure at once.
   *
   * @param actions - an array or an object of actions or closures; the results come in the same shape
   * @throws {ValidationError} for what is no function, or an option that is unknown or of the wrong kind; the returned
   *   function rejects with it for arguments that do not fit, before anything is started
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
   * Calls an action for each item and resolves with the results in order. Items are taken as there is room for them.
   * Promises among the items are awaited: one that rejects is a failure of its item. Outside of a run it gets one.
   *
   * Rejects like `parallel`; with `ValidationError` for items that cannot be iterated, and with what the items throw.
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
   * Runs a function as a process: what it calls shares its state and its signal. Inside another run it is a child of it.
   * The function gets `{ context, signal, id }`: the state, the signal and the id of the process.
   *
   * Settles like the function; with the reason of an abort as soon as it is aborted; with the error of a hook.
   * Rejects with `ValidationError` for an option that is unknown or of the wrong kind.
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

  /** The state of the run that the calling code was started in, which keeps it when it is over: no other run's is seen. */
  get #state(): object | undefined {
    const scope = ownScope();
    const process = processOf(this.#core, scope);
    return process && stateIn(process, scope);
  }

  #hook<Event extends object>(name: HookName, hook: Hook<Event>, options: HookOptions = {}): this {
    aFunction(hook, name);
    const read = readHookOptions(options);
    return this.#add(name, read.observe ? observing(name, hook) : hook, read);
  }

  #add(list: ListName, hook: AnyFunction, options: MiddlewareOptions): this {
    addHook(this.#core.hooks, list, hook, options);
    return this;
  }
}
