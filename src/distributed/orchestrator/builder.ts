import type { FlowNode, FlowRuntime, FlowTypes, UnknownTypes } from '../../flow/index.js';
import { aFunction, invalid } from '../../shared/validate.js';
import type {
  CheckpointStore,
  ContextStore,
  Engine,
  ErrorStore,
  LivenessStore,
  MetricsStore,
  RunInfoStore,
  WorkflowStore,
  WorkItemStateStore,
  WorkQueue,
} from '../contracts.js';
import { anEngine, aPayloadLimit, aRetention, aRuntime } from '../run/options.js';
import type { Workflow } from '../workflows/workflows.js';
import { baseOf, ComposedEngine, type Stores } from './composed.js';
import type { OrchestratorOptions } from './options.js';
import { DistributedOrchestrator } from './orchestrator.js';

/** The stores that are required if there is no `engine(...)`. All other stores default to the engine's stores. */
const needed = [
  'queue',
  'contextStore',
  'runInfoStore',
  'metricsStore',
  'errorStore',
  'livenessStore',
  'workItemStateStore',
] as const satisfies readonly (keyof Stores)[];

/** The methods that each store must have. */
const methods: { readonly [Name in keyof Stores]: readonly Exclude<keyof Stores[Name], 'engine'>[] } = {
  queue: ['enqueue', 'consume', 'purgeRun', 'statesOf', 'depth'],
  contextStore: ['getContext'],
  runInfoStore: ['getRun', 'getStatuses', 'listRuns', 'countRuns', 'deleteRun', 'listExpired', 'listIdle'],
  metricsStore: ['getMetrics'],
  errorStore: ['getErrors'],
  livenessStore: ['heartbeat', 'remove', 'list'],
  workItemStateStore: ['setStates', 'clearStates', 'getStates', 'countCrash', 'takeBackCrash'],
  checkpointStore: ['read', 'compact'],
  workflowStore: ['put', 'get', 'list'],
};

// biome-ignore lint/suspicious/noExplicitAny: the context of a flow that is data may hold anything
type Unknown = any;

/** The context of the first workflow, which `startRun` starts by default. `never` until a workflow is added. */
type First<State extends object, Own extends object> = [State] extends [never] ? Own : State;

/** The types of the first workflow. */
type FirstTypes<State extends object, Types extends FlowTypes, Own extends FlowTypes> = [State] extends [never]
  ? Own
  : Types;

/**
 * Builds a `DistributedOrchestrator` from workflows and an engine, or from workflows and the stores of one engine.
 *
 * A custom store replaces the engine's store for reading. Its `engine` property refers to the engine to which the store
 * belongs. That engine still writes everything that a commit changes. To let workers use the same stores, pass them
 * `orchestrator.engine`.
 *
 * An orchestrator without workflows can still list, start and control runs of every workflow whose graph is stored on
 * the engine. The graph is stored there by programs that start or execute the workflow.
 *
 * @example
 * const orchestrator = new OrchestratorBuilder().workflow(flow).engine(redis(url)).build();
 */
export class OrchestratorBuilder<State extends object = never, Types extends FlowTypes = UnknownTypes> {
  readonly #workflows: Workflow[] = [];
  readonly #stores: { -readonly [Name in keyof Stores]?: Stores[Name] } = {};
  #engine: Engine | undefined = undefined;
  readonly #options: { -readonly [Name in 'runtime' | 'maxPayload' | 'retention']?: OrchestratorOptions[Name] } = {};

  /**
   * Adds a workflow: a flow or a blueprint. Can be called any number of times, even for several versions of one
   * workflow. `startRun` starts the workflow that was added first.
   */
  workflow<Own extends object, OwnTypes extends FlowTypes = UnknownTypes>(
    workflow: FlowNode<Own, OwnTypes>,
  ): OrchestratorBuilder<First<State, Own>, FirstTypes<State, Types, OwnTypes>>;
  workflow(workflow: Workflow): OrchestratorBuilder<First<State, Unknown>, FirstTypes<State, Types, UnknownTypes>>;
  workflow(workflow: Workflow): unknown {
    this.#workflows.push(workflow);
    return this;
  }

