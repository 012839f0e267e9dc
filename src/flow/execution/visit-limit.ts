import type { NodeDefinition } from '../blueprint.js';
import type { NodeExecutionResult, NodeExecutor } from '../contracts.js';
import { NodeError, VisitsError } from '../errors.js';
import { WorkflowState } from '../run/state.js';
import { type CallSettings, settingsOf } from './node-call.js';

/** The default maximum number of visits of a node in one run. */
const mostVisits = 1_000;

/** The maximum numbers of visits of a node: its own, that of the run, and that of the flow, in this order. */
export class VisitLimit {
  constructor(
    private readonly node: NodeDefinition,
    private readonly settings: CallSettings,
    private readonly ofFlow: number | undefined,
  ) {}

  /** Returns the failure of a node that starts too often; `undefined` if it may start. */
  failureAt(visit: number, { maxVisits: ofRun } = this.settings): NodeExecutionResult | undefined {
    const { id, config } = this.node;
    const { maxVisits = ofRun ?? this.ofFlow ?? mostVisits } = config ?? {};
    if (visit <= maxVisits) return undefined;
    return { status: 'failed', error: new NodeError(id, 0, new VisitsError(id, maxVisits)) };
  }
}

/** Executes a node that is not a task, unless it starts too often. */
export class LimitedExecutor implements NodeExecutor<unknown, unknown> {
  constructor(
    private readonly inner: NodeExecutor,
    private readonly limit: VisitLimit,
  ) {}

  async execute(input: unknown, state = new WorkflowState(), visit = 1): Promise<NodeExecutionResult> {
    return this.limit.failureAt(visit, settingsOf(state)) ?? this.inner.execute(input, state, visit);
  }
}
