import { AsyncLocalStorage } from 'node:async_hooks';
import type { AnyFunction } from '../../shared/validate.js';
import type { Cancellation, Limiter } from '../cancellation.js';
import type { GroupRecord } from '../hooks/events.js';
import type { Hooks } from '../hooks/hooks.js';
import type { StateStore } from './state.js';

/** State shared by all processes and tasks of an orchestrator. */
export interface Core {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: only the public class knows the type of the state
  readonly hooks: Hooks<any>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly states: StateStore<any>;
  /** If true, something has read `orchestrator.task`, so every later task gets a scope of its own. */
  isAsked: boolean;
  /** Names of actions, up to `mostNames`: actions may be defined per call, and the set must not grow with the calls. */
  readonly names: Set<string>;
  /** Functions that replace those of actions. Set only during tests. */
  stubs: Stubs | undefined;
}

/** Maximum number of names that an orchestrator remembers. */
export const mostNames = 1_000;

/** Functions that replace those of actions, by the name of the action. */
export interface Stubs {
  readonly fakes: ReadonlyMap<string, AnyFunction>;
  /** Number of times that the fake of an action was set or removed. */
  readonly changes: ReadonlyMap<string, number>;
}

/** The context of running code: its process, and the innermost cancellation that can stop the code. */
export interface Scope {
  readonly process: Process;
  readonly cancellation: Cancellation;
  /** The scope that surrounds this one. */
  readonly outer: Scope | undefined;
  /** The part of the process that begins with this scope, if that part has a state of its own. */
  readonly part?: { readonly context: object } | undefined;
  /** The orchestrator of the task, if the scope is a task. */
  readonly core?: Core | undefined;
  /** The branch to which calls are passed, if the scope is recorded. */
  readonly branch?: Branch | undefined;
}

/**
 * The hook for recorded runs, which `orchestrator/durable` implements. The kernel passes every call of a recorded scope
 * to the branch of the scope. The branch executes the call, or settles with the outcome that an earlier life of the run
 * has recorded.
 *
 * Only the code of the run itself and the members of its groups have a branch. The scopes in which tasks and hooks run
 * have none, so that their insides are not recorded.
 */
export interface Branch extends Recorder {
  /**
   * @param perform - performs the task. Must be called in a scope without a branch
   * @param self - the `this` value of the call, if the action was called as a method
   */
  task(
    action: RecordedAction,
    args: readonly unknown[],
    scope: Scope,
    perform: () => unknown,
    self?: unknown,
  ): Promise<unknown>;
  /** Runs a group of calls. */
  fork(form: Pick<GroupRecord, 'kind' | 'name'>, work: (fork: Fork) => Promise<unknown>): Promise<unknown>;
}

/** Records runs: a journal, or the branch in which a nested run is called. */
export interface Recorder {
  /** @param execute - executes the run. Must be called in the context of the caller */
  record(run: RecordedRun, execute: (life: Life) => unknown): Promise<unknown>;
}

/** The action of a recorded task. */
export interface RecordedAction {
  readonly core: Core;
  readonly name: string;
  readonly policies?: RecordedPolicies | undefined;
}

/** Options of an action that concern its record. */
export interface RecordedPolicies {
  /** Returns the value that identifies a call, instead of all arguments. */
  readonly key?: ((...args: never[]) => unknown) | undefined;
  /** If true, a task that was begun in an earlier life and not ended is not repeated. */
  readonly once?: boolean | undefined;
  readonly share?: RecordedShare | undefined;
}

/** The part of the options of a shared action that concerns its record. */
interface RecordedShare {
  /** `'run'` if a result answers all equal calls of its run. */
  readonly ttl?: number | 'run' | undefined;
  readonly key?: ((...args: never[]) => unknown) | undefined;
  readonly max?: number | undefined;
}

/** A run that is to be recorded. */
export interface RecordedRun {
  readonly core: Core;
  /** The id that was given to the run, if any. */
  readonly id: string | undefined;
  readonly name: string;
}

/** An execution of a recorded run, from its start to its end or a crash. */
export interface Life extends Limiter {
  /** Number of the life, from 1. */
  readonly number: number;
  /** Calls the function of the run. */
  call(record: object, scope: Scope, work: () => unknown): unknown;
}

/** A group in a recorded scope. */
export interface Fork extends Limiter {
  /** Calls a member of the group in a branch of its own. */
  call(key: string | number, work: () => unknown): unknown;
}

const scopes = new AsyncLocalStorage<Scope | undefined>();

/** Returns the scope in which the calling code was started, even if the scope has ended. */
export function ownScope(): Scope | undefined {
  return scopes.getStore();
}

/**
 * Returns the scope for new work of the calling code. Scopes that have ended are skipped, because a server, a socket or
 * a pool that was opened inside a run outlives the run.
 */
export function currentScope(): Scope | undefined {
  return openScope(scopes.getStore());
}

