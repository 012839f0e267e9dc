import type { ExecutionServices, IOrchestrator, NodeExecutorFactory } from '../contracts.js';
import { executeBatch, processResults } from '../execution/processing.js';
import type { WorkflowResult } from '../run/result.js';
import type { WorkflowState } from '../run/state.js';
import type { GraphTraverser } from '../run/traverser.js';
import { conclude } from './conclude.js';

/**
 * Executes the nodes that are ready, then returns. Each call of `run` is one step, for debuggers and tests that inspect
 * the run between steps. Between steps, the status of the result is `stalled`, and `traverser.hasMoreWork()` returns
 * true if there is another step.
 *
 * @example
 * const prepared = runtime.prepare(flow);
 * const stepper = new StepByStepOrchestrator();
 * do {
 *   const { completed } = await stepper.run(
 *     prepared.traverser,
 *     prepared.executorFactory,
 *     prepared.state,
 *     prepared.services,
 *   );
 *   console.log(completed);
 * } while (prepared.traverser.hasMoreWork());
 */
export class StepByStepOrchestrator implements IOrchestrator {
  /**
   * Executes all nodes that are ready, at most `concurrency` of them at the same time, and returns the result so far.
   */
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
