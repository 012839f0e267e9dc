import type { FlowNode, FlowRuntime } from '../../flow/index.js';
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

/** Those without which there is no fleet. The others need not be given: commits and graphs are the engine's. */
const needed = [
  'queue',
  'contextStore',
  'runInfoStore',
  'metricsStore',
  'errorStore',
  'livenessStore',
  'workItemStateStore',
] as const satisfies readonly (keyof Stores)[];

/** All that is asked of a store. */
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

/** The context of the first workflow: what `startRun` begins unless it is told another. `never` while there is none. */
type First<State extends object, Own extends object> = [State] extends [never] ? Own : State;

/**
 * Puts an orchestrator together: from workflows and an engine, or the stores of one.
 *
 * A store of one's own names the engine that it stands in for (`engine`), and is asked in place of the engine's. What a
 * commit writes is written by the engine. Workers use the same stores when they are given `orchestrator.engine`.
 *
 * Without any workflow it works on those whose graphs are on the engine: whoever starts their runs, or executes them, has
 * put them there.
 *
 * @example
 * const orchestrator = new OrchestratorBuilder().workflow(flow).engine(redis(url)).build();
 */
export class OrchestratorBuilder<State extends object = never> {
  readonly #workflows: Workflow[] = [];
  readonly #stores: { -readonly [Name in keyof Stores]?: Stores[Name] } = {};
  #engine: Engine | undefined = undefined;
  readonly #options: { -readonly [Name in 'runtime' | 'maxPayload' | 'retention']?: OrchestratorOptions[Name] } = {};

  /** Adds a workflow: none, or any number, and any number of versions of each. The first is what `startRun` starts. */
  workflow<Own extends object>(workflow: FlowNode<Own>): OrchestratorBuilder<First<State, Own>>;
  workflow(workflow: Workflow): OrchestratorBuilder<First<State, Unknown>>;
  workflow(workflow: Workflow): unknown {
    this.#workflows.push(workflow);
    return this;
  }

  /** Takes all stores from an engine; those that are given by their own methods are asked in place of the engine's. */
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

  /** Whose registry and serializer hold. Default: a new one; then blueprints as data find nothing that they use. */
  runtime(runtime: FlowRuntime): this {
    this.#options.runtime = aRuntime(runtime, 'runtime');
    return this;
  }

  /** How large contexts, inputs and signals may be as text, in bytes, of at least 1024. Default: 1 MiB. */
  maxPayload(bytes: number): this {
    this.#options.maxPayload = aPayloadLimit(bytes, 'maxPayload');
    return this;
  }

  /** For how many milliseconds runs are kept when they are over, where their start does not say. Default: for ever. */
  retention(milliseconds: number): this {
    this.#options.retention = aRetention(milliseconds, 'retention');
    return this;
  }

  /**
   * @throws {ValidationError} for stores that are missing, or are not all of one engine
   * @throws {BlueprintError} for a workflow that has faults
   */
  build(): DistributedOrchestrator<First<State, Unknown>> {
    return new DistributedOrchestrator({ ...this.#options, engine: this.#theEngine(), workflows: this.#workflows });
  }

  #store<Name extends keyof Stores>(name: Name, store: Stores[Name]): this {
    const { engine } = Object(store) as { readonly engine?: unknown };
    anEngine(engine, `${name}.engine`);
    for (const method of methods[name]) aFunction(store[method], `${name}.${String(method)}`);
    this.#stores[name] = store;
    return this;
  }

  /** A commit is one step over queue and stores, so these must be of one engine. Stores of one's own are asked in place of its. */
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