  /**
   * Uses an engine and all its stores, except for stores that are set by their own methods.
   *
   * @throws {ValidationError} for a value that is not an engine
   */
  engine(engine: Engine): this {
    this.#engine = anEngine(engine, 'engine');
    return this;
  }

  queue(store: WorkQueue): this {
    return this.#store('queue', store);
  }

  contextStore(store: ContextStore): this {
    return this.#store('contextStore', store);
  }

  runInfoStore(store: RunInfoStore): this {
    return this.#store('runInfoStore', store);
  }

  metricsStore(store: MetricsStore): this {
    return this.#store('metricsStore', store);
  }

  errorStore(store: ErrorStore): this {
    return this.#store('errorStore', store);
  }

  livenessStore(store: LivenessStore): this {
    return this.#store('livenessStore', store);
  }

  workItemStateStore(store: WorkItemStateStore): this {
    return this.#store('workItemStateStore', store);
  }

  checkpointStore(store: CheckpointStore): this {
    return this.#store('checkpointStore', store);
  }

  workflowStore(store: WorkflowStore): this {
    return this.#store('workflowStore', store);
  }

  /**
   * Sets the runtime, whose registry and serializer are used. Default: a new `FlowRuntime`, whose registry is empty, so
   * blueprints that use registered functions are refused.
   */
  runtime(runtime: FlowRuntime): this {
    this.#options.runtime = aRuntime(runtime, 'runtime');
    return this;
  }

  /** Sets the maximum size, in bytes, of the text of a context, an input or a signal. At least 1024. Default: 1 MiB. */
  maxPayload(bytes: number): this {
    this.#options.maxPayload = aPayloadLimit(bytes, 'maxPayload');
    return this;
  }

  /**
   * Sets the milliseconds for which a finished run is kept, unless it was started with its own `retention`. Default:
   * forever.
   */
  retention(milliseconds: number): this {
    this.#options.retention = aRetention(milliseconds, 'retention');
    return this;
  }

  /**
   * Creates the orchestrator.
   *
   * @throws {ValidationError} if stores are missing, or do not all belong to one engine
   * @throws {BlueprintError} for a workflow that is not valid
   */
  build(): DistributedOrchestrator<First<State, Unknown>, Types> {
    return new DistributedOrchestrator({ ...this.#options, engine: this.#theEngine(), workflows: this.#workflows });
  }

  #store<Name extends keyof Stores>(name: Name, store: Stores[Name]): this {
    const { engine } = Object(store) as { readonly engine?: unknown };
    anEngine(engine, `${name}.engine`);
    for (const method of methods[name]) aFunction(store[method], `${name}.${String(method)}`);
    this.#stores[name] = store;
    return this;
  }

  /**
   * Returns the engine with the given stores in place of its own. All stores must belong to one engine, because commits
   * are atomic.
   */
  #theEngine(): Engine {
    const given = Object.entries(this.#stores) as [keyof Stores, { readonly engine: Engine }][];
    const [first] = given;
    const engine = this.#engine ?? first?.[1].engine;
    if (engine === undefined) throw invalid('engine', 'given, or each store by its own method', undefined);
    const others = given.filter(([, store]) => baseOf(store.engine) !== baseOf(engine));
    if (others.length > 0) {
      const which = others.map(([name, store]) => `${name} (${store.engine.name})`).join(', ');
      throw invalid(which, `of the same engine as the others (${engine.name})`, others[0]?.[1]);
    }
    const missing = this.#engine === undefined ? needed.filter((name) => this.#stores[name] === undefined) : [];
    if (missing.length > 0) throw invalid(missing.join(', '), 'given, or an engine instead of stores', undefined);
    const { contextStore = engine.contextStore } = this.#stores;
    if (contextStore !== engine.contextStore) {
      throw invalid('contextStore', "the engine's own: a context follows from what the engine commits", contextStore);
    }
    return given.every(([name, store]) => store === engine[name]) ? engine : new ComposedEngine(engine, this.#stores);
  }
}
