import { ValidationError } from '../../shared/errors.js';
import { isPromiseLike } from '../../shared/promise-like.js';
import { type AnyFunction, aBoolean, aFunction, aName, anObjectOf, invalid, orNone } from '../../shared/validate.js';
import { untilAborted } from '../cancellation.js';
import { processChannel, retryChannel, taskChannel } from '../hooks/channels.js';
import type { TaskRecord } from '../hooks/events.js';
import type { Middleware } from '../hooks/hooks.js';
import { isWatched, watched } from '../hooks/instrumentation.js';
import { actions, type Fallbacks, readFallback } from '../policies/fallback.js';
import {
  applyPolicies,
  noPolicies,
  type OwnPolicies,
  overDefaults,
  type Policies,
  type PolicyOptions,
  policyReaders,
  readWithoutDefaults,
} from '../policies/policy.js';
import { readShare, type ShareOptions, Sharing } from '../policies/share.js';
import { asFailure, live } from '../scope/lifecycle.js';
import {
  type Core,
  enter,
  follow,
  mostNames,
  openScope,
  ownScope,
  type Process,
  processOf,
  type RecordedPolicies,
  type Scope,
  stateIn,
  thisContext,
} from '../scope/process.js';
import { run } from '../scope/run.js';
import { RunningTask, type Task, type Work } from '../scope/task.js';
import { withArguments } from './callable.js';

/**
 * Options of `orchestrator.action` and `withOptions`. `retry`, `timeout` and `policy` override the orchestrator's
 * defaults field by field; `null` switches a default off.
 *
 * @example
 * const options: ActionOptions = { name: 'fetchUser', retry: 3, timeout: { attempt: 2_000, total: 10_000 } };
 */
// biome-ignore-start lint/suspicious/noExplicitAny: options in a variable must fit every action
export interface ActionOptions<
  Args extends readonly unknown[] = any[],
  Result = any,
  Instead extends Fallbacks<Args> | null = any,
> extends PolicyOptions<Args, Result> {
  // biome-ignore-end lint/suspicious/noExplicitAny: see above
  /** Name of the action's tasks, in hooks, errors and telemetry. Default: the function's name, or `anonymous`. */
  readonly name?: string | undefined;
  /**
   * `none` ignores the orchestrator's default policies, so only the policies in these options apply. Use `none` for an
   * action that calls other actions to which the defaults already apply. Default: options missing here are taken from
   * the orchestrator.
   */
  readonly policies?: 'none' | undefined;
  /**
   * A function or an action that provides the result if the task has failed after all its retries, or a list of
   * fallbacks to try in order. A fallback receives the arguments of the call, so an action with the same parameters can
   * be used unchanged. A plain function finds the failure in `this.error`; an action runs as a task of its own.
   * Fallbacks do not handle an abort from outside, by the signal of the run or by a failing sibling. If all fallbacks
   * fail, the task fails with the last error, whose `suppressed` lists the earlier errors. `null` for none. Default:
   * none.
   */
  readonly fallback?: Instead | undefined;
  /**
   * Returns true if the next fallback should handle a failure. If the function throws, the task fails with the thrown
   * error, whose `suppressed` contains the failure. `null` for every failure. Default: every failure.
   */
  readonly fallbackOn?: ((error: Error) => boolean | Promise<boolean>) | null | undefined;
  /**
   * Combines equal calls into one. `true` combines equal calls in flight, `'run'` all equal calls of one run, and a
   * number keeps each result for that many milliseconds; an object sets these and other options. The function is called
   * once, in a run of its own (or, with `'run'`, in the run of its callers). Each call remains a task with its own
   * hooks. All calls receive the same object as their result. `null` or `false` for none. Default: none.
   */
  readonly share?: boolean | 'run' | number | ShareOptions<Args> | null | undefined;
  /**
   * Returns the value that identifies a call in the journal of a run, from the arguments, such as the id of an order.
   * Needed only if the arguments differ when the run goes on after a crash. `null` for none. Default: all arguments.
   */
  readonly key?: ((...args: Args) => unknown) | null | undefined;
  /**
   * If true, a run with a journal never executes a call twice: if a crash has interrupted the call, it rejects with an
   * `InterruptedError` when the run goes on. Default: false, the call is executed again.
   */
  readonly once?: boolean | undefined;
}

