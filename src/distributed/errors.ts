import { discreet, discreetText } from '../shared/discretion.js';
import { kindOf, markAsOurs, OrchestratorError } from '../shared/errors.js';
import { cleaned } from '../shared/text.js';
import type { RunStatus } from './run-info.js';

/** A run is not known, or not any more. */
export class RunNotFoundError extends OrchestratorError {
  override readonly name = 'RunNotFoundError';
  readonly code = 'ERR_RUN_NOT_FOUND';

  constructor(readonly runId: string) {
    super(`run "${short(runId)}" is not known`);
  }
}

/** A run's own id is taken, by a run of another workflow or version. */
export class RunExistsError extends OrchestratorError {
  override readonly name = 'RunExistsError';
  readonly code = 'ERR_RUN_EXISTS';

  constructor(
    readonly runId: string,
    readonly workflow: string,
    readonly version: string,
  ) {
    super(`run "${short(runId)}" exists already, of workflow "${short(workflow)}" in version "${short(version)}"`);
  }
}

/** What was asked for cannot be done with a run as it stands. */
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

/** How many workflows a message names. */
const mostNamed = 20;

/** A workflow is not one of those that an orchestrator or a worker was given, nor, for an orchestrator, on the engine. */
export class WorkflowNotFoundError extends OrchestratorError {
  override readonly name = 'WorkflowNotFoundError';
  readonly code = 'ERR_WORKFLOW_NOT_FOUND';

  constructor(
    readonly workflow: string,
    readonly version: string | undefined,
    known: readonly string[],
  ) {
    const which = `workflow "${short(workflow)}"${version === undefined ? '' : ` in version "${short(version)}"`}`;
    const names = known.slice(0, mostNamed).map(short).join(', ') || 'some to be given';
    const more = known.length > mostNamed ? `, or one of ${known.length - mostNamed} more` : '';
    super(`${which} is not known here, expected ${names}${more}`);
  }
}

/** A program has another graph of a workflow than runs have begun with, under the same version: it cannot go on with them. */
export class WorkflowChangedError extends OrchestratorError {
  override readonly name = 'WorkflowChangedError';
  readonly code = 'ERR_WORKFLOW_CHANGED';

  /**
   * @param difference - what differs, in words; empty if that is not known
   * @param runId - the run that cannot go on here. Default: any of the version
   */
  constructor(
    readonly workflow: string,
    readonly version: string,
    difference: string,
    readonly runId?: string | undefined,
  ) {
    const runs = runId === undefined ? 'runs that are under way have' : `run "${short(runId)}" has`;
    super(
      `workflow "${short(workflow)}" has another graph here than ${runs} begun with in version "${short(version)}"` +
        `${difference === '' ? '' : ` (${difference})`}: give the changed workflow another version, ` +
        'and keep the one before beside it until its runs are over',
    );
  }
}

/** A worker is alive, so what is asked for silent workers alone cannot be done. */
export class WorkerAliveError extends OrchestratorError {
  override readonly name = 'WorkerAliveError';
  readonly code = 'ERR_WORKER_ALIVE';

  constructor(readonly workerId: string) {
    super(`worker "${short(workerId)}" is alive: stop it, or wait until it is silent`);
  }
}

/** A worker was stopped, so it cannot be started: it is started once. */
export class WorkerStoppedError extends OrchestratorError {
  override readonly name = 'WorkerStoppedError';
  readonly code = 'ERR_WORKER_STOPPED';

  constructor(readonly workerId: string) {
    super(`worker "${short(workerId)}" was stopped: make a new one, a worker is started once`);
  }
}

/** Something is too large to be sent or kept. Nothing was. */
export class PayloadError extends RangeError {
  override readonly name = 'PayloadError';
  readonly code = 'ERR_PAYLOAD';

  static {
    markAsOurs(PayloadError);
  }

  /**
   * @param field - what is too large
   * @param size - its size, in bytes
   * @param limit - how large it may be, in bytes
   */
  constructor(
    readonly field: string,
    readonly size: number,
    readonly limit: number,
  ) {
    super(
      `${field} must be at most ${limit} bytes as text, got ${size}; keep large data elsewhere, and pass where it is`,
    );
  }
}

/**
 * Why an engine has failed:
 *
 * - `unreachable`: no connection could be made, or all were lost;
 * - `timeout`: it could be reached, and has not answered in time; the call may have been carried out;
 * - `full`: it has no memory or no disk left;
 * - `rights`: it refused the password, or the user lacks a right;
 * - `payload`: it refused a text for what the text holds, or for its size;
 * - `unsuitable`: the server cannot be used as it is set up, or only with risks;
 * - `closed`: `close()` was called;
 * - `refused`: it refused for another reason, which is the `cause`.
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

/** What passes without anybody's doing, as far as one can tell. */
const passing: readonly EngineErrorReason[] = ['unreachable', 'timeout', 'full'];

/** What `EngineError` takes. */
export interface EngineErrorOptions extends ErrorOptions {
  /** Default: `payload` where `isFinal` is true, else `unreachable`. */
  readonly reason?: EngineErrorReason | undefined;
  /** Short for the reason `payload`. Default: false. */
  readonly isFinal?: boolean | undefined;
}

/** An engine cannot be reached, or has refused what was asked of it; `reason` says which. */
export class EngineError extends OrchestratorError {
  override readonly name = 'EngineError';
  readonly code = 'ERR_ENGINE';
  readonly reason: EngineErrorReason;
  /** If true, a text was refused for what it holds or for its size: asked again, it is refused again. */
  readonly isFinal: boolean;

  /** @param engine - which, and where: without a password */
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

  /** If true, the same call may succeed later by itself; else something has to be changed before: the call, or the server. */
  get isRetryable(): boolean {
    return passing.includes(this.reason);
  }
}

/** If true, a text is refused for what it holds or for its size, by the engine or before it comes there. */
export function isForGood(error: unknown): boolean {
  return error instanceof RangeError || (error instanceof EngineError && error.isFinal);
}

/** Whoever executed a node has died in it, again and again. */
export class WorkerLostError extends OrchestratorError {
  override readonly name = 'WorkerLostError';
  readonly code = 'ERR_WORKER_LOST';

  constructor(
    readonly nodeId: string,
    readonly crashes: number,
  ) {
    super(
      `node "${short(nodeId)}" was given up: ${crashes} workers have died, or lost their lock, while they executed it`,
    );
  }
}

/** The run of a node was stopped, so what the node does has no effect any more. It is the reason of its signal. */
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

/** Ids may be of any length; messages are not. */
function short(text: string): string {
  return typeof text === 'string' ? cleaned(text, 100) : kindOf(text);
}
