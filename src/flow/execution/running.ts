import { currentScope } from '../../kernel/scope/process.js';
import { run } from '../../kernel/scope/run.js';
import type { Serializer } from '../../shared/serializer.js';
import type { WorkflowBlueprint } from '../blueprint.js';
import type { ExecutionServices, IOrchestrator } from '../contracts.js';
import { Position } from '../plan/position.js';
import { WorkflowError, type WorkflowResult } from '../run/result.js';
import type { WorkflowState } from '../run/state.js';
import { GraphTraverser } from '../run/traverser.js';
import type { LinkedFlow } from './linked.js';
import { decideOutput } from './output.js';
import type { Toolbox } from './toolbox.js';

/** Everything that is needed to carry out a run. */
export interface Running {
  readonly toolbox: Toolbox;
  readonly linked: LinkedFlow;
  readonly state: WorkflowState;
  readonly orchestrator: IOrchestrator;
  readonly services: ExecutionServices;
  /** Time limit of the run, in milliseconds. Default: none. */
  readonly timeout?: number | null | undefined;
}

/**
 * Carries out a run as a process whose state is the context. If the run fails, its process fails, even if the run is
 * still waiting for an event. If the run is aborted, its process is aborted. In both cases, the promise resolves with
 * the result of the run.
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
  const advance = async () => {
    const result = await orchestrator.run(traverser, services.executorFactory, state, services);
    await decideOutput(linked, state, result);
    return result;
  };
  const work = async () => {
    state.abortWith(currentScope()?.cancellation);
    advancing = advance();
    const result = await advancing;
    // An orchestrator may stop between two steps. The run is then `stalled` but has not failed.
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
    // After an abort, the process rejects immediately, and the run settles a moment later.
    const result = await advancing;
    const by = [signal, currentScope()?.cancellation].find((source) => source?.aborted);
    if (result !== undefined && (result.status === 'cancelled' || (by !== undefined && error === by.reason)))
      return result;
    if (by === undefined) throw error;
    return cancelled(state, by.reason, serializer);
  }
}

/** Returns the result of a run that was aborted. */
function cancelled(state: WorkflowState, reason: unknown, serializer: Serializer): WorkflowResult {
  state.aborted = { reason };
  return Object.assign(state.toResult(serializer), { status: 'cancelled' as const });
}
