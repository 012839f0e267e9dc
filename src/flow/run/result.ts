import { markAsOurs } from '../../shared/errors.js';
import { asJson, asLines, type Failure, type Holder, hide, named } from '../../shared/failures.js';
import type { NodeError } from '../errors.js';

/** The data that the nodes of a run share. A node's output is in it under the node's id. */
// biome-ignore lint/suspicious/noExplicitAny: what a flow keeps in its context is its own
export type Context = Record<string, any>;

/** What a run waits for. */
export interface Waiting {
  /** The node; in a sub-flow with the nodes around it: `order/approval`. */
  readonly nodeId: string;
  /** Name of the event that ends the wait. */
  readonly event: string;
  /** When the wait ends by itself, in epoch milliseconds; only for a sleep. */
  readonly until?: number | undefined;
}

/** How a run stands. */
export type WorkflowStatus = 'running' | 'completed' | 'failed' | 'stalled' | 'awaiting' | 'cancelled';

/** A node that a run has not reached, and why. */
export interface Unreached {
  readonly nodeId: string;
  readonly reason: string;
  /** Whether nothing was missing but its turn. */
  readonly isReady?: true | undefined;
}

/** What has come of a run. */
export interface WorkflowResult<State extends object = Context> {
  readonly runId: string;
  /**
   * - `completed`: every node that is no fallback has completed or was skipped;
   * - `failed`: a node has failed, and no fallback saved it;
   * - `awaiting`: it waits for what `awaiting` lists, and can be continued with it;
   * - `cancelled`: it was aborted;
   * - `stalled`: nothing can go on, for the reasons in `unreached`; between steps: there is more to do.
   */
  status: WorkflowStatus;
  /** The data of the run. Outputs are in it under the ids of their nodes. */
  readonly context: State;
  /** The output of the last node; of several that nothing follows, an object by node id. */
  // biome-ignore lint/suspicious/noExplicitAny: the last node is not known to the types
  readonly output: any;
  /** The last action that such a node has chosen, where there is one such node. */
  readonly action: string | undefined;
  /** The failure of each node that failed, those that a fallback has saved too. */
  readonly errors: readonly NodeError[];
  readonly completed: readonly string[];
  readonly skipped: readonly string[];
  readonly awaiting: readonly Waiting[];
  /** The nodes that were running when the run was aborted. */
  readonly cutShort: readonly string[];
  /** The nodes that were neither completed nor skipped, nor are they running or waiting. */
  readonly unreached: readonly Unreached[];
  /** Why it was aborted, for one that was. */
  readonly reason: unknown;
  /** The context as text. @throws {SerializationError} for what cannot be saved */
  readonly serializedContext: string;
  /** All that `continue` needs, as text; in this program or another. @throws {SerializationError} for what cannot be saved */
  readonly snapshot: string;
}

/**
 * A run has failed: what the process of a flow rejects with, and the cause where a sub-flow fails its node. `errors` are
 * the failures that no fallback saved. Logs, `JSON.stringify` and terminals show these, and no data of the run.
 */
export class WorkflowError extends AggregateError {
  override readonly name = 'WorkflowError';
  readonly code = 'ERR_WORKFLOW';

  static {
    markAsOurs(WorkflowError);
  }

  declare readonly result: WorkflowResult;

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

function holderOf(error: WorkflowError): Holder {
  return { error, failures: () => failuresOf(error.errors), count: error.errors.length };
}

/** The failures of nodes say themselves which node they are of. */
function* failuresOf(errors: readonly unknown[]): Generator<Failure> {
  for (const reason of errors) yield { reason };
}
