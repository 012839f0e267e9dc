import type { LinkedFlow } from '../execution/linked.js';
import type { Codec } from '../run/codec.js';
import { WorkflowState } from '../run/state.js';
import { nodeOfKey, restoreState } from './apply.js';
import { damaged } from './seal.js';

/** Flows in flows in flows: runs that go deeper than this were not written by this package. */
const deepest = 100;

/**
 * Checks the sub-flows that are under way in a run, and those in them, before anything is executed: a sub-flow that cannot
 * go on refuses the run, and does not fail its node.
 *
 * @throws {CheckpointError} for one that is damaged, or of another flow, version or graph
 */
export function checkChildren(linked: LinkedFlow, { runId, children }: WorkflowState, codec: Codec, depth = 1): void {
  for (const [key, child] of children) {
    if (child instanceof WorkflowState) continue;
    const nodeId = String(nodeOfKey(key));
    const flow = linked.links.flows.get(nodeId);
    if (flow === undefined) throw damaged(runId, `a sub-flow is under way at "${nodeId}", which is no flow`);
    if (depth > deepest) throw damaged(runId, `its sub-flows are nested more than ${deepest} deep`);
    const inner = flow();
    const state = restoreState(inner.plan, child, {}, `${runId}/${nodeId}`, codec);
    checkChildren(inner, state, codec, depth + 1);
  }
}
