import pAll from 'p-all';
import type { WorkflowBlueprint } from '../blueprint.js';
import type { ExecutionServices, NodeExecutionResult, NodeExecutorFactory, SettledResult } from '../contracts.js';
import type { WorkflowState } from '../run/state.js';
import type { GraphTraverser, ReadyNode } from '../run/traverser.js';
import { asNodeError, settle } from './settle.js';

/**
 * Executes ready nodes in parallel and waits for all of them. The promise never rejects: a node that could not be
 * executed is reported as `rejected` in the results. A custom orchestrator calls this function and passes the results
 * to `processResults`.
 *
 * @param readyNodes - the nodes to execute, from `traverser.getReadyNodes()`
 * @param blueprint - the blueprint of the run
 * @param state - the state of the run
 * @param executorFactory - returns the executors of the blueprint's nodes
 * @param services - resolves the inputs of the nodes
 * @param concurrency - the maximum number of nodes that run at the same time. Default: Infinity
 * @returns the outcome of each node, in the order of `readyNodes`
 */
export async function executeBatch(
  readyNodes: readonly ReadyNode[],
  blueprint: WorkflowBlueprint,
  state: WorkflowState,
  executorFactory: NodeExecutorFactory,
  services: ExecutionServices,
  concurrency = Infinity,
): Promise<SettledResult[]> {
  const executorOf = executorFactory(blueprint);
  const execute = async ({ nodeId, visit }: ReadyNode): Promise<SettledResult> => {
    try {
      const input = await services.resolveNodeInput(nodeId, blueprint, state.getContext());
      const executionResult = await executorOf(nodeId).execute(input, state, visit);
      return { status: 'fulfilled', value: { nodeId, executionResult } };
    } catch (error) {
      return { status: 'rejected', reason: { nodeId, error } };
    }
  };
  const all = () =>
    pAll(
      readyNodes.map((ready) => () => execute(ready)),
      { concurrency },
    );
  return services.inProcess === undefined ? all() : services.inProcess(state, all);
}

/**
 * Records how nodes have ended, one node after another in the given order. Afterwards, the state and the position are
 * up to date, and the nodes that follow are ready.
 *
 * @param settledResults - the outcomes, from `executeBatch`
 * @param traverser - the traverser that returned the nodes
 * @param state - the state of the run; its position is replaced by that of the traverser
 * @param services - finds the edges to follow and transforms the values that they pass on
 * @throws {CheckpointError} if the outcome of a node cannot be saved; errors of the store itself are passed on
 */
export async function processResults(
  settledResults: readonly SettledResult[],
  traverser: GraphTraverser,
  state: WorkflowState,
  services: ExecutionServices,
): Promise<void> {
  state.position = traverser.position;
  const advance = { traverser, state, services };
  for (const settled of settledResults) {
    const { nodeId } = settled.status === 'fulfilled' ? settled.value : settled.reason;
    await settle(advance, nodeId, executionOf(settled));
  }
}

function executionOf(settled: SettledResult): NodeExecutionResult {
  if (settled.status === 'fulfilled') return settled.value.executionResult;
  const { nodeId, error } = settled.reason;
  return { status: 'failed', error: asNodeError(nodeId, error) };
}
