import { aName, anObjectOf, aValue } from '../../shared/validate.js';
import type { WorkflowBlueprint } from '../blueprint.js';
import type { ExecutionServices, ICoordinationStore } from '../contracts.js';
import { compiled, type Plan, planOf } from '../plan/plan.js';
import { WorkflowState } from '../run/state.js';
import { KeepAlive } from './keep-alive.js';
import { handleJob, type RemoteState } from './remote-job.js';
import { RunStore } from './run-store.js';

/**
 * Options of an `EventDrivenOrchestrator`. All workers that share a coordination store must use the same options,
 * because the options determine the names and the lifetime of the keys in the store.
 */
export interface EventDrivenOptions {
  /** Prefix of all keys in the store. Default: `orchestrator`. */
  readonly keyPrefix?: string | undefined;
  /**
   * Lifetime of the keys in the store, in seconds: a whole number from 1 to ten years. Choose at least twice the
   * longest time during which all jobs of a run may be waiting in the queue, because keys are extended only while a
   * node executes and when a job is delivered. Default: 3600.
   */
  readonly ttlSeconds?: number | undefined;
}

/** Ten years in seconds. */
const longestLife = 315_360_000;

const aLife = aValue<number>(
  `a whole number of seconds from 1 to ${longestLife}`,
  (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= longestLife,
);

/** The methods that every run needs. */
const methods = ['increment', 'setIfNotExist', 'get'] as const satisfies readonly (keyof ICoordinationStore)[];

const aStore = aValue<ICoordinationStore>(`a coordination store: an object with ${methods.join(', ')} ...`, (value) =>
  methods.every((method) => typeof (Object(value) as ICoordinationStore)[method] === 'function'),
);

const readOptions = anObjectOf<EventDrivenOptions>({ keyPrefix: aName, ttlSeconds: aLife });

/**
 * Executes one node per call, for workers that take nodes from a queue. The worker enqueues the nodes that `handleJob`
 * returns.
 *
 * Joins, loops and fallbacks are coordinated in a store that the workers share. They follow the same rules as in a run
 * within one program; `RemotePosition` explains how. If a worker dies or `handleJob` rejects, the job may be delivered
 * again. The repeated job does whatever is missing and returns the same nodes. It executes its node again only if the
 * outcome of the node has not been recorded yet.
 *
 * @example
 * const orchestrator = new EventDrivenOrchestrator(runtime.services, new MemoryCoordinationStore());
 * const queue = [...startNodeIds];
 * for (let nodeId = queue.shift(); nodeId !== undefined; nodeId = queue.shift()) {
 *   const { nodesToEnqueue } = await orchestrator.handleJob(nodeId, blueprint, state, runId);
 *   queue.push(...nodesToEnqueue);
 * }
 */
export class EventDrivenOrchestrator {
  readonly #prefix: string;
  readonly #ttlSeconds: number;
  readonly #keepAlive: KeepAlive;

  /**
   * @param services - the services of a runtime, or those that `runtime.prepare(flow)` returns
   * @param coordinationStore - the store that all workers share
   * @param options - prefix and lifetime of the keys in the store
   * @throws {ValidationError} if the store lacks a method, or if an option is unknown or has the wrong type
   */
  constructor(
    private readonly services: ExecutionServices,
    private readonly coordinationStore: ICoordinationStore,
    options: EventDrivenOptions = {},
  ) {
    aStore(coordinationStore, 'coordinationStore');
    const { keyPrefix = 'orchestrator', ttlSeconds = 3_600 } = readOptions(options);
    this.#prefix = keyPrefix;
    this.#ttlSeconds = ttlSeconds;
    this.#keepAlive = new KeepAlive(ttlSeconds);
  }

  /**
   * Executes a node and finds the nodes that follow.
   *
   * @param nodeId - the node id from the job
   * @param blueprint - the flow that contains the node
   * @param state - the state of the run, as known to this worker
   * @param runId - id of the run
   * @returns the ids of the nodes that are ready now; enqueue them before you acknowledge the job
   * @throws {RangeError} if the flow has no node with this id
   * @throws {CoordinationError} if the store fails; have the job delivered again
   */
  async handleJob(
    nodeId: string,
    blueprint: WorkflowBlueprint,
    state: RemoteState,
    runId: string,
  ): Promise<{ nodesToEnqueue: string[] }> {
    const plan = planOf(blueprint, compiled);
    const node = indexIn(plan, nodeId);
    // All decisions are in the store. A position in memory would miss the events of other workers.
    if (state instanceof WorkflowState) state.position = undefined;
    const store = new RunStore(this.coordinationStore, this.#prefix, runId, this.#ttlSeconds);
    const job = { services: this.services, blueprint, plan, state, store };
    return { nodesToEnqueue: await this.#keepAlive.during(store, plan, () => handleJob(node, job)) };
  }
}

function indexIn(plan: Plan, nodeId: string): number {
  const node = plan.indexOf(nodeId);
  if (node < 0) throw new RangeError(`"${nodeId}" is not a node of "${plan.id}"`);
  return node;
}
