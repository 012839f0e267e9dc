import { setSettings } from '../../flow/execution/index.js';
import { ContextView, WorkflowState } from '../../flow/run/index.js';
import type { Item } from '../journal/ledger.js';
import type { RunHandle } from '../run/run-handle.js';
import { memoryAsRead } from '../run/whole-state.js';

/** What one execution of a node sees of its run: its own view of the context, and what concerns the node. */
export interface ItemState {
  readonly state: WorkflowState;
  readonly view: ContextView;
}

/**
 * The state that a node is executed with: a view of what is known of the run, in which values are read where they are asked
 * for. What the execution does to the context is seen by others only once it is committed.
 *
 * @param item - what is to be executed. Default: nothing is, edges are followed for nodes that have ended
 */
export function stateFor({ replica, settings }: RunHandle, item?: Item): ItemState {
  const { codec, merges } = replica.origin;
  const view = new ContextView(replica.values.asOf(replica.seq, codec), codec);
  const { runId } = replica;
  const input = codec.decode(replica.input, 'input');
  const state = new WorkflowState(view.context, { runId, input }, memoryAsRead(replica));
  setSettings(state, settings);
  state.ground = { view, merges };
  if (item !== undefined) {
    state.attempts = { made: item.attempt - 1, consumed: item.consumed, elapsed: item.elapsed };
    state.events = state.memory.delivered.get(replica.position.plan.idOf(item.node)) ?? {};
  }
  return { state, view };
}
