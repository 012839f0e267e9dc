import { aName, anObjectOf, aValue, invalid } from '../../shared/validate.js';
import type { WorkflowBlueprint } from '../blueprint.js';
import type { ExecutionServices, ICoordinationStore, NodeExecutionResult } from '../contracts.js';
import { asNodeError, settle } from '../execution/settle.js';
import { compiled, type Plan, planOf } from '../plan/plan.js';
import type { Position } from '../plan/position.js';
import { WorkflowState } from '../run/state.js';
import { GraphTraverser } from '../run/traverser.js';
import { KeepAlive } from './keep-alive.js';
import { handleJob, type RemoteState } from './remote-job.js';
import { RunStore } from './run-store.js';

/** What `new EventDrivenOrchestrator` takes besides services and store. */
export interface EventDrivenOptions {
  /** What the keys in the store begin with. Default: `orchestrator`. */
  readonly keyPrefix?: string | undefined;
  /**
   * How long keys live in the store, in seconds: at least twice as long as a run may stand still, with each of its jobs
   * waiting in the queue. They are kept alive while a node executes, and by each job that is delivered. Default: 3600.
   */
  readonly ttlSeconds?: number | undefined;
}

/** Ten years. */
const longestLife = 315_360_000;

const aLife = aValue<number>(
  `a whole number of seconds from 1 to ${longestLife}`,
  (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= longestLife,
);

const readOptions = anObjectOf<EventDrivenOptions>({ keyPrefix: aName, ttlSeconds: aLife });

/**
 * Executes one node a call: the heart of a worker that takes nodes from a queue. What it returns is to be enqueued.
 *
 * Joins, loops and fallbacks are coordinated in a store that the workers share, by the same rules as everywhere; how is
 * said at `RemotePosition`. A job that comes again, because its worker has died or it has rejected, does what is left to
 * be done, and gives the same answer. It executes its node again only if it is not set down yet how that has ended.
 *
 * @example
 * const orchestrator = new EventDrivenOrchestrator(runtime.services, new RedisCoordinationStore(redis));
 * queue.process(async ({ nodeId, runId }) => {
 *   const { nodesToEnqueue } = await orchestrator.handleJob(nodeId, blueprint, await states.load(runId), runId);
 *   for (const next of nodesToEnqueue) await queue.add({ nodeId: next, runId });
 * });
 */
export class EventDrivenOrchestrator {
  readonly #prefix: string;
  readonly #ttlSeconds: number;
  readonly #keepAlive: KeepAlive;

  /**
   * @param services - of a runtime, or of `runtime.prepare(flow)`
   * @param coordinationStore - what the workers share. Default: none; then states come with a position and a journal
   *   that the workers share
   */
  constructor(
    private readonly services: ExecutionServices,
    private readonly coordinationStore?: ICoordinationStore,
    options: EventDrivenOptions = {},
  ) {
    const { keyPrefix = 'orchestrator', ttlSeconds = 3_600 } = readOptions(options);
    this.#prefix = keyPrefix;
    this.#ttlSeconds = ttlSeconds;
    this.#keepAlive = new KeepAlive(ttlSeconds);
  }

  /**
   * Executes a node.
   *
   * @param nodeId - the node
   * @param blueprint - the flow that it is part of
   * @param state - what is known of the run
   * @param runId - the run
   * @returns the nodes that are ready now: enqueue them before the job counts as done
   * @throws {CoordinationError} when the store fails: have the job delivered again
   */
  handleJob(
    nodeId: string,
    blueprint: WorkflowBlueprint,
    state: RemoteState,
    runId: string,
  ): Promise<{ nodesToEnqueue: string[] }> {
    return this.coordinationStore === undefined
      ? this.#handleJournaled(nodeId, blueprint, state)
      : this.#handleCoordinated(nodeId, blueprint, state, runId, this.coordinationStore);
  }

  async #handleCoordinated(
    nodeId: string,
    blueprint: WorkflowBlueprint,
    state: RemoteState,
    runId: string,
    store: ICoordinationStore,
  ) {
    const plan = planOf(blueprint, compiled);
    const node = indexIn(plan, nodeId);
    // What has been decided is in the store; a position in memory would know only what happens here.
    if (state instanceof WorkflowState) state.position = undefined;
    const runStore = new RunStore(store, this.#prefix, runId, this.#ttlSeconds);
    const job = { services: this.services, blueprint, plan, state, store: runStore };
    return { nodesToEnqueue: await this.#keepAlive.during(runStore, plan, () => handleJob(node, job)) };
  }

  /** Where a journal decides what follows, an event is an entry of it. */
  #handleJournaled(nodeId: string, blueprint: WorkflowBlueprint, state: RemoteState) {
    if (!(state instanceof WorkflowState) || state.position === undefined || state.journal === undefined) {
      const expected = 'a WorkflowState with a position and a journal, for there is no coordination store';
      return Promise.reject(invalid('state', expected, state));
    }
    const { services } = this;
    const { position } = state;
    const advance = { traverser: new GraphTraverser(blueprint, position), state, services };
    const settled = (execution: NodeExecutionResult) => settle(advance, nodeId, execution);
    const handle = () => this.#execute(nodeId, blueprint, state, position).then(settled);
    const handled = services.inProcess === undefined ? handle() : services.inProcess(state, handle);
    return handled.then(() => ({ nodesToEnqueue: position.take().map((node) => position.plan.idOf(node)) }));
  }

  #execute(nodeId: string, blueprint: WorkflowBlueprint, state: WorkflowState, position: Position) {
    const { services } = this;
    const failed = (error: unknown) => ({ status: 'failed', error: asNodeError(nodeId, error) }) as const;
    try {
      const visit = position.visitOf(indexIn(position.plan, nodeId));
      const executor = services.executorFactory(blueprint)(nodeId);
      const input = services.resolveNodeInput(nodeId, blueprint, state.getContext());
      if (!(input instanceof Promise)) return executor.execute(input, state, visit);
      return input.then((value) => executor.execute(value, state, visit)).catch(failed);
    } catch (error) {
      return Promise.resolve(failed(error));
    }
  }
}

function indexIn(plan: Plan, nodeId: string): number {
  const node = plan.indexOf(nodeId);
  if (node < 0) throw new RangeError(`"${nodeId}" is no node of "${plan.id}"`);
  return node;
}
