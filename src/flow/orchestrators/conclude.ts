import type { ExecutionServices } from '../contracts.js';
import type { WorkflowResult } from '../run/result.js';
import type { WorkflowState } from '../run/state.js';
import type { GraphTraverser } from '../run/traverser.js';

/** The result of a run at its present point: the value that the `run` method of each orchestrator returns. */
export function conclude(traverser: GraphTraverser, state: WorkflowState, services: ExecutionServices): WorkflowResult {
  state.position = traverser.position;
  const result = state.toResult(services.options.serializer);
  result.status = state.getStatus(traverser.getAllNodeIds(), traverser.getFallbackNodeIds());
  return result;
}
