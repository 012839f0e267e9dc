import type { ExecutionServices } from '../contracts.js';
import type { WorkflowResult } from '../run/result.js';
import { statusIn, type WorkflowState } from '../run/state.js';
import type { GraphTraverser } from '../run/traverser.js';

/** Returns the current result of a run. Every orchestrator returns such a result from its `run` method. */
export function conclude(traverser: GraphTraverser, state: WorkflowState, services: ExecutionServices): WorkflowResult {
  state.position = traverser.position;
  const result = state.toResult(services.options.serializer);
  result.status = statusIn(state, traverser.position);
  return result;
}
