import { currentScope } from '../../kernel/process.js';
import { run } from '../../kernel/run.js';
import type { WorkflowBlueprint } from '../blueprint.js';
import type { ExecutionServices, IOrchestrator } from '../contracts.js';
import { Position } from '../plan/position.js';
import { WorkflowError, type WorkflowResult } from '../run/result.js';
import type { WorkflowState } from '../run/state.js';
import { GraphTraverser } from '../run/traverser.js';
import type { LinkedFlow } from './linked.js';
import type { Toolbox } from './toolbox.js';

/** What a run is carried out with. */
export interface Running {
  readonly toolbox: Toolbox;
  readonly linked: LinkedFlow;
  readonly state: WorkflowState;
  readonly orchestrator: IOrchestrator;
  readonly services: ExecutionServices;
  /** Limit of the run, in milliseconds. */
  readonly timeout?: number | null | undefined;
}

/**
 * Carries out a run as a process whose state is the context. A run that fails is a process that fails, also if it still
 * waits for something outside; one that is aborted is a process that is aborted. The result comes back all the same.
 */
export async function carryOut({
  toolbox,
  linked,
  state,
  orchestrator,
  services,
  timeout,
}: Running): Promise<WorkflowResult> {
  const { plan } = linked;
  const { signal, serializer } = services.options;
  state.position ??= new Position(plan);
  const traverser = new GraphTraverser(plan.graph as WorkflowBlueprint, state.position);
  let advancing: Promise<WorkflowResult> | undefined;
  const work = async () => {
    state.abortWith(currentScope()?.cancellation);
    advancing = orchestrator.run(traverser, services.executorFactory, state, services);
    const result = await advancing;
    // An orchestrator that stops between two steps leaves a run that is stalled, and has not failed.
    const isStuck = result.status === 'stalled' && !traverser.hasMoreWork();
    const hasFailed = result.errors.some(({ recoveredBy }) => recoveredBy === undefined);
    if (result.status === 'failed' || (result.status === 'awaiting' && hasFailed) || isStuck)
      throw new WorkflowError(plan.id, result);
    return result;
  };
  try {
    return await run(toolbox.core, work, { name: plan.id, id: state.runId, signal, timeout }, state.getContext());
  } catch (error) {
    if (error instanceof WorkflowError && error.result.runId === state.runId) return error.result;
    // The process rejects as soon as it is aborted; the run has settled a moment later.
    const result = await advancing;
    const by = [signal, currentScope()?.cancellation].find((source) => source?.aborted);
    if (result !== undefined && (result.status === 'cancelled' || (by !== undefined && error === by.reason)))
      return result;
    if (by === undefined) throw error;
    state.aborted = { reason: by.reason };
    return Object.assign(state.toResult(serializer), { status: 'cancelled' as const });
  }
}
