import { NodeError } from '../../flow/index.js';
import type { Codec } from '../../flow/run/codec.js';
import { WorkflowState } from '../../flow/run/state.js';
import type { Replica } from '../journal/replica.js';

/**
 * All that is known of a run, as the flow layer knows it: what a result is made of.
 *
 * @throws {SerializationError} for a value that cannot be read; it names the run
 */
export function wholeState(replica: Replica): WorkflowState {
  const { codec } = replica.origin;
  const read = (text: string, field: string) => codec.decode(text, field, `of run "${replica.runId}" `);
  const values = [...replica.values.entries()].map(([key, text]) => [key, read(text, `context.${key}`)]);
  const input = read(replica.input, 'input');
  const state = new WorkflowState(Object.fromEntries(values), { runId: replica.runId, input });
  state.position = replica.position;
  for (const [nodeId, { error, attempts, recoveredBy }] of replica.failures) {
    state.addError(nodeId, new NodeError(nodeId, attempts, readError(codec, error, replica.runId), recoveredBy));
  }
  for (const [nodeId, action] of replica.actions) state.actions.set(nodeId, action);
  for (const [nodeId, waits] of replica.awaiting) state.awaiting.set(nodeId, waits);
  for (const [arc, text] of replica.passed) state.passed.set(arc, read(text, 'what an edge passes on'));
  return state;
}

/** What was thrown; where that cannot be read, the error that says so. */
export function readError(codec: Codec, text: string, runId: string): unknown {
  try {
    return codec.decode(text, 'error', `of run "${runId}" `);
  } catch (error) {
    return error;
  }
}
