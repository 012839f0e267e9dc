import { setSettings } from '../../flow/execution/index.js';
import { ContextView, WorkflowState } from '../../flow/run/index.js';
import type { WorkItem } from '../journal/ledger.js';
import type { RunHandle } from '../run/run-handle.js';
import { memoryAsRead } from '../run/whole-state.js';

/** The state with which a single execution of a node works: its own view of the context, and the data of the node. */
export interface WorkItemView {
  readonly state: WorkflowState;
  readonly view: ContextView;
}

/**
 * Builds the state for an execution: a view of the run in which values are decoded when they are accessed. Changes to
 * the context become visible to other executions only after they are committed.
 *
 * @param item - the work item to be executed. Default: none, for a fallback that replaces a failed node
 */
export function stateFor({ replica, settings }: RunHandle, item?: WorkItem): WorkItemView {
  const { codec, merges } = replica.origin;
  const view = new ContextView(replica.values.asOf(replica.seq, codec), codec);
  const { runId } = replica;
  const input = codec.decode(replica.input, 'input');
  const state = new WorkflowState(view.context, { runId, input }, memoryAsRead(replica));
  setSettings(state, settings);
  state.ground = { view, merges };
  if (item !== undefined) {
    state.attempts = { made: item.attempt - 1, consumed: item.consumed, elapsed: item.elapsed };
  }
  return { state, view };
}
