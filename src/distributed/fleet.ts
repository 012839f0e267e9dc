import { FlowRuntime } from '../flow/index.js';
import type { FlowNode, FlowTypes, UnknownTypes } from '../flow/node.js';
import { type CloseOptions, readCloseOptions } from '../shared/closing.js';
import type { Engine } from './contracts.js';
import { EngineError } from './errors.js';
import { DistributedOrchestrator } from './orchestrator/orchestrator.js';
import { anEngine, anObjectGiving, aPayloadLimit, aRetention, aRuntime } from './run/options.js';
import { type OwnWorkerOptions, readOwnWorkerOptions } from './worker/options.js';
import { DistributedWorker } from './worker/worker.js';
import { someWorkflows, type Workflow, Workflows } from './workflows/workflows.js';

/**
 * Options of `defineFleet`: the engine and the workflows, which are required, and settings that all orchestrators and
 * workers of the fleet share. Options of single workers are passed to `Fleet.worker`.
 */
export interface FleetOptions<
  // biome-ignore lint/suspicious/noExplicitAny: if the first workflow is data, runs start with any context
  State extends object = any,
  Types extends FlowTypes = UnknownTypes,
> {
  /** The queue and the stores of the fleet. `Fleet.close()` also closes the engine. */
  readonly engine: Engine;
  /** Flows or blueprints, at least one, and any number of versions of each. `startRun` starts the first workflow. */
  readonly workflows: readonly [FlowNode<State, Types>, ...Workflow[]] | readonly Workflow[];
  /** The registry, hooks, middleware, dependencies and serializer of the nodes. Default: `new FlowRuntime()`. */
  readonly runtime?: FlowRuntime | undefined;
  /**
   * Maximum size, in bytes, of the text of a context, a key of the context, an input, a signal or an output. At least
   * 1024. Default: 1 MiB.
   */
  readonly maxPayload?: number | undefined;
  /** Milliseconds for which a finished run is kept, unless the run has its own `retention`. Default: forever. */
  readonly retention?: number | undefined;
}

/**
 * A fleet, as `defineFleet` returns it. Creates orchestrators, which start runs, and workers, which execute them. All
 * of them share the fleet's engine, workflows and runtime, and `close()` ends them together.
 */
export interface Fleet<
  // biome-ignore lint/suspicious/noExplicitAny: as for the options
  State extends object = any,
  Types extends FlowTypes = UnknownTypes,
> {
  readonly engine: Engine;
  /**
   * Creates an orchestrator. A program can keep a single orchestrator, or create one for each request.
   *
   * @throws {EngineError} if the fleet was closed
   */
  orchestrator(): DistributedOrchestrator<State, Types>;
  /**
   * Creates a worker. Call `start()` on the worker to take work.
   *
   * @param options - the options of `new DistributedWorker`, except for the options that the fleet sets. Default:
   *   `{}`
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   * @throws {EngineError} if the fleet was closed
   */
  worker(options?: OwnWorkerOptions): DistributedWorker;
  /**
   * Stops the workers and orchestrators that this object created, then closes the engine. Pending `waitForCompletion`
   * calls reject with an `AbortError`. Other programs of the fleet continue. A second call can only shorten the
   * timeout.
   *
   * @param options - `timeout`: milliseconds that the nodes being executed get to end, and that the engine then gets
   *   to close. Default: 10000
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
 * Defines a fleet in one place, for the programs that start runs and for the programs that execute them.
 *
 * @param options - `engine` and `workflows` are required; all other options have defaults
 * @throws {ValidationError} for an option that is unknown or of the wrong kind
 * @throws {BlueprintError} for a workflow that is not valid
 *
 * @example
 * export const fleet = defineFleet({ engine: redis(url), workflows: [order] });
 * // in a program that starts runs
 * const { id } = await fleet.orchestrator().start(order, { id: 'order-42', context: { cents: 999 } });
 * // in a program that executes runs
 * await fleet.worker({ concurrency: 50 }).start();
 */
export function defineFleet<
  // biome-ignore lint/suspicious/noExplicitAny: as for the options
  State extends object = any,
  Types extends FlowTypes = UnknownTypes,
>(options: FleetOptions<State, Types>): Fleet<State, Types> {
  const { retention, ...read } = readOptions(options);
  const { engine } = read;
  const common = { ...read, runtime: read.runtime ?? new FlowRuntime() };
  // Checks the workflows at once, not first in each orchestrator and worker.
  new Workflows(common.workflows, common.runtime);
  const end = new AbortController();
  const workers = new Workers();
  const assertOpen = () => {
    if (end.signal.aborted) throw new EngineError(engine.name, 'was closed with its fleet: define a new fleet');
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
      return new DistributedOrchestrator<State, Types>({ ...common, retention, signal: end.signal });
    },
    worker(own = {}) {
      assertOpen();
      return workers.add(new DistributedWorker({ ...readOwnWorkerOptions(own), ...common }));
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

/**
 * The workers of a fleet, held weakly so that stopped workers can be garbage-collected. A running worker is kept alive
 * by its timers.
 */
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
