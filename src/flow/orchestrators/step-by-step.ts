import type { ExecutionServices, IOrchestrator, NodeExecutorFactory } from '../contracts.js';
import { executeBatch, processResults } from '../execution/processing.js';
import type { WorkflowResult } from '../run/result.js';
import type { WorkflowState } from '../run/state.js';
import type { GraphTraverser } from '../run/traverser.js';
import { conclude } from './conclude.js';

/**
 * Executes what is ready and returns: one step a call, for debuggers and tests. Between steps the status is `stalled`;
 * `traverser.hasMoreWork()` says whether there is another.
 */
export class StepByStepOrchestrator implements IOrchestrator {
  async run(
    traverser: GraphTraverser,
    executorFactory: NodeExecutorFactory,
    state: WorkflowState,
    services: ExecutionServices,
  ): Promise<WorkflowResult> {
    const { signal, concurrency } = services.options;
    state.position = traverser.position;
    if (signal?.aborted) state.aborted = { reason: signal.reason };
    else if (traverser.hasMoreWork()) {
      const ready = traverser.getReadyNodes();
      const blueprint = traverser.getDynamicBlueprint();
      const settled = await executeBatch(ready, blueprint, state, executorFactory, services, concurrency);
      await processResults(settled, traverser, state, services);
      if (signal?.aborted) state.aborted = { reason: signal.reason };
    }
    return conclude(traverser, state, services);
  }
}
