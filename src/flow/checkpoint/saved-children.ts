import type { LinkedFlow } from '../execution/linked.js';
import type { Codec } from '../run/codec.js';
import type { WorkflowState } from '../run/state.js';
import { restoreState } from './restore.js';
import { damaged } from './seal.js';

/** Maximum nesting depth of sub-flows. This package does not write deeper runs. */
const deepest = 100;

/**
 * Checks the unfinished sub-flows of a run, at any depth, before any node is executed. A sub-flow that cannot be
 * continued makes the whole run be refused, instead of failing its node.
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
