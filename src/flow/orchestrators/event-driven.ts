import { aName, anObjectOf, aValue } from '../../shared/validate.js';
import type { WorkflowBlueprint } from '../blueprint.js';
import type { ExecutionServices, ICoordinationStore } from '../contracts.js';
import { compiled, type Plan, planOf } from '../plan/plan.js';
import { WorkflowState } from '../run/state.js';
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

/** What no run can do without. */
const methods = ['increment', 'setIfNotExist', 'get'] as const satisfies readonly (keyof ICoordinationStore)[];

const aStore = aValue<ICoordinationStore>(`a coordination store: an object with ${methods.join(', ')} ...`, (value) =>
  methods.every((method) => typeof (Object(value) as ICoordinationStore)[method] === 'function'),
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
   * @param coordinationStore - what the workers share
   * @throws {ValidationError} for what is no store, and for an option that is unknown or of the wrong kind
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
   * Executes a node.
   *
   * @param nodeId - the node
   * @param blueprint - the flow that it is part of
   * @param state - what is known of the run
   * @param runId - the run
   * @returns the nodes that are ready now: enqueue them before the job counts as done
   * @throws {CoordinationError} when the store fails: have the job delivered again
   */
  async handleJob(
    nodeId: string,
    blueprint: WorkflowBlueprint,
    state: RemoteState,
    runId: string,
  ): Promise<{ nodesToEnqueue: string[] }> {
    const plan = planOf(blueprint, compiled);
    const node = indexIn(plan, nodeId);
    // What has been decided is in the store; a position in memory would know only what happens here.
    if (state instanceof WorkflowState) state.position = undefined;
    const store = new RunStore(this.coordinationStore, this.#prefix, runId, this.#ttlSeconds);
    const job = { services: this.services, blueprint, plan, state, store };
    return { nodesToEnqueue: await this.#keepAlive.during(store, plan, () => handleJob(node, job)) };
  }
}

function indexIn(plan: Plan, nodeId: string): number {
  const node = plan.indexOf(nodeId);
  if (node < 0) throw new RangeError(`"${nodeId}" is no node of "${plan.id}"`);
  return node;
}