/**
 * The arguments of an action, for the type of its options. Keeps TypeScript from inferring the arguments from the
 * options, so that they are inferred from the function alone.
 */
export type Same<Args extends readonly unknown[]> = Args extends infer Given extends readonly unknown[] ? Given : never;

/** Named work from which tasks are created. */
export interface Definition {
  readonly core: Core;
  readonly name: string;
  /** The function with its policies. */
  readonly work: Work;
  /** Options of the action that concern its record in a journal. */
  readonly policies?: RecordedPolicies | undefined;
  readonly followed: Followed;
  /** The function with its policies and middleware, for an observed task. Made on first use. */
  observed: Observed | undefined;
}

type Observed = (record: RunningTask, scope: Scope, self?: unknown) => unknown;

/** The tasks that got a scope of their own before anything had read `orchestrator.task`. */
export interface Followed {
  count: number;
}

/** The function and the policies from which an action was created. */
interface Source {
  readonly core: Core;
  readonly fn: AnyFunction;
  readonly name: string;
  readonly policies: Policies;
}

const sources = new WeakMap<AnyFunction, Source>();

/** Returns the source of an action, or `undefined` for any other function. */
export function sourceOf(action: AnyFunction): Source | undefined {
  return sources.get(action);
}

type Read = OwnPolicies & Partial<{ readonly name: string; readonly policies: 'none' }>;

const readActionOptions = anObjectOf<ActionOptions, Read>({
  name: aName,
  policies: readWithoutDefaults,
  ...policyReaders,
  fallback: orNone(readFallback),
  fallbackOn: orNone(aFunction),
  share: orNone(readShare),
  key: orNone(aFunction),
  once: aBoolean,
});

/** Returns the policies of an action: its own options over the defaults, unless `policies` is `'none'`. */
function policiesOf(read: Read, defaults: Policies): Policies {
  return overDefaults(read, read.policies === 'none' ? noPolicies : defaults);
}

/**
 * Wraps a function as an action.
 *
 * @param name - the name passed before the function. Default: the name from the options or, without that, of the
 *   function
 */
export function defineAction(
  core: Core,
  defaults: Policies,
  fn: AnyFunction,
  options: unknown = {},
  name?: unknown,
): AnyFunction {
  aFunction(fn, 'action');
  const read = readActionOptions(options);
  const first = name === undefined ? read.name : aName(name, 'name');
  if (read.name !== undefined && read.name !== first) {
    throw new ValidationError('name is given twice, before the function and in the options: leave one of them out');
  }
  return actionOf(core, fn, first ?? (fn.name || anonymous), policiesOf(read, defaults));
}

/** The name of actions without a name. */
export const anonymous = 'anonymous';

/** Creates a copy of an action with other options. */
export function redefineAction(core: Core, action: AnyFunction, options: unknown): AnyFunction {
  const source = sources.get(action);
  if (source?.core !== core) throw invalid('action', 'an action of this orchestrator', action);
  const read = readActionOptions(options);
  const { fn, name, policies } = source;
  return actionOf(core, fn, read.name ?? name, policiesOf(read, policies));
}

/** Returns an action whose calls are not shared, or any other function unchanged. Nodes share no calls. */
export function unshared(action: AnyFunction): AnyFunction {
  const source = sources.get(action);
  return source?.policies.share === undefined ? action : redefineAction(source.core, action, { share: null });
}

function actionOf(core: Core, fn: AnyFunction, name: string, policies: Policies): AnyFunction {
  if (name !== anonymous && core.names.size < mostNames) core.names.add(name);
  const work = applyPolicies(policies, callOf(fn, name));
  const sharing = policies.share && new Sharing(core, name, policies.share, work);
  const definition = defineWork(core, name, sharing?.work ?? work, policies);
  const action = sharing === undefined ? called(definition) : calledOnce(definition, sharing);
  sources.set(action, { core, fn, name, policies });
  actions.add(action);
  return withArguments(Object.defineProperty(action, 'name', { value: name }));
}

function called(definition: Definition): AnyFunction {
  return function (this: unknown, ...args: unknown[]) {
    return perform(definition, args, this);
  };
}

