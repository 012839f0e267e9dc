import { kindOf, markAsOurs, OrchestratorError } from '../shared/errors.js';
import { hide } from '../shared/failures.js';
import { cleaned } from '../shared/text.js';

/** One thing that is wrong with a blueprint. */
export interface Fault {
  /** What is wrong, and where. */
  readonly message: string;
  /** The node that it is about, if it is about one. */
  readonly nodeId?: string | undefined;
}

/** How many faults a message spells out; `faults` has all. */
const mostSpeltOut = 20;

/** How many characters of each it spells out. */
const longestLine = 200;

/** A blueprint cannot be run. `faults` lists everything that is wrong with it; nothing has run. */
export class BlueprintError extends TypeError {
  override readonly name = 'BlueprintError';
  readonly code = 'ERR_BLUEPRINT';

  static {
    markAsOurs(BlueprintError);
  }
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

/** A node has failed, after all its attempts. The error itself is the `cause`. */
export class NodeError extends OrchestratorError {
  override readonly name = 'NodeError';
  readonly code = 'ERR_NODE';

  /**
   * @param nodeId - the node
   * @param attempts - how often it was tried in this visit
   * @param cause - what the last attempt failed with
   * @param recoveredBy - the fallback node that stood in for it, if one did
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

/** A node was about to be visited once more than its bound on visits allows. */
export class VisitsError extends OrchestratorError {
  override readonly name = 'VisitsError';
  readonly code = 'ERR_VISITS';

  constructor(
    readonly nodeId: string,
    readonly maxVisits: number,
  ) {
    super(
      `node "${nodeId}" would be visited more than ${maxVisits} times; maxVisits of the node or the flow sets the bound`,
    );
  }
}

/** How many actions a message names; `actions` has all. */
const mostNamed = 10;

/** A node has chosen an action that none of its edges has, and each of its edges has one. */
export class UnknownActionError extends OrchestratorError {
  override readonly name = 'UnknownActionError';
  readonly code = 'ERR_UNKNOWN_ACTION';

  /**
   * @param nodeId - the node
   * @param action - the action that it has chosen
   * @param actions - the actions that its edges have
   */
  constructor(
    readonly nodeId: string,
    readonly action: string,
    readonly actions: readonly string[],
  ) {
    const named = actions.slice(0, mostNamed).map(quoted).join(', ');
    const more = actions.length > mostNamed ? ` and ${actions.length - mostNamed} more` : '';
    super(
      `the action ${quoted(action)} of node ${quoted(nodeId)} is on none of its edges, which have ${named}${more}; ` +
        'add an edge with this action, or one without an action',
    );
  }
}

/** An expression cannot be parsed or evaluated, or gave something else than was asked for. */
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

/** A value cannot cross a checkpoint. `path` says where it is. */
export class SerializationError extends TypeError {
  override readonly name = 'SerializationError';
  readonly code = 'ERR_SERIALIZATION';

  static {
    markAsOurs(SerializationError);
  }

  constructor(
    readonly path: string,
    readonly problem: string,
    options?: ErrorOptions,
  ) {
    super(`${path || 'the value'} ${problem}`, options);
  }
}

/** A run cannot be saved or continued: it is unknown, is not of this blueprint, or its checkpoint is damaged. */
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

/** A run is held by somebody else: it is being carried out, here or in another program. */
export class LockedError extends CheckpointError {
  override readonly name = 'LockedError';
  override readonly code = 'ERR_LOCKED';

  /**
   * @param holder - who holds the run; `undefined` where the hold of the caller is lost, and nobody has the run now
   * @param since - when it was taken, in epoch milliseconds
   */
  constructor(
    runId: string,
    readonly holder?: string | undefined,
    readonly since?: number | undefined,
  ) {
    super(
      runId,
      holder === undefined
        ? 'is not held any more by who writes it; continue it to go on'
        : `is held by ${holder}${since === undefined ? '' : ` since ${new Date(since).toISOString()}`}; ` +
            'wait until it has ended there, or stop it there and continue it then',
    );
  }
}

/**
 * The coordination store of an event-driven run has failed, or has not said that it did what it was asked. No node has
 * failed by that: have the job delivered again. The store's own error is the `cause`.
 */
export class CoordinationError extends OrchestratorError {
  override readonly name = 'CoordinationError';
  readonly code = 'ERR_COORDINATION';

  /**
   * @param runId - the run
   * @param operation - the method of the store
   */
  constructor(
    readonly runId: string,
    readonly operation: string,
    options?: ErrorOptions,
  ) {
    super(
      `the coordination store failed at ${operation} for run "${runId}": ${messageOf(options?.cause)}; ` +
        'have the job delivered again',
      options,
    );
  }
}

function quoted(name: unknown): string {
  return `"${cleaned(String(name), 100)}"`;
}

/** The message of what was thrown; its kind if it has none, or throws when it is read. */
export function messageOf(cause: unknown): string {
  try {
    const { message } = Object(cause) as { message?: unknown };
    return typeof message === 'string' ? message : kindOf(cause);
  } catch {
    return kindOf(cause);
  }
}
