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
  /** The part of the process that it begins, where that works on a state of its own. */
  readonly part?: { readonly context: object } | undefined;
}

const scopes = new AsyncLocalStorage<Scope | undefined>();

/** Where the code that calls this was started, whether or not that is over by now. */
export function ownScope(): Scope | undefined {
  return scopes.getStore();
}

/**
 * The scope that the calling code starts work in. A scope that is over does not count: a server, a socket or a pool that
 * was opened inside a run outlives the run.
 */
export function currentScope(): Scope | undefined {
  return openScope(scopes.getStore());
}

/** The innermost scope around this one that is not over. */
export function openScope(scope: Scope | undefined): Scope | undefined {
  let open = scope;
  while (open?.cancellation.closed && isOver(open)) open = open.outer;
  return open;
}

/** An aborted scope refuses new work until its process is over, and as long as a function goes on that it cut short. */
function isOver({ cancellation, process }: Scope): boolean {
  return !cancellation.aborted || (process.isOver && cancellation.stragglers === 0);
}

/**
 * The scope that code reads its signal from. A run's own function that ignored the abort may start work again when the
 * run is over, but its signal stays aborted.
 */
export function signalScope(): Scope | undefined {
  const own = scopes.getStore();
  return own?.cancellation.aborted && own.process.isLeft ? own : openScope(own);
}

/** The innermost process of this orchestrator that encloses the scope. */
export function processOf(core: Core, scope: Scope | undefined): Process | undefined {
  let enclosing = scope;
  while (enclosing !== undefined && enclosing.process.core !== core) enclosing = enclosing.process.outer;
  return enclosing?.process;
}

/** The state that code reads and changes: that of the part of the process that it stands in, else the process's. */
export function stateIn(process: Process, scope: Scope | undefined): object {
  for (let at = scope; at !== undefined; at = at.outer) {
    if (at.part !== undefined && at.process === process) return at.part.context;
  }
  return process.state;
}

/** Calls `work` with this scope, whatever context calls this. */
export function enter<Result>(scope: Scope, work: () => Result): Result {
  return scopes.getStore() === scope ? work() : scopes.run(scope, work);
}

/** Calls `work` where no scope is, whoever calls this: what it starts belongs to nobody else. */
export function detached<Result>(work: () => Result): Result {
  return scopes.run(undefined, work);
}

/**
 * One run. It is open while its function or anything that was started in it is pending: a task that nobody awaited
 * still finishes inside it, and can still be aborted. Then it closes, and lets go of its timer and its signal.
 *
 *     running ─► hasOutcome (completion hooks, tasks that nobody awaited) ─► closed ─► isOver
 *
 * An aborted process is over one turn of the event loop after it has closed: code that the abort itself has woken up
 * (a `catch`, a `finally`) still starts nothing.
 */
export class Process {
  /** If true, its function has settled or was cut short. Runs that its completion hooks start are not part of it. */
  hasOutcome = false;
  /** If true, its scope does not count any more, nor do those of its attempts and groups that were aborted. */
  isOver = false;
  /** If true, its function was cut short by an abort and has not settled yet. */
  isLeft = false;
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
    if (this.#pending++ > 0) return;
    let outer = this.outer?.process;
    while (outer !== undefined && outer.#pending++ === 0) outer = outer.outer?.process;
  }

  /** What was started has settled. */
  end(): void {
    if (--this.#pending > 0) return;
    this.#close();
    let outer = this.outer?.process;
    while (outer !== undefined && --outer.#pending === 0) {
      outer.#close();
      outer = outer.outer?.process;
    }
  }

  /** Its function goes on though an abort has cut it short. */
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