/** Wraps a shared action so that unobserved calls can be answered from the kept results, without creating a task. */
function calledOnce(definition: Definition, sharing: Sharing): AnyFunction {
  const { core } = definition;
  return function (this: unknown, ...args: unknown[]) {
    const scope = ownScope();
    const process = processOf(core, scope);
    const isOpen = scope === undefined || !(scope.cancellation.closed || scope.cancellation.aborted || scope.branch);
    const isPlain = isOpen && !isSeen(core) && (process !== undefined || !isRunSeen(core));
    const kept = isPlain ? sharing.kept(args, this, process) : undefined;
    return kept ?? perform(definition, args, this);
  };
}

/** Returns true if hooks or subscribers observe processes. */
function isRunSeen({ hooks: { onProcessBegin, onProcessCompletion } }: Core): boolean {
  return onProcessBegin.length + onProcessCompletion.length > 0 || isWatched(processChannel);
}

/**
 * Creates the innermost stage of a task: one attempt, which calls the function with the task's arguments.
 *
 * @param action - the name of the action under which stubs are looked up, if any
 */
export function callOf(fn: AnyFunction, action?: string): Work {
  return (task, { cancellation }) => {
    const { args, core, record, self } = task;
    cancellation.throwIfAborted();
    if (record !== undefined) record.attempts++;
    const called = core.stubs === undefined ? fn : stubbed(core, fn, action);
    return self === undefined ? called(...args) : called.apply(self, args as unknown[]);
  };
}

/** Returns the stub for an action, or else the function itself. */
function stubbed({ stubs }: Core, fn: AnyFunction, action: string | undefined): AnyFunction {
  return (action !== undefined && stubs?.fakes.get(action)) || fn;
}

/** Returns the function of an action, with stubs applied, for callers that create no task for it, such as nodes. */
export function functionOf({ core, fn, name }: Source): AnyFunction {
  return (...args) => stubbed(core, fn, name)(...args);
}

/**
 * Gives a name to work, so that tasks can be created from it.
 *
 * @param followed - shared by all definitions of the same code. Default: of this definition alone
 */
export function defineWork(
  core: Core,
  name: string,
  work: Work,
  policies?: RecordedPolicies,
  followed: Followed = { count: 0 },
): Definition {
  return { core, name, work, policies, followed, observed: undefined };
}

/** Returns the work of an observed task, which is made when the first task of the definition is observed. */
function observedOf(definition: Definition): Observed {
  definition.observed ??= (record, scope, self) => {
    const { core, work } = definition;
    const { use } = core.hooks;
    const task = newTask(definition, record.args, scope, self, record);
    const around = use.length === 0 ? work : (_: Task, inner: Scope) => wrap(use, work, task, inner);
    return start(definition, task, scope, around);
  };
  return definition.observed;
}

/**
 * Maximum number of tasks per action that get a scope of their own before anything has read `orchestrator.task`. On
 * Node 24, a separate scope costs more than the rest of a task, so programs that never read the task must not pay for
 * it. Only the scope of an `AsyncLocalStorage` follows the code over an `await`, so there is no cheaper way to follow
 * a task that has no other scope.
 */
export const mostFollowed = 1_000;

/**
 * Returns true if the next task of this work needs a scope of its own, because its code may read `orchestrator.task`.
 */
function isFollowed(definition: Definition): boolean {
  if (definition.core.isAsked) return true;
  if (definition.followed.count === mostFollowed) return false;
  definition.followed.count++;
  return true;
}

/**
 * Calls the work of a task, in a scope of its own if its code may read `orchestrator.task`. Otherwise, the scopes that
 * policies create for the function still lead to the task, at no cost. Middleware, which enters the scope that it is
 * given, stays in the surrounding one.
 */
export function start(definition: Definition, task: Task, scope: Scope, work: Work): unknown {
  if (isFollowed(definition)) return follow(task, work);
  return work(task, work === definition.work ? task : scope);
}

export function newTask(
  { core, name }: Definition,
  args: readonly unknown[],
  scope: Scope,
  self: unknown,
  record?: RunningTask,
): Task {
  const { process, cancellation } = scope;
  // Skips the scope of a surrounding task, so that tasks that start each other do not form a chain.
  const outer = scope.core === core ? scope.outer : scope;
  return {
    process,
    cancellation,
    outer,
    name,
    core,
    args,
    self,
    record,
    attempt: 1,
    number: undefined,
    expired: undefined,
    wait: undefined,
  };
}

/** Returns true if hooks, middleware or subscribers observe tasks. */
export function isSeen({ hooks }: Core): boolean {
  return hooks.seeTasks || retryChannel.hasSubscribers || isWatched(taskChannel);
}

