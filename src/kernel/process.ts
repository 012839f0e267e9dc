import { AsyncLocalStorage } from 'node:async_hooks';
import type { AnyFunction } from '../shared/validate.js';
import type { Cancellation } from './cancellation.js';
import type { Hooks } from './hooks.js';
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
  /** Functions that replace those of actions, by the name of the action. Set only during tests. */
  stubs: ReadonlyMap<string, AnyFunction> | undefined;
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

/** Calls the work of a task in a scope of its own, which is the task itself. */
export function follow<Task extends Scope, Result>(task: Task, work: (task: Task, scope: Scope) => Result): Result {
  return scopes.run(task, work, task, task);
}

/** Calls `work` outside any scope, so that everything it starts belongs to no run. */
export function detached<Result>(work: () => Result): Result {
  return scopes.run(undefined, work);
}

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
