import { kindOf, markAsOurs, OrchestratorError } from '../shared/errors.js';
import { hide } from '../shared/failures.js';
import { cleaned } from '../shared/text.js';

/**
 * A fault in a blueprint, as listed in `BlueprintError.faults`. An editor, for example, can show each fault beside the
 * node it belongs to.
 */
export interface Fault {
  /** A description of the problem and its place. */
  readonly message: string;
  /** Id of the faulty node; `undefined` if the fault does not belong to a node. */
  readonly nodeId?: string | undefined;
}

/** Maximum number of faults in a message. `faults` lists all of them. */
const mostSpeltOut = 20;

/** Maximum length of each fault in a message, in characters. */
const longestLine = 200;

/**
 * Thrown before any node is executed if a blueprint cannot be run. `faults` lists all faults of the blueprint; the
 * message includes the first 20.
 */
export class BlueprintError extends TypeError {
  override readonly name = 'BlueprintError';
  readonly code = 'ERR_BLUEPRINT';
  declare readonly faults: readonly Fault[];

  constructor(
    readonly blueprintId: string,
    faults: readonly Fault[],
  ) {
    const lines = faults.slice(0, mostSpeltOut).map(({ message }) => `\n- ${cleaned(message, longestLine)}`);
    const more = faults.length > mostSpeltOut ? `\n- and ${faults.length - mostSpeltOut} more` : '';
    super(
      `the blueprint "${blueprintId}" has ${faults.length} fault${faults.length === 1 ? '' : 's'}:${lines.join('')}${more}`,
    );
    hide(this, 'faults', faults);
  }

  toJSON(): object {
    const { name, code, message, blueprintId, faults } = this;
    return { name, code, message, blueprintId, faults };
  }
}

markAsOurs(BlueprintError);

/**
 * The failure of a node after all its attempts, as listed in `result.errors` of a run. The original error is the
 * `cause`. If a fallback node has replaced the node, `recoveredBy` names the fallback.
 */
export class NodeError extends OrchestratorError {
  override readonly name = 'NodeError';
  readonly code = 'ERR_NODE';

