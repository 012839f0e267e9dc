import pAll from 'p-all';
import type { WorkflowBlueprint } from '../blueprint.js';
import type { ExecutionServices, NodeExecutionResult, NodeExecutorFactory, SettledResult } from '../contracts.js';
import type { WorkflowState } from '../run/state.js';
import type { GraphTraverser, ReadyNode } from '../run/traverser.js';
import { asNodeError, settle } from './settle.js';

/**
 * Executes nodes side by side and waits for all of them. It never rejects.
 *
 * @param readyNodes - what the traverser gave
 * @param concurrency - how many run at the same time. Default: Infinity
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

/** Takes in how nodes have ended: state and position are up to date then, and what follows is ready. */
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
