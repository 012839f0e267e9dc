import { type AnyFunction, aName, anyState } from '../shared/validate.js';
import { type ActionOptions, defineAction, redefineAction } from './actions/action.js';
import {
  type ActionFunctions,
  type Actions,
  type ActionsOptions,
  type ArgsOfAny,
  defineActions,
  type ResultOfAny,
} from './actions/actions.js';
import type { Action } from './actions/callable.js';
import type { DefineAction } from './actions/signatures.js';
import { type AnyOptions, type AnyResult, defineAny } from './groups/any.js';
import type { ParallelActions, ParallelArguments } from './groups/combine.js';
import { type EachOptions, type EachResult, type EachResults, each } from './groups/each.js';
import { defineParallel, map, type ParallelOptions, type ParallelResults } from './groups/parallel.js';
import { Hooked } from './hooks/hooked.js';
import { Hooks } from './hooks/hooks.js';
import { type OrchestratorOptions, readOrchestratorOptions } from './options.js';
import type { FallbackResult, Fallbacks } from './policies/fallback.js';
import { noPolicies, overDefaults, type Policies } from './policies/policy.js';
import { type CurrentTask, remainingTime, taskAtHand } from './scope/current-task.js';
import { type Core, ownScope, processOf, signalScope, stateIn } from './scope/process.js';
import { type CurrentProcess, type RunOptions, run } from './scope/run.js';
import { StateStore } from './scope/state.js';

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
export class Orchestrator<State extends object> extends Hooked<State> {
  readonly #core: Core;
  readonly #policies: Policies;

  /** @throws {ValidationError} if an option is unknown or has the wrong type */
  constructor(options: OrchestratorOptions<State> = {}) {
    const { name = 'orchestrator', state = {}, sharedState = false, ...policies } = readOrchestratorOptions(options);
    const hooks = new Hooks();
    super(hooks);
    this.#policies = overDefaults(policies, noPolicies);
    const states = new StateStore(state, sharedState);
    this.#core = { name, hooks, states, isAsked: false, names: new Set(), stubs: undefined };
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
   * Tasks have a scope of their own from the first read on. Before the first read, this holds for the first 1000 tasks
   * of each action and, without this limit, inside actions with a `timeout`, `policy` or `share`. In any other task that
   * is already running at the first read, the value is `undefined`. A read at the start of the program rules this out.
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

  /** Wraps a function as an action. The name comes first, or in the options. */
  readonly action: DefineAction = (...given: readonly unknown[]) => {
    // With a function as the second argument, a first argument that is not a function can only be meant as the name.
    const isNamed =
      given.length > 1 && (typeof given[0] === 'string' || (isFunction(given[1]) && !isFunction(given[0])));
    const [name, fn, options] = isNamed ? given : [undefined, ...given];
    return defineAction(this.#core, this.#policies, fn as AnyFunction, options, name) as never;
  };

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
  actions<
    Functions extends ActionFunctions,
    const Instead extends Fallbacks<ArgsOfAny<Functions>> | null = Fallbacks<ArgsOfAny<Functions>, never>,
  >(
    functions: Functions,
    options?: ActionsOptions<ArgsOfAny<Functions>, ResultOfAny<Functions>, Instead>,
  ): Actions<Functions, Instead> {
    return defineActions(this.#core, this.#policies, functions, options) as Actions<Functions, Instead>;
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
  parallel<const Actions extends ParallelActions, Settle extends boolean | undefined = false>(
    actions: Actions,
    options?: ParallelOptions<Settle>,
  ): (...args: ParallelArguments<Actions>) => Promise<ParallelResults<Actions, Settle>> {
    return defineParallel(this.#core, actions, options) as (
      ...args: ParallelArguments<Actions>
    ) => Promise<ParallelResults<Actions, Settle>>;
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
  map<Item, Result, Settle extends boolean | undefined = false>(
    items: Iterable<Item | PromiseLike<Item>> | AsyncIterable<Item | PromiseLike<Item>>,
    action: (this: void, item: Item) => Result,
    options?: ParallelOptions<Settle>,
  ): Promise<ParallelResults<(() => Result)[], Settle>> {
    return map(this.#core, items, action, options) as Promise<ParallelResults<(() => Result)[], Settle>>;
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
  each<Item, Result, Settle extends boolean | undefined = false>(
    items: Iterable<Item | PromiseLike<Item>> | AsyncIterable<Item | PromiseLike<Item>>,
    action: (this: void, item: Item) => Result,
    options?: EachOptions<Settle>,
  ): EachResults<EachResult<Result, Settle>> {
    return each(this.#core, items, action, options) as EachResults<EachResult<Result, Settle>>;
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
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}
