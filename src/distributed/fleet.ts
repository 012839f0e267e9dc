import { FlowRuntime } from '../flow/index.js';
import type { FlowNode } from '../flow/node.js';
import { type CloseOptions, readCloseOptions } from '../shared/closing.js';
import type { Engine } from './contracts.js';
import { EngineError } from './errors.js';
import { DistributedOrchestrator } from './orchestrator/orchestrator.js';
import { anEngine, anObjectGiving, aPayloadLimit, aRetention, aRuntime } from './run/options.js';
import { type OwnWorkerOptions, readOwnWorkerOptions } from './worker/options.js';
import { DistributedWorker } from './worker/worker.js';
import { someWorkflows, type Workflow, Workflows } from './workflows/workflows.js';

/** Options of `defineFleet`. */
export interface FleetOptions<
  // biome-ignore lint/suspicious/noExplicitAny: a fleet whose first workflow is data begins runs with anything
  State extends object = any,
> {
  /** The queue and the stores that the fleet shares. It is closed with the fleet. */
  readonly engine: Engine;
  /** Flows or blueprints: one at least, and any number of versions of each. The first is what `startRun` starts. */
  readonly workflows: readonly [FlowNode<State>, ...Workflow[]] | readonly Workflow[];
  /** Registry, hooks, middleware, dependencies, serializer. Default: a new one. */
  readonly runtime?: FlowRuntime | undefined;
  /**
   * How large contexts, inputs, signals, outputs and keys of the context may be as text, in bytes, of at least 1024.
   * Default: 1 MiB.
   */
  readonly maxPayload?: number | undefined;
  /** For how many milliseconds runs are kept when they are over, where their start does not say. Default: for ever. */
  readonly retention?: number | undefined;
}

/** Makes the orchestrators and the workers of one fleet. */
export interface Fleet<
  // biome-ignore lint/suspicious/noExplicitAny: as for the options
  State extends object = any,
> {
  readonly engine: Engine;
  /** Makes an orchestrator: once for a program, or anew for each request. */
  orchestrator(): DistributedOrchestrator<State>;
  /**
   * Makes a worker, which is to be started.
   *
   * @param options - those of `new DistributedWorker` that are not the fleet's. Default: their defaults
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   */
  worker(options?: OwnWorkerOptions): DistributedWorker;
  /**
   * Stops the workers that were made here, ends all waiting of the orchestrators, then closes the engine. Other programs of
   * the fleet go on. Called again, `close` keeps to the earlier end.
   *
   * @param options - `timeout`: milliseconds that nodes have that are under way, and then the engine. Default: 10000
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   */
  close(options?: CloseOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const readOptions = anObjectGiving<FleetOptions>(
  {
    engine: anEngine,
    workflows: someWorkflows,
    runtime: aRuntime,
    maxPayload: aPayloadLimit,
    retention: aRetention,
  },
  'engine',
  'workflows',
);

/**
 * Defines a fleet once, for the programs that start runs and for those that execute them.
 *
 * @throws {ValidationError} for an option that is unknown or of the wrong kind
 * @throws {BlueprintError} for a workflow that has faults
 *
 * @example
 * export const fleet = defineFleet({ engine: redis(url), workflows: [order] });
 * // where runs are started
 * const { id } = await fleet.orchestrator().start(order, { id: 'order-42', context: { cents: 999 } });
 * // where they are executed
 * await fleet.worker({ concurrency: 50 }).start();
 */
export function defineFleet<
  // biome-ignore lint/suspicious/noExplicitAny: as for the options
  State extends object = any,
>(options: FleetOptions<State>): Fleet<State> {
  const { retention, ...read } = readOptions(options);
  const { engine } = read;
  const common = { ...read, runtime: read.runtime ?? new FlowRuntime() };
  // What is wrong with a workflow is found here, not in each program.
  new Workflows(common.workflows, common.runtime);
  const end = new AbortController();
  const workers = new Workers();
  const assertOpen = () => {
    if (end.signal.aborted) throw new EngineError(engine.name, 'was closed with its fleet');
  };
  const close = async (closing?: CloseOptions) => {
    readCloseOptions(closing);
    end.abort(new DOMException('the fleet was closed', 'AbortError'));
    const ends = await Promise.allSettled(workers.all.map((worker) => worker.close(closing)));
    await engine.close(closing);
    for (const ended of ends) if (ended.status === 'rejected') throw ended.reason;
  };
  return {
    engine,
    orchestrator() {
      assertOpen();
      return new DistributedOrchestrator<State>({ ...common, retention, signal: end.signal });
    },
    worker(own = {}) {
      assertOpen();
      return workers.add(new DistributedWorker({ ...readOwnWorkerOptions(own), ...common }));
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

/** Holds workers weakly: a program may make and stop any number of them, and one at work is kept by its timers. */
class Workers {
  #refs: readonly WeakRef<DistributedWorker>[] = [];

  get all(): readonly DistributedWorker[] {
    return this.#refs.map((ref) => ref.deref()).filter((worker) => worker !== undefined);
  }

  add(worker: DistributedWorker): DistributedWorker {
    this.#refs = [...this.#refs.filter((ref) => ref.deref() !== undefined), new WeakRef(worker)];
    return worker;
  }
}
