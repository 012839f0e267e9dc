import { type Core, type Process, processOf, type Scope, signalScope } from './process.js';
import type { Task } from './task.js';

/**
 * The task to which the calling code belongs, as returned by `orchestrator.task`.
 *
 * @example
 * const { id, attempt, signal } = orchestrator.task ?? {};
 * await fetch(url, { signal, headers: { 'x-task': `${id}, attempt ${attempt}` } });
 */
export interface CurrentTask {
  /** Id of the process and number of the task in it: `4f0c…/7`. Hooks and telemetry report the same id. */
  readonly id: string;
  /** Id of the process that the task belongs to. */
  readonly processId: string;
  /** Name of the action or node. */
  readonly name: string;
  /** Number of the attempt that was in progress when `orchestrator.task` was read, from 1. */
  readonly attempt: number;
  /** The abort signal of the attempt: `orchestrator.signal`. */
  readonly signal: AbortSignal;
  /** Milliseconds until the nearest limit: `orchestrator.remaining`. Computed on each read. */
  readonly remaining: number;
}

/** Returns the orchestrator's innermost task around the calling code, if any. */
export function taskAtHand(core: Core): CurrentTask | undefined {
  core.isAsked = true;
  const scope = signalScope();
  let at = scope;
  while (at !== undefined && at.core !== core) at = at.outer;
  return at && new Current(at as Task, scope as Scope);
}

/** Returns the milliseconds until the nearest limit that applies to the calling code. */
export function remainingTime(): number {
  return signalScope()?.cancellation.remaining ?? Infinity;
}

/**
 * A task as exposed to the code inside it. The fields are private, so printing or serialising the object by mistake
 * reveals no arguments.
 */
class Current implements CurrentTask {
  readonly attempt: number;
  readonly #task: Task;
  readonly #scope: Scope;

  constructor(task: Task, scope: Scope) {
    this.attempt = task.attempt;
    this.#task = task;
    this.#scope = scope;
  }

  get id(): string {
    const task = this.#task;
    if (task.record !== undefined) return task.record.id;
    task.number ??= this.#process.nextTaskNumber();
    return `${this.processId}/${task.number}`;
  }

  get processId(): string {
    return this.#task.record?.processId ?? this.#process.id;
  }

  get name(): string {
    return this.#task.name;
  }

  get signal(): AbortSignal {
    return this.#scope.cancellation.signal;
  }

  get remaining(): number {
    return this.#scope.cancellation.remaining;
  }

  get #process(): Process {
    const task = this.#task;
    return processOf(task.core, task) as Process;
  }
}
