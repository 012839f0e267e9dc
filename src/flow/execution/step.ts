import type { NodeExecutionResult } from '../contracts.js';
import { type Advance, asNodeError, settle } from './settle.js';

/** Executes one ready node of a run and settles it. If the run has a journal, the outcome is recorded there. */
export function step(advance: Advance, node: number): Promise<void> {
  const { state, services, traverser } = advance;
  const nodeId = traverser.position.plan.idOf(node);
  const handle = () => execute(advance, node, nodeId).then((execution) => settle(advance, nodeId, execution));
  return services.inProcess === undefined ? handle() : services.inProcess(state, handle);
}

function execute({ traverser, state, services }: Advance, node: number, nodeId: string): Promise<NodeExecutionResult> {
  const failed = (error: unknown) => ({ status: 'failed', error: asNodeError(nodeId, error) }) as const;
  try {
    const blueprint = traverser.getDynamicBlueprint();
    const visit = traverser.position.visitOf(node);
    const executor = services.executorFactory(blueprint)(nodeId);
    const input = services.resolveNodeInput(nodeId, blueprint, state.getContext());
    if (!(input instanceof Promise)) return executor.execute(input, state, visit);
    return input.then((value) => executor.execute(value, state, visit)).catch(failed);
  } catch (error) {
    return Promise.resolve(failed(error));
  }
}
