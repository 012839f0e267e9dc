import { discreet, discreetText } from '../shared/discretion.js';
import { kindOf, markAsOurs, OrchestratorError } from '../shared/errors.js';
import { cleaned } from '../shared/text.js';
import type { RunStatus } from './run-info.js';

/**
 * Thrown when no run has the given id. The id is wrong, or the run was removed by `deleteRun`, by `prune`, or because
 * its retention had passed. `code` is `ERR_RUN_NOT_FOUND`.
 */
export class RunNotFoundError extends OrchestratorError {
  override readonly name = 'RunNotFoundError';
  readonly code = 'ERR_RUN_NOT_FOUND';

  constructor(readonly runId: string) {
    super(`run "${short(runId)}" is not known`);
  }
}

/**
 * Thrown by `start` and `startRun` when a run of another workflow, or of another version, already has the given id. No
 * run was started. `workflow` and `version` are the workflow and the version of the existing run. `code` is
 * `ERR_RUN_EXISTS`.
 */
export class RunExistsError extends OrchestratorError {
  override readonly name = 'RunExistsError';
  readonly code = 'ERR_RUN_EXISTS';

  constructor(
    readonly runId: string,
    readonly workflow: string,
    readonly version: string,
  ) {
    super(
      `run "${short(runId)}" exists already, of workflow "${short(workflow)}" in version "${short(version)}": give another id`,
    );
  }
}

/**
 * Thrown when the status of a run does not allow an operation, for instance when `cancel` is called for a completed
 * run. The run was not changed. `status` is the status of the run. `code` is `ERR_RUN_STATE`.
 */
export class RunStateError extends OrchestratorError {
  override readonly name = 'RunStateError';
  readonly code = 'ERR_RUN_STATE';

  constructor(
    readonly runId: string,
    readonly status: RunStatus,
    problem: string,
  ) {
    super(`run "${short(runId)}" is ${status}: ${problem}`);
  }
}

/** Maximum number of workflows that a message names. */
const mostNamed = 20;

/**
 * Thrown when the program was not given the requested workflow, or not in the requested version. An orchestrator also
 * looks for the graph of the workflow on the engine, and throws only if the graph is missing there, too. The message
 * lists the known workflows. `code` is `ERR_WORKFLOW_NOT_FOUND`.
 */
export class WorkflowNotFoundError extends OrchestratorError {
  override readonly name = 'WorkflowNotFoundError';
  readonly code = 'ERR_WORKFLOW_NOT_FOUND';

  constructor(
    readonly workflow: string,
    readonly version: string | undefined,
    known: readonly string[],
  ) {
    const which = `workflow "${short(workflow)}"${version === undefined ? '' : ` in version "${short(version)}"`}`;
    const names = known.slice(0, mostNamed).map(short).join(', ') || 'a workflow to be given';
    const more = known.length > mostNamed ? `, or one of ${known.length - mostNamed} more` : '';
    super(`${which} is not known here, expected ${names}${more}`);
  }
}

/**
 * Thrown when the graph of a workflow has changed but its version has not. The program cannot continue runs that were
 * started with the earlier graph. Give the changed workflow a new version. `code` is `ERR_WORKFLOW_CHANGED`.
 */
export class WorkflowChangedError extends OrchestratorError {
  override readonly name = 'WorkflowChangedError';
  readonly code = 'ERR_WORKFLOW_CHANGED';

  /**
   * @param difference - a description of the difference between the graphs; empty if unknown
   * @param runId - the run that this program cannot continue. Default: all active runs of the version
   */
  constructor(
    readonly workflow: string,
    readonly version: string,
    difference: string,
    readonly runId?: string | undefined,
  ) {
    const runs = runId === undefined ? 'active runs have' : `run "${short(runId)}" has`;
    super(
      `workflow "${short(workflow)}" has another graph here than ${runs} started with in version "${short(version)}"` +
        `${difference === '' ? '' : ` (${difference})`}: give the changed workflow a new version, ` +
        'and keep the old one beside it until its runs have ended',
    );
  }
}

/**
 * Thrown by `forgetWorker` for a worker that is alive, because only a silent worker can be forgotten. Stop the worker,
 * or wait until it has been silent for five of its heartbeat intervals. `code` is `ERR_WORKER_ALIVE`.
 */
export class WorkerAliveError extends OrchestratorError {
  override readonly name = 'WorkerAliveError';
  readonly code = 'ERR_WORKER_ALIVE';

  constructor(readonly workerId: string) {
    super(`worker "${short(workerId)}" is alive: stop it, or wait until it is silent`);
  }
}

/**
 * Thrown by `DistributedWorker.start` after `stop()` or `close()` was called on the worker. A worker can be started
 * only once: create a new worker instead. `code` is `ERR_WORKER_STOPPED`.
 */
export class WorkerStoppedError extends OrchestratorError {
  override readonly name = 'WorkerStoppedError';
  readonly code = 'ERR_WORKER_STOPPED';

  constructor(readonly workerId: string) {
    super(`worker "${short(workerId)}" was stopped: create a new one, a worker can be started only once`);
  }
}

