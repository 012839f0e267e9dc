import type { LinkedFlow } from '../execution/linked.js';
import type { Codec } from '../run/codec.js';
import { nodeOfKey } from '../run/memory.js';
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
export function checkChildren(linked: LinkedFlow, { runId, memory }: WorkflowState, codec: Codec, depth = 1): void {
  for (const [key, inner] of memory.inner) {
    const nodeId = nodeOfKey(key);
    const flow = linked.links.flows.get(nodeId);
    if (flow === undefined) throw damaged(runId, `a sub-flow is under way at "${nodeId}", which is no flow`);
    if (depth > deepest) throw damaged(runId, `its sub-flows are nested more than ${deepest} deep`);
    const linkedInner = flow();
    const state = restoreState(linkedInner.plan, inner, {}, `${runId}/${nodeId}`, codec);
    checkChildren(linkedInner, state, codec, depth + 1);
  }
}
