import type { ExecutionServices, IOrchestrator, NodeExecutorFactory } from '../contracts.js';
import { commit } from '../execution/commit.js';
import type { Position } from '../plan/position.js';
import { decisionTime, latest } from '../run/decision.js';
import type { Waiting, WorkflowResult } from '../run/result.js';
import type { WorkflowState } from '../run/state.js';
import type { GraphTraverser } from '../run/traverser.js';
import { conclude } from './conclude.js';
import { RunToCompletionOrchestrator } from './run-to-completion.js';

/**
 * Resumes a run from its saved state, then hands the run over to another orchestrator. Initially, these nodes are
 * ready: nodes that were ready or running when the run stopped, and waiting nodes whose event has arrived or whose
 * sleep has ended. If the run has ended as failed, its failed nodes are ready as well, at any depth of sub-flows.
 * Otherwise failures stand. Completed nodes are not repeated, and branches that were not taken remain untaken.
 *
 * `FlowRuntime.continue` uses this class. Use it directly to resume a run with your own orchestrator.
 *
 * @example
 * const orchestrator = new ResumptionOrchestrator(new StepByStepOrchestrator());
 */
export class ResumptionOrchestrator implements IOrchestrator {
  /**
   * @param next - the orchestrator that carries out the rest of the run. Default: a `RunToCompletionOrchestrator`
   * @param options - `retries`: if false, failures stand even if the run has ended as failed. Default: true
   */
  constructor(
    private readonly next: IOrchestrator = new RunToCompletionOrchestrator(),
    private readonly options: RetryOptions = { retries: true },
  ) {}

  /** Prepares the position and the state of the run, then calls `run` of the next orchestrator. */
  async run(
    traverser: GraphTraverser,
    executorFactory: NodeExecutorFactory,
    state: WorkflowState,
    services: ExecutionServices,
  ): Promise<WorkflowResult> {
    restart(traverser.position, state);
    if (this.options.retries && state.memory.hasEndedAsFailed) await commit(state, { type: 'retried' });
    if (!this.options.retries && state.memory.conclusion !== undefined) return conclude(traverser, state, services);
    await deliverAll(state);
    return this.next.run(traverser, executorFactory, state, services);
  }
}

/** Options for the continuation of a run. */
export interface RetryOptions {
  /** If true, the failed nodes of the run are executed again. */
  readonly retries: boolean;
}

/**
 * Resumes the run of a sub-flow. The surrounding run decides if failed nodes are executed again: by its own retry, which
 * has reached the sub-flow before, or by a further attempt of the node. Otherwise a sub-flow that has ended as failed
 * ends in the same way again.
 */
export class InnerResumption implements IOrchestrator {
  constructor(private readonly options: RetryOptions) {}

  async run(
    traverser: GraphTraverser,
    executorFactory: NodeExecutorFactory,
    state: WorkflowState,
    services: ExecutionServices,
  ): Promise<WorkflowResult> {
    restart(traverser.position, state);
    if (this.options.retries && state.memory.hasFailed) await commit(state, { type: 'retried' });
    if (state.memory.conclusion !== undefined) return conclude(traverser, state, services);
    await deliverAll(state);
    return new RunToCompletionOrchestrator().run(traverser, executorFactory, state, services);
  }
}

/** Makes the nodes ready that were ready or running when the run stopped. */
function restart(position: Position, state: WorkflowState): void {
  if (state.position === position) position.moveTo(position.save());
  else catchUp(position, state);
  adoptAdded(position, state);
  state.position = position;
  state.aborted = undefined;
  state.cutShort.clear();
}

async function deliverAll(state: WorkflowState): Promise<void> {
  for (const [nodeId, waits] of [...state.memory.awaiting]) await deliver(state, nodeId, waits);
  state.memory.letGo();
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

/**
 * Makes a waiting node ready if its events have arrived or its time has come. Time is looked at first: an event does not
 * end a wait that has expired. In a saved run, the end of the wait is recorded, so that it stays decided after a crash.
 */
async function deliver(state: WorkflowState, nodeId: string, waits: readonly Waiting[]): Promise<void> {
  const time = state.decidedAt ?? decisionTime(waits, state.clock());
  const begun = waits.filter(({ since = time }) => since <= time);
  const times = begun.flatMap(({ until = Infinity }) => (until <= time ? [until] : []));
  const arrived = begun.filter(({ event, until = Infinity }) => until > time && Object.hasOwn(state.events, event));
  if (arrived.length + times.length === 0) return;
  const events = Object.fromEntries(arrived.map(({ event }) => [event, state.events[event]]));
  const unchecked = arrived.length === 0 ? undefined : state.hasUncheckedEvents;
  const digests = Object.entries(state.sent).filter(([event]) => Object.hasOwn(events, event));
  const sent = digests.length === 0 ? undefined : Object.fromEntries(digests);
  const due = times.length === 0 ? undefined : latest(times);
  await commit(state, { type: 'delivered', nodeId, events, time, due, unchecked, sent });
}
