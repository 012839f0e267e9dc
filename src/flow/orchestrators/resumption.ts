import type { ExecutionServices, IOrchestrator, NodeExecutorFactory } from '../contracts.js';
import type { Position } from '../plan/position.js';
import type { Waiting, WorkflowResult } from '../run/result.js';
import type { WorkflowState } from '../run/state.js';
import type { GraphTraverser } from '../run/traverser.js';
import { RunToCompletionOrchestrator } from './run-to-completion.js';

/**
 * Resumes a run from its saved state, then hands the run over to another orchestrator. Initially, these nodes are
 * ready: nodes that were ready or running when the run stopped, nodes that had failed, and waiting nodes whose event
 * has arrived or whose sleep has ended. Completed nodes are not repeated, and branches that were not taken remain
 * untaken.
 *
 * `FlowRuntime.continue` uses this class. Use it directly to resume a run with your own orchestrator.
 *
 * @example
 * const orchestrator = new ResumptionOrchestrator(new StepByStepOrchestrator());
 */
export class ResumptionOrchestrator implements IOrchestrator {
  /** @param next - the orchestrator that carries out the rest of the run. Default: a `RunToCompletionOrchestrator` */
  constructor(private readonly next: IOrchestrator = new RunToCompletionOrchestrator()) {}

  /** Prepares the position and the state of the run, then calls `run` of the next orchestrator. */
  async run(
    traverser: GraphTraverser,
    executorFactory: NodeExecutorFactory,
    state: WorkflowState,
    services: ExecutionServices,
  ): Promise<WorkflowResult> {
    const { position } = traverser;
    if (state.position === position) position.moveTo(position.save());
    else catchUp(position, state);
    adoptAdded(position, state);
    state.position = position;
    state.aborted = undefined;
    state.cutShort.clear();
    state.memory.retryFailed();
    for (const [nodeId, waits] of [...state.memory.awaiting]) deliver(state, nodeId, waits);
    state.memory.letGo();
    return this.next.run(traverser, executorFactory, state, services);
  }
}

/**
 * Moves a new position to the saved position of the run. If the state has no position, the new position is derived from
 * the completed nodes alone.
 */
function catchUp(position: Position, state: WorkflowState): void {
  if (state.position !== undefined) position.moveTo(state.position.save());
  else {
    position.adopt([...state.getCompletedNodes()].map((nodeId) => position.plan.indexOf(nodeId)));
    position.readyWhatFollows();
  }
}

/** Updates the position with the nodes that a user has added to the state with `addCompletedNode`. */
function adoptAdded(position: Position, state: WorkflowState): void {
  const added = [...state.getCompletedNodes()].filter((nodeId) => !position.isCompleted(nodeId));
  if (added.length === 0) return;
  position.adopt(added.map((nodeId) => position.plan.indexOf(nodeId)).filter((node) => node >= 0));
  position.readyWhatFollows();
}

/** Makes a waiting node ready if one of its events has arrived or its sleep has ended. */
function deliver(state: WorkflowState, nodeId: string, waits: readonly Waiting[]): void {
  const now = state.clock();
  const come = waits.find(
    ({ event, until }) => Object.hasOwn(state.events, event) || (until !== undefined && until <= now),
  );
  if (come !== undefined) state.memory.deliver(nodeId, { [come.event]: state.events[come.event] });
}