/** Returns the given scope or, if it has ended, the innermost surrounding scope that is still open. */
export function openScope(scope: Scope | undefined): Scope | undefined {
  let open = scope;
  while (open?.cancellation.closed && isOver(open)) open = open.outer;
  return open;
}

/**
 * Returns true if the closed scope has ended, so that new work belongs to the surrounding scope. An aborted scope
 * refuses new work instead. It does not end before its process is over and every interrupted function has settled.
 */
function isOver({ cancellation, process }: Scope): boolean {
  return !cancellation.aborted || (process.isOver && cancellation.stragglers === 0);
}

/**
 * Returns the scope whose signal the calling code reads. Even if the function of an aborted run ignores the abort and
 * starts new work after the run, its own signal stays aborted.
 */
export function signalScope(): Scope | undefined {
  const own = scopes.getStore();
  return own?.cancellation.aborted && own.process.isLeft ? own : openScope(own);
}

/** Returns the innermost process of this orchestrator around the scope. */
export function processOf(core: Core, scope: Scope | undefined): Process | undefined {
  let enclosing = scope;
  while (enclosing !== undefined && enclosing.process.core !== core) enclosing = enclosing.process.outer;
  return enclosing?.process;
}

/**
 * Returns the state that the calling code reads and changes: the state of the surrounding part of the process, if that
 * part has a state of its own, or else the state of the process.
 */
export function stateIn(process: Process, scope: Scope | undefined): object {
  for (let at = scope; at !== undefined; at = at.outer) {
    if (at.part !== undefined && at.process === process) return at.part.context;
  }
  return process.state;
}

/** Calls `work` in the given scope, or outside all scopes, independent of the caller's context. */
export function enter<Result>(scope: Scope | undefined, work: () => Result): Result {
  return scopes.getStore() === scope ? work() : scopes.run(scope, work);
}

/**
 * Returns a function that calls work in the asynchronous context of the current code, including the caller's own
 * `AsyncLocalStorage`s. Used for work that foreign code starts later, from a context of its own.
 */
export function thisContext(): <Result>(work: () => Result) => Result {
  return AsyncLocalStorage.snapshot();
}

/** Calls the work of a task in a scope of its own, which is the task itself. */
export function follow<Task extends Scope, Result>(task: Task, work: (task: Task, scope: Scope) => Result): Result {
  return scopes.run(task, work, task, task);
}

/** Calls `work` outside any scope, so that everything it starts belongs to no run. */
export function detached<Result>(work: () => Result): Result {
  return scopes.run(undefined, work);
}

/**
 * Calls `work` in the asynchronous context in which the package was loaded: outside any scope, and outside the stores
 * that callers have in an `AsyncLocalStorage` of their own.
 */
export const outside: <Result>(work: () => Result) => Result = AsyncLocalStorage.snapshot();

/**
 * A run. It is open while its function, or anything started in it, is pending. A task that nothing awaits still
 * finishes inside the run, and can still be aborted. When nothing is pending any more, the run closes, and releases its
 * timer and its signal.
 *
 *     running ─► hasOutcome (completion hooks, tasks that nothing awaits) ─► closed ─► isOver
 *
 * An aborted process is over one turn of the event loop after it has closed. Code that the abort itself resumes (a
 * `catch`, a `finally`) therefore starts nothing new.
 */
export class Process {
  /**
   * If true, the function of the run has settled or was interrupted. Runs that completion hooks start are not children
   * of this run.
   */
  hasOutcome = false;
  /** If true, new work skips the scope of this run, and also the aborted scopes of its attempts and groups. */
  isOver = false;
  /** If true, the function of the run was interrupted by an abort and has not settled yet. */
  isLeft = false;
  #pending = 0;
  #tasks = 0;

  constructor(
    readonly core: Core,
    readonly id: string,
    /** The state that the hooks and actions of the run share. Parts of a process may have their own states. */
    public state: object,
    readonly cancellation: Cancellation,
    /** The scope in which the run was started. */
    readonly outer: Scope | undefined,
  ) {}

  /** Counts work that starts in the run as pending. */
  begin(): void {
    if (this.#pending++ > 0) return;
    let outer = this.outer?.process;
    while (outer !== undefined && outer.#pending++ === 0) outer = outer.outer?.process;
  }

  /** Stops counting work that has settled. The run closes when no work is pending any more. */
  end(): void {
    if (--this.#pending > 0) return;
    this.#close();
    let outer = this.outer?.process;
    while (outer !== undefined && --outer.#pending === 0) {
      outer.#close();
      outer = outer.outer?.process;
    }
  }

  /** Marks the function of the run as interrupted until the function settles. */
  leave(work: PromiseLike<unknown>): void {
    const settled = () => {
      this.isLeft = false;
    };
    this.isLeft = true;
    work.then(settled, settled);
  }

  #close(): void {
    this.cancellation.close();
    if (!this.cancellation.aborted) {
      this.isOver = true;
      return;
    }
    setImmediate(() => {
      this.isOver = true;
    });
  }

  nextTaskNumber(): number {
    return ++this.#tasks;
  }
}
