import { markAsOurs } from '../../shared/errors.js';
import { asJson, asLines, type Failure, type Holder, hide, named } from '../../shared/failures.js';
import type { NodeError } from '../errors.js';

/**
 * The data that the nodes of a run share: a plain object by default. The output of each completed node is stored under
 * the node's id. In most runs all nodes share one object. In a run that is saved in a checkpoint store, each execution
 * of a node has a view of its own, and its changes are committed together with its output.
 */
// biome-ignore lint/suspicious/noExplicitAny: a context may hold values of any type
export type Context = Record<string, any>;

/**
 * A wait of a run: for an event, or for the end of a sleep. Runs with the status `awaiting` list their waits in
 * `WorkflowResult.awaiting`. Pass the event's payload to `continue` to resume the run.
 */
export interface Waiting {
  /** Id of the waiting node. In a sub-flow it is preceded by the nodes around it: `order/approval`. */
  readonly nodeId: string;
  /** Name of the event that ends the wait. */
  readonly event: string;
  /** End of a sleep, in epoch milliseconds. Default: `undefined`, for a wait that only its event ends. */
  readonly until?: number | undefined;
}

/**
 * The status of a run. `running` is the status of a run that has not ended. Only `completed` is final: a run with any
 * other status can be continued. `WorkflowResult.status` says when each one applies.
 */
export type WorkflowStatus = 'running' | 'completed' | 'failed' | 'stalled' | 'awaiting' | 'cancelled';

/**
 * A node that a run has not executed, with the reason. `WorkflowResult.unreached` lists these nodes. For instance, they
 * explain why a run is `stalled`.
 */
export interface Unreached {
  /** Id of the node. */
  readonly nodeId: string;
  /** The reason as text, for instance `it waits for "charge", which failed`. */
  readonly reason: string;
  /** If true, the node was ready to run and only had not been started. Default: `undefined`. */
  readonly isReady?: true | undefined;
}

/**
 * The outcome of a run of a flow so far: its status, its data, and how each of its nodes ended. `FlowRuntime.run`,
 * `FlowRuntime.continue` and the `run` method of each orchestrator resolve with it.
 */
export interface WorkflowResult<State extends object = Context> {
  /** Id of the run. */
  readonly runId: string;
  /**
   * The status of the run:
   *
   * - `completed`: every node that is not a fallback has completed or was skipped;
   * - `failed`: a node has failed and no fallback has recovered it;
   * - `awaiting`: the run waits for the events and sleeps in `awaiting`, and can be continued;
   * - `cancelled`: the run was aborted;
   * - `stalled`: no node can go on, for the reasons in `unreached`. Between the steps of a `StepByStepOrchestrator`:
   *   there is more to do.
   */
  status: WorkflowStatus;
  /** The data of the run. Outputs are stored in it under the ids of their nodes. */
  readonly context: State;
  /** The output of the last node. If the run ends in several nodes, an object with their outputs by node id. */
  // biome-ignore lint/suspicious/noExplicitAny: types do not tell which node is the last one
  readonly output: any;
  /** The action that the last node has chosen; `undefined` if there is no action or more than one last node. */
  readonly action: string | undefined;
  /** The failures of nodes, including those that a fallback has recovered (see `NodeError.recoveredBy`). */
  readonly errors: readonly NodeError[];
  /** The ids of the nodes that have completed, including nodes that a fallback has recovered. */
  readonly completed: readonly string[];
  /** The ids of the nodes that were skipped, because no edge to them was followed. */
  readonly skipped: readonly string[];
  /** The events and sleeps that the run waits for. */
  readonly awaiting: readonly Waiting[];
  /** The nodes that were running when the run was aborted. */
  readonly cutShort: readonly string[];
  /** The nodes that have not completed and were not skipped, and that are not running or waiting. */
  readonly unreached: readonly Unreached[];
  /** The reason of the abort; `undefined` if the run was not aborted. */
  readonly reason: unknown;
  /**
   * The context as text, written by the run's serializer.
   *
   * @throws {SerializationError} for a value that cannot be saved
   */
  readonly serializedContext: string;
  /**
   * Everything that `continue` needs, as text. The text can be continued in another program.
   *
   * @throws {SerializationError} for a value that cannot be saved
   */
  readonly snapshot: string;
}

/**
 * Reports that a run of a flow has failed. The process of a flow rejects with it, and a failed sub-flow makes it the
 * cause of its node's `NodeError`. `errors` holds the failures that no fallback has recovered, `result` the outcome of
 * the run. Logs, `JSON.stringify` and terminals show the failures but not `result`, so the data of the run does not
 * leak.
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
    const unsaved = result.errors.filter(({ recoveredBy }) => recoveredBy === undefined);
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

/** Adds no label to the failures: a `NodeError` names its node itself. */
function* failuresOf(errors: readonly unknown[]): Generator<Failure> {
  for (const reason of errors) yield { reason };
}
