import { AsyncLocalStorage } from 'node:async_hooks';
import type { Cancellation } from './cancellation.js';
import type { Hooks } from './hooks.js';
import type { StateStore } from './state.js';

/** What the processes and tasks of one orchestrator have in common. */
export interface Core {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: only the face of an orchestrator knows the type of its state
  readonly hooks: Hooks<any>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly states: StateStore<any>;
}

/** Where code stands: in a process, and under the innermost cancellation that reaches it there. */
export interface Scope {
  readonly process: Process;
  readonly cancellation: Cancellation;
  /** Where it was entered. */
  readonly outer: Scope | undefined;
}

const scopes = new AsyncLocalStorage<Scope | undefined>();

/** Where the code that calls this was started, whether or not that is over by now. */
export function ownScope(): Scope | undefined {
  return scopes.getStore();
}

/**
 * Where what the calling code starts belongs. A scope that is over is none any more (a server that was started inside a
 * run outlives it), unless it was aborted: what still goes on behind an abort starts nothing new.
 */
export function currentScope(): Scope | undefined {
  let scope = scopes.getStore();
  while (scope?.cancellation.closed && !scope.cancellation.aborted) scope = scope.outer;
  return scope;
}

/** The innermost process of this orchestrator that encloses the scope. */
export function processOf(core: Core, scope: Scope | undefined): Process | undefined {
  let enclosing = scope;
  while (enclosing !== undefined && enclosing.process.core !== core) enclosing = enclosing.process.outer;
  return enclosing?.process;
}

/** Calls `work` with this scope. */
export function enter<Result>(scope: Scope, work: () => Result): Result {
  return scopes.run(scope, work);
}

/** Calls `work` where no scope is, whoever calls this: what it starts belongs to nobody else. */
export function detached<Result>(work: () => Result): Result {
  return scopes.run(undefined, work);
}

/**
 * One run. It is open while its function or anything that was started in it is pending: a task that nobody awaited
 * still finishes inside it, and can still be aborted. Then it closes, and lets go of its timer and its signal.
 */
export class Process {
  #pending = 0;
  #tasks = 0;

  constructor(
    readonly core: Core,
    readonly id: string,
    /** What hooks and actions in it share. Where a process carries out one thing after another, each has its own. */
    public state: object,
    readonly cancellation: Cancellation,
    /** Where the run was started. */
    readonly outer: Scope | undefined,
  ) {}

  /** Something has been started in it. */
  begin(): void {
    if (this.#pending++ === 0) this.outer?.process.begin();
  }

  /** What was started has settled. */
  end(): void {
    if (--this.#pending > 0) return;
    this.cancellation.close();
    this.outer?.process.end();
  }

  nextTaskNumber(): number {
    return ++this.#tasks;
  }
}
