import type { Codec } from '../../shared/codec.js';
import type { LinkedFlow } from '../execution/linked.js';
import type { WorkflowState } from '../run/state.js';
import { restoreState } from './restore.js';
import { damaged } from './seal.js';

/** Maximum nesting depth of sub-flows. This package never writes runs that are nested more deeply. */
const deepest = 100;

/**
 * Checks the unfinished sub-flows of a run, at any depth, before any node is executed. If a sub-flow cannot be
 * continued, the whole run is refused, instead of failing later at the node of the sub-flow.
 *
 * @throws {CheckpointError} if a sub-flow is damaged, or belongs to another flow, version or graph
 */
export function checkChildren(linked: LinkedFlow, state: WorkflowState, codec: Codec, depth = 1): void {
  for (const nodeId of state.memory.inner.keys()) checkChildrenOf(nodeId, linked, state, codec, depth);
}

/** Like `checkChildren`, for the sub-flows of one node. */
export function checkChildrenOf(
  nodeId: string,
  linked: LinkedFlow,
  { runId, memory }: WorkflowState,
  codec: Codec,
  depth = 1,
): void {
  for (const inner of memory.inner.get(nodeId)?.values() ?? []) {
    const flow = linked.links.flows.get(nodeId);
    if (flow === undefined) throw damaged(runId, `it has a sub-flow at "${nodeId}", which is not a flow`);
    if (depth > deepest) throw damaged(runId, `its sub-flows are nested more than ${deepest} deep`);
    const linkedInner = flow();
    const state = restoreState(linkedInner.plan, inner, {}, `${runId}/${nodeId}`, codec);
    checkChildren(linkedInner, state, codec, depth + 1);
  }
}
