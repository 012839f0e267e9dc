import type { LinkedFlow } from '../execution/linked.js';
import type { Codec } from '../run/codec.js';
import type { WorkflowState } from '../run/state.js';
import { restoreState } from './restore.js';
import { damaged } from './seal.js';

/** Flows in flows in flows: runs that go deeper than this were not written by this package. */
const deepest = 100;

/**
 * Checks the sub-flows that are under way in a run, and those in them, before anything is executed: a sub-flow that cannot
 * go on refuses the run, and does not fail its node.
 *
 * @throws {CheckpointError} for one that is damaged, or of another flow, version or graph
 */
export function checkChildren(linked: LinkedFlow, state: WorkflowState, codec: Codec, depth = 1): void {
  for (const nodeId of state.memory.inner.keys()) checkChildrenOf(nodeId, linked, state, codec, depth);
}

/** The same for those of one node. */
export function checkChildrenOf(
  nodeId: string,
  linked: LinkedFlow,
  { runId, memory }: WorkflowState,
  codec: Codec,
  depth = 1,
): void {
  for (const inner of memory.inner.get(nodeId)?.values() ?? []) {
    const flow = linked.links.flows.get(nodeId);
    if (flow === undefined) throw damaged(runId, `a sub-flow is under way at "${nodeId}", which is no flow`);
    if (depth > deepest) throw damaged(runId, `its sub-flows are nested more than ${deepest} deep`);
    const linkedInner = flow();
    const state = restoreState(linkedInner.plan, inner, {}, `${runId}/${nodeId}`, codec);
    checkChildren(linkedInner, state, codec, depth + 1);
  }
}
