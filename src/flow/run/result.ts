import { markAsOurs } from '../../shared/errors.js';
import { asJson, asLines, type Failure, type Holder, hide, named } from '../../shared/failures.js';
import type { NodeError } from '../errors.js';

/**
 * The data that the nodes of a run share: a plain object by default. The output of each completed node is stored under
 * the node's id. In most runs, all nodes share one object. In a run that is saved in a checkpoint store, each execution
 * of a node has its own view, and its changes are committed together with its output.
 */
// biome-ignore lint/suspicious/noExplicitAny: a context may hold values of any type
export type Context = Record<string, any>;

/**
 * A wait of a run: for an event, or for the end of a sleep. The waits of a run with the status `awaiting` are listed in
 * `WorkflowResult.awaiting`. To resume the run, pass the payload of the event to `continue`.
 */
export interface Waiting {
  /**
   * Id of the waiting node. For a node in a sub-flow, the ids of the surrounding nodes come first: `order/approval`.
   */
  readonly nodeId: string;
  /** Name of the event that ends the wait. */
  readonly event: string;
  /**
   * Time at which a sleep ends or a wait expires, in epoch milliseconds; `undefined` if only the event can end the wait.
   */
  readonly until?: number | undefined;
  /** If true, the node waits for the event, and the wait expires at `until`. Default: `undefined`. */
  readonly expires?: true | undefined;
  /**
   * The earliest time at which an event or a timer can end the wait, in epoch milliseconds. Set for waits in a sub-flow
   * that has been continued, so that an event that has ended one wait does not end the next one too. Default:
   * `undefined`, no limit.
   */
  readonly since?: number | undefined;
}

/**
 * The status of a run. `running` is the status of a run that has not ended. Only `completed` is final: a run with any
 * other status can be continued. `WorkflowResult.status` explains when each status applies.
 */
export type WorkflowStatus = 'running' | 'completed' | 'failed' | 'stalled' | 'awaiting' | 'cancelled';

/**
 * A node that a run has not executed, with the reason. `WorkflowResult.unreached` lists these nodes, for example to
 * explain why a run is `stalled`.
 */
export interface Unreached {
  /** Id of the node. */
  readonly nodeId: string;
  /** The reason as text, for instance `it waits for "charge", which failed`. */
  readonly reason: string;
  /** If true, the node was ready but had not been started yet. Default: `undefined`. */
  readonly isReady?: true | undefined;
}

/**
 * The outcome of a run of a flow so far: its status, its data, and how each of its nodes ended. `FlowRuntime.run`,
 * `FlowRuntime.continue` and the `run` methods of all orchestrators resolve with such a result.
 */
export interface WorkflowResult<
  State extends object = Context,
  // biome-ignore lint/suspicious/noExplicitAny: without `after`, types do not tell which node is the last one
  Output = any,
> {
  /** Id of the run. */
  readonly runId: string;
  /**
   * The status of the run:
   *
   * - `completed`: every node that is not a fallback has completed or was skipped;
   * - `failed`: a node has failed and no fallback has recovered it, whatever has run after the failure; or the schema of
   *   the output has refused the output, for the `reason`;
   * - `awaiting`: the run waits for the events and sleeps in `awaiting`, and can be continued;
   * - `cancelled`: the run was aborted;
   * - `stalled`: no node can be executed, for the reasons in `unreached`; or the run is between two steps of a
   *   `StepByStepOrchestrator`.
   */
  status: WorkflowStatus;
  /** The data of the run, including the outputs of nodes under the ids of the nodes. */
  readonly context: State;
  /**
   * The output of the last node. If the run ends in several nodes, the output is an object with the outputs of these
   * nodes by node id. Nodes that run after a failure (`settled`, `failed`) and lead to no other nodes do not count: the
   * output is the same as without them. In a completed run of a flow with a schema of its output, the value that the
   * schema returns.
   */
  readonly output: Output;
  /** The action that the last node chose; `undefined` if it chose no action, or if there is more than one last node. */
  readonly action: string | undefined;
  /** The failures of nodes, including those that a fallback has recovered (see `NodeError.recoveredBy`). */
  readonly errors: readonly NodeError[];
  /** The ids of the nodes that have completed, including nodes that a fallback has recovered. */
  readonly completed: readonly string[];
  /** The ids of the nodes that were skipped, because no edge to them was followed. */
  readonly skipped: readonly string[];
  /** The events and sleeps that the run waits for. */
  readonly awaiting: readonly Waiting[];
  /** The nodes that were running when the run was aborted, and that have not completed. */
  readonly cutShort: readonly string[];
  /** The nodes that have not completed and were neither skipped nor running nor waiting. */
  readonly unreached: readonly Unreached[];
  /**
   * The reason of the abort, or the `ValidationError` of an output that the schema of the flow has refused; `undefined`
   * for other runs.
   */
  readonly reason: unknown;
  /**
   * The context as text, written by the run's serializer.
   *
   * @throws {SerializationError} if a value cannot be saved
   */
  readonly serializedContext: string;
  /**
   * Everything that `continue` needs, as text. With this text, the run can be continued in another program.
   *
   * @throws {SerializationError} if a value cannot be saved
   */
  readonly snapshot: string;
}

/** The outcome of a run that has completed. */
export interface CompletedResult<State extends object = Context, Output = unknown>
  extends WorkflowResult<State, Output> {
  status: 'completed';
}

/** The outcome of a run that has not completed, so that outputs may be missing. */
export interface UncompletedResult<State extends object = Context, Output = unknown>
  extends WorkflowResult<State, Output> {
  status: Exclude<WorkflowStatus, 'completed'>;
}

/**
 * The error of a failed run of a flow. The process of the run rejects with this error; for a sub-flow, the error is the
 * `cause` of its node's `NodeError`. `errors` holds the failures that no fallback has recovered, and `result` holds the
 * outcome of the run. Logs, `JSON.stringify` and terminals show the failures but not `result`, so that the data of the
 * run does not leak.
 */
export class WorkflowError extends AggregateError {
  override readonly name = 'WorkflowError';
  readonly code = 'ERR_WORKFLOW';

  /** The outcome of the run, with its data. The property is not enumerable, so that logs do not show it. */
  declare readonly result: WorkflowResult;

  /**
   * @param flowId - the id of the flow
   * @param result - the outcome of the run
   */
  constructor(
    readonly flowId: string,
    result: WorkflowResult,
  ) {
    const unsaved: unknown[] = result.errors.filter(({ recoveredBy }) => recoveredBy === undefined);
    if (unsaved.length === 0 && result.status === 'failed') unsaved.push(result.reason);
    const failures = unsaved.length === 0 ? '' : `: ${named(failuresOf(unsaved), unsaved.length)}`;
    super(unsaved, `flow "${flowId}" ${result.status}${failures}`);
    hide(this, 'result', result);
  }

  toJSON(): object {
    return { ...asJson(holderOf(this)), flowId: this.flowId };
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return asLines(holderOf(this));
  }
}

markAsOurs(WorkflowError);

function holderOf(error: WorkflowError): Holder {
  return { error, failures: () => failuresOf(error.errors), count: error.errors.length };
}

/** Adds no label to the failures, because a `NodeError` names its node itself. */
function* failuresOf(errors: readonly unknown[]): Generator<Failure> {
  for (const reason of errors) yield { reason };
}