  /**
   * @param nodeId - id of the node
   * @param attempts - the number of attempts in this visit
   * @param cause - the error of the last attempt
   * @param recoveredBy - id of the fallback node that replaced the node, if any
   */
  constructor(
    readonly nodeId: string,
    readonly attempts: number,
    override readonly cause: unknown,
    readonly recoveredBy?: string | undefined,
  ) {
    super(`node "${nodeId}" failed${attempts > 1 ? ` after ${attempts} attempts` : ''}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/**
 * The cause of a `NodeError` if a loop would visit a node more often than `maxVisits` allows. Check the condition that
 * ends the loop, or raise `maxVisits` of the node, the flow or the run.
 */
export class VisitsError extends OrchestratorError {
  override readonly name = 'VisitsError';
  readonly code = 'ERR_VISITS';

  constructor(
    readonly nodeId: string,
    readonly maxVisits: number,
  ) {
    super(
      `node "${nodeId}" would be visited more than ${maxVisits} times: check what ends the loop, or raise maxVisits`,
    );
  }
}

/** Maximum number of actions in a message. `actions` lists all of them. */
const mostNamed = 10;

/**
 * The cause of a `NodeError` if a node chose an action that none of its edges has. A node may choose any action if it
 * has no edges, or at least one edge without an action.
 */
export class UnknownActionError extends OrchestratorError {
  override readonly name = 'UnknownActionError';
  readonly code = 'ERR_UNKNOWN_ACTION';

  /**
   * @param nodeId - id of the node
   * @param action - the action that the node chose
   * @param actions - the actions of the node's edges
   */
  constructor(
    readonly nodeId: string,
    readonly action: string,
    readonly actions: readonly string[],
  ) {
    const named = actions.slice(0, mostNamed).map(quoted).join(', ');
    const more = actions.length > mostNamed ? ` and ${actions.length - mostNamed} more` : '';
    super(
      `node ${quoted(nodeId)} chose the action ${quoted(action)}, but its edges have ${named}${more}: ` +
        'add an edge with this action, or one without an action',
    );
  }
}

/**
 * Thrown if an expression cannot be parsed or evaluated, or has a result of the wrong type. Syntax errors are found
 * before a run starts and are reported as faults of a `BlueprintError`.
 */
export class ExpressionError extends OrchestratorError {
  override readonly name = 'ExpressionError';
  readonly code = 'ERR_EXPRESSION';

  constructor(
    readonly expression: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`the expression "${cleaned(expression, 100)}" ${problem}`, options);
  }
}

/**
 * Thrown if a run cannot be saved or continued: the run is unknown, belongs to another version of the flow, or has a
 * damaged checkpoint. The message states the problem and what to do.
 */
export class CheckpointError extends OrchestratorError {
  override readonly name: string = 'CheckpointError';
  readonly code: string = 'ERR_CHECKPOINT';

  constructor(
    readonly runId: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`run "${runId}" ${problem}`, options);
  }
}

/**
 * Thrown by `continue` for an event that comes too late: the waits for the event have expired, or have ended by another
 * payload. The run is not changed. Continue it without the event if it has not ended.
 */
export class TooLateError extends OrchestratorError {
  override readonly name = 'TooLateError';
  readonly code = 'ERR_TOO_LATE';

  /**
   * @param runId - id of the run
   * @param event - name of the event
   * @param expiredAt - the time at which the last wait for the event expired, in epoch milliseconds; `undefined` if the
   *   waits have ended
   */
  constructor(
    readonly runId: string,
    readonly event: string,
    readonly expiredAt?: number | undefined,
  ) {
    const reason =
      expiredAt === undefined
        ? 'the waits for it have ended'
        : `the wait for it expired at ${new Date(expiredAt).toISOString()}: continue the run without it`;
    super(`events.${event} comes too late for run "${runId}": ${reason}`);
  }
}

/**
 * Thrown if another program, or another call in this program, is executing the run. `holder` names the program. Wait
 * until the run ends there, or stop it there, and then continue it.
 */
export class LockedError extends CheckpointError {
  override readonly name = 'LockedError';
  override readonly code = 'ERR_LOCKED';

  /**
   * @param runId - id of the run
   * @param holder - the program that holds the run; `undefined` if the caller has lost the run and no other program
   *   holds it
   * @param since - the time at which the holder took the run, in epoch milliseconds
   */
  constructor(
    runId: string,
    readonly holder?: string | undefined,
    readonly since?: number | undefined,
  ) {
    super(
      runId,
      holder === undefined
        ? 'is no longer held by this writer: continue it to hold it again'
        : `is held by ${holder}${since === undefined ? '' : ` since ${new Date(since).toISOString()}`}: ` +
            'wait until it ends there, or stop it there and then continue it',
    );
  }
}

/**
 * Thrown if the coordination store of an event-driven run failed or did not confirm an operation. No node has failed,
 * so the job can simply be delivered again. The store's own error is the `cause`.
 */
export class CoordinationError extends OrchestratorError {
  override readonly name = 'CoordinationError';
  readonly code = 'ERR_COORDINATION';

  /**
   * @param runId - id of the run
   * @param operation - name of the store's method
   */
  constructor(
    readonly runId: string,
    readonly operation: string,
    options?: ErrorOptions,
  ) {
    super(
      `the coordination store failed at ${operation} for run "${runId}": ${messageOf(options?.cause)}; ` +
        'deliver the job again',
      options,
    );
  }
}

function quoted(name: unknown): string {
  return `"${cleaned(String(name), 100)}"`;
}

/** Returns the message of a thrown value, or its kind if the value has no readable message. */
export function messageOf(cause: unknown): string {
  try {
    const { message } = Object(cause) as { message?: unknown };
    return typeof message === 'string' ? message : kindOf(cause);
  } catch {
    return kindOf(cause);
  }
}