/**
 * Thrown when a context, an input, a signal or an output is larger than `maxPayload`. Nothing was sent or stored. All
 * sizes are bytes of the serialized text. `code` is `ERR_PAYLOAD`.
 */
export class PayloadError extends RangeError {
  override readonly name = 'PayloadError';
  readonly code = 'ERR_PAYLOAD';

  /**
   * @param field - the field that is too large, such as `context.items`
   * @param size - the size of the field, in bytes
   * @param limit - the maximum size, in bytes
   */
  constructor(
    readonly field: string,
    readonly size: number,
    readonly limit: number,
  ) {
    super(
      `${field} must be at most ${limit} bytes as text, got ${size}: store large data elsewhere and pass a reference`,
    );
  }
}

markAsOurs(PayloadError);

/**
 * The reason for an `EngineError`:
 *
 * - `unreachable`: no connection could be made, or all connections were lost;
 * - `timeout`: the engine was reached but did not answer in time, so the call may have been carried out;
 * - `full`: the server has no memory or no disk space left;
 * - `rights`: the server refused the password, or the user lacks a right;
 * - `payload`: the engine refused a text because of its content or its size;
 * - `unsuitable`: the server's setup is unusable or risky;
 * - `closed`: `close()` was called;
 * - `refused`: the engine refused the call for another reason, given as the `cause`.
 */
export type EngineErrorReason =
  | 'unreachable'
  | 'timeout'
  | 'full'
  | 'rights'
  | 'payload'
  | 'unsuitable'
  | 'closed'
  | 'refused';

/** Reasons that usually disappear without intervention. */
const passing: readonly EngineErrorReason[] = ['unreachable', 'timeout', 'full'];

/**
 * Options of `new EngineError`. A custom engine sets the `cause`, whose message is appended to the message of the error
 * after secrets have been removed, and a `reason`, which decides if callers retry.
 */
export interface EngineErrorOptions extends ErrorOptions {
  /** The reason for the failure. Default: `payload` if `isFinal` is true, otherwise `unreachable`. */
  readonly reason?: EngineErrorReason | undefined;
  /** If true, the reason is `payload`, unless `reason` is given. Default: false. */
  readonly isFinal?: boolean | undefined;
}

/**
 * Thrown when an engine cannot be reached or refuses a call; see `reason`. If `isRetryable` is true, the same call may
 * succeed later. `code` is `ERR_ENGINE`.
 *
 * @example
 * try {
 *   await orchestrator.startRun(context, input, { id: 'order-42' });
 * } catch (error) {
 *   if (!(error instanceof EngineError && error.isRetryable)) throw error;
 *   console.warn(`not started yet: ${error.message}`);
 * }
 */
export class EngineError extends OrchestratorError {
  override readonly name = 'EngineError';
  readonly code = 'ERR_ENGINE';
  readonly reason: EngineErrorReason;
  /** If true, a text was refused because of its content or its size. The same call will be refused again. */
  readonly isFinal: boolean;

  /**
   * @param engine - the name of the engine: kind and address, without a password
   * @param problem - the predicate of the message, such as `did not answer in time`
   */
  constructor(
    readonly engine: string,
    problem: string,
    options: EngineErrorOptions = {},
  ) {
    const { isFinal = false, reason = isFinal ? 'payload' : 'unreachable', ...rest } = options;
    const { message } = Object(discreet(rest.cause)) as { message?: unknown };
    super(
      `${engine} ${problem}${typeof message === 'string' && message !== '' ? `: ${discreetText(message)}` : ''}`,
      rest,
    );
    this.reason = reason;
    this.isFinal = reason === 'payload';
  }

  /** If true, the same call may succeed later. If false, the call or the server has to be changed first. */
  get isRetryable(): boolean {
    return passing.includes(this.reason);
  }
}

/**
 * Returns true if a text was refused because of its content or its size, either by the engine or before it was sent.
 */
export function isForGood(error: unknown): boolean {
  return error instanceof RangeError || (error instanceof EngineError && error.isFinal);
}

/**
 * The `cause` of a failure of a node whose workers repeatedly died or lost their lock while they executed the node.
 * `crashes` is the number of these workers: see the worker's option `maxCrashes`. `code` is `ERR_WORKER_LOST`.
 */
export class WorkerLostError extends OrchestratorError {
  override readonly name = 'WorkerLostError';
  readonly code = 'ERR_WORKER_LOST';

  constructor(
    readonly nodeId: string,
    readonly crashes: number,
  ) {
    super(`node "${short(nodeId)}" was given up: ${crashes} workers died or lost their lock while they executed it`);
  }
}

/**
 * The abort reason of a node's `signal` when the execution no longer counts, because the run was cancelled or removed
 * or the worker has stopped. Afterwards, nothing that the node does has an effect on the run. `code` is
 * `ERR_SUPERSEDED`.
 */
export class SupersededError extends OrchestratorError {
  override readonly name = 'SupersededError';
  readonly code = 'ERR_SUPERSEDED';

  constructor(
    readonly runId: string,
    why: string,
  ) {
    super(`run "${short(runId)}" ${why}`);
  }
}

/** Shortens a text for a message, because ids may have any length. */
function short(text: string): string {
  return typeof text === 'string' ? cleaned(text, 100) : kindOf(text);
}