/**
 * Turns a call into a task of the surrounding run. Outside a run, the task gets a run of its own.
 *
 * @param self - the `this` value of the call, if the action was called as a method
 */
export function perform(definition: Definition, args: unknown[], self?: unknown): Promise<unknown> {
  const { core } = definition;
  const own = ownScope();
  if (own?.branch) return own.branch.task(definition, args, own, () => perform(definition, args, self), self);
  if (own?.cancellation.closed) return performOutside(definition, args, self, own);
  const process = processOf(core, own);
  if (own === undefined || process === undefined) return performAlone(definition, args, self);
  try {
    const performed = performIn(definition, args, process, own, self);
    return isPromiseLike(performed) ? (performed as Promise<unknown>) : Promise.resolve(performed);
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

/** Runs a task in the given process. If nothing has to be awaited, returns the result, or throws, synchronously. */
export function performIn(
  definition: Definition,
  args: unknown[],
  process: Process,
  scope: Scope,
  self?: unknown,
): unknown {
  const { core, name } = definition;
  scope.cancellation.throwIfAborted();
  process.begin();
  if (isWatched(taskChannel)) {
    const record = new RunningTask(process, name, args, stateIn(process, scope));
    return watched('task', taskChannel, record, () => observe(definition, record, process, scope, self));
  }
  if (!core.hooks.seeTasks && !retryChannel.hasSubscribers) return carryOut(definition, args, process, scope, self);
  return observe(definition, new RunningTask(process, name, args, stateIn(process, scope)), process, scope, self);
}

/**
 * Runs a task for a caller whose scope has ended. The task belongs to the innermost surrounding scope that is still
 * open, or else to a new run.
 */
function performOutside(definition: Definition, args: unknown[], self: unknown, closed: Scope): Promise<unknown> {
  const scope = openScope(closed);
  const process = processOf(definition.core, scope);
  if (scope === undefined || process === undefined) return performAlone(definition, args, self);
  return enter(scope, async () => performIn(definition, args, process, scope, self));
}

function performAlone(definition: Definition, args: unknown[], self: unknown): Promise<unknown> {
  return run(definition.core, () => perform(definition, args, self));
}

/**
 * Runs a task that nothing observes and that therefore needs no record. Not an async function, because a pending async
 * function takes more memory than a promise with two handlers, and a great many tasks may wait for a limit.
 */
function carryOut(definition: Definition, args: unknown[], process: Process, scope: Scope, self: unknown): unknown {
  const task = newTask(definition, args, scope, self);
  let pending: unknown;
  try {
    pending = untilAborted(scope.cancellation, start(definition, task, scope, definition.work));
    // Reading `then` of a result may throw, as it would when awaited.
    if (isPromiseLike(pending)) return untilEnded(task, process, scope, pending);
  } catch (thrown) {
    process.end();
    throw asFailure(thrown, definition.name, scope.cancellation);
  }
  process.end();
  return pending;
}

/** Settles like `pending`, and then ends the task. */
function untilEnded({ name }: Task, process: Process, { cancellation }: Scope, pending: PromiseLike<unknown>) {
  const succeed = (result: unknown) => {
    process.end();
    return result;
  };
  const fail = (thrown: unknown) => {
    process.end();
    throw asFailure(thrown, name, cancellation);
  };
  return Promise.resolve(pending).then(succeed, fail);
}

/** Runs a task that hooks, middleware or subscribers observe. */
function observe(definition: Definition, record: RunningTask, process: Process, scope: Scope, self: unknown) {
  const { core } = definition;
  const observed = observedOf(definition);
  const work = self === undefined ? observed : asMethod(observed, self);
  return live(record, process, scope, core.hooks.onTaskBegin, core.hooks.onTaskCompletion, work);
}

function asMethod(observed: Observed, self: unknown): Observed {
  return (record, scope) => observed(record, scope, self);
}

function wrap(middleware: readonly Middleware[], work: Work, task: Task, scope: Scope, index = 0): unknown {
  const outermost = middleware[index];
  if (outermost === undefined) return work(task, scope);
  // Middleware may call `next` later, from any asynchronous context.
  const inContext = thisContext();
  const next = async () => wrap(middleware, work, task, scope, index + 1);
  return outermost(task.record as TaskRecord, () => inContext(() => enter(scope, next)));
}
