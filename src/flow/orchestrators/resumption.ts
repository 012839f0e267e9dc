import type { ExecutionServices, IOrchestrator, NodeExecutorFactory } from '../contracts.js';
import type { Position } from '../plan/position.js';
import type { Waiting, WorkflowResult } from '../run/result.js';
import type { WorkflowState } from '../run/state.js';
import type { GraphTraverser } from '../run/traverser.js';
import { RunToCompletionOrchestrator } from './run-to-completion.js';

/**
 * Takes up a run that was saved, and lets another orchestrator go on with it. Decisions are part of what was saved, so
 * that what was not taken stays so. Ready are: what was ready or running then, what had failed, and what waited for
 * something that has come since.
 */
export class ResumptionOrchestrator implements IOrchestrator {
  /** @param next - what goes on with the run. Default: `RunToCompletionOrchestrator` */
  constructor(private readonly next: IOrchestrator = new RunToCompletionOrchestrator()) {}

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

/** A position at the start is brought to where the state is: by its decisions, else by what has completed. */
function catchUp(position: Position, state: WorkflowState): void {
  if (state.position !== undefined) position.moveTo(state.position.save());
  else {
    position.adopt([...state.getCompletedNodes()].map((nodeId) => position.plan.indexOf(nodeId)));
    position.readyWhatFollows();
  }
}

/** Nodes that were named to the state as completed, and not to the position: by whoever put the state together. */
function adoptAdded(position: Position, state: WorkflowState): void {
  const added = [...state.getCompletedNodes()].filter((nodeId) => !position.isCompleted(nodeId));
  if (added.length === 0) return;
  position.adopt(added.map((nodeId) => position.plan.indexOf(nodeId)).filter((node) => node >= 0));
  position.readyWhatFollows();
}

/** A node goes on where one of the things that it waits for has come. */
function deliver(state: WorkflowState, nodeId: string, waits: readonly Waiting[]): void {
  const now = state.clock();
  const come = waits.find(
    ({ event, until }) => Object.hasOwn(state.events, event) || (until !== undefined && until <= now),
  );
  if (come !== undefined) state.memory.deliver(nodeId, { [come.event]: state.events[come.event] });
}
