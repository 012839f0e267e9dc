import type { FlowRuntime } from '../../flow/index.js';
import { aConcurrency, aCount, anObjectOf, aValue, invalid, type Schema } from '../../shared/validate.js';
import type { Engine } from '../contracts.js';
import { aText } from '../engines/texts.js';
import { anEngine, anInterval, anObjectGiving, aPayloadLimit, aRuntime } from '../run/options.js';
import { someWorkflows, type Workflow } from '../workflows/workflows.js';

/** The default of `concurrency`. */
export const defaultConcurrency = 10;

/** Highest value of `nodesPerJob`. */
const mostNodesPerJob = 200;

/** The default of `lockDuration`, in milliseconds. */
export const defaultLockDuration = 5_000;

/**
 * Options of `new DistributedWorker`. `engine` and `workflows` are required; the defaults of all other options suit
 * most fleets. Intervals and durations are whole numbers of milliseconds.
 */
export interface WorkerOptions {
  /** The queue and the stores of the fleet. The orchestrators use the same engine. */
  readonly engine: Engine;
  /** The flows or blueprints that the worker executes, at least one, and any number of versions of each. */
  readonly workflows: readonly Workflow[];
  /** Maximum number of nodes that the worker executes at the same time: a whole number of at least 1. Default: 10. */
  readonly concurrency?: number | undefined;
  /**
   * Maximum number of nodes in one job of the queue, of those that become ready together: a whole number from 1 to 200,
   * or `'auto'`. Nodes that share a job cost less, but are executed by one worker, side by side as far as it has room.
   * `'auto'` lets nodes share a job that have been short so far in this program: as many as take 5 ms together, at most
   * 16. With 1, all nodes are spread over the fleet. Nodes that wait for 250 ms behind another one get jobs of their own.
   * Default: `'auto'`.
   */
  readonly nodesPerJob?: number | 'auto' | undefined;
  /**
   * The id of the worker, unique in the fleet, at most 500 characters. Default: host, process id and a random suffix.
   */
  readonly id?: string | undefined;
  /** The registry, hooks, middleware, dependencies and serializer of the nodes. Default: `new FlowRuntime()`. */
  readonly runtime?: FlowRuntime | undefined;
  /**
   * Milliseconds for which a silent worker's jobs stay locked, at least 500. When a worker dies, or its event loop is
   * blocked for longer than this, other workers get its jobs after at most one and a half times this time. Default:
   * 5000.
   */
  readonly lockDuration?: number | undefined;
  /**
   * Milliseconds between two heartbeats. A worker is considered dead after five intervals without a heartbeat. Default:
   * 1000.
   */
  readonly heartbeatInterval?: number | undefined;
  /** Milliseconds within which the worker notices that a run was cancelled. Default: 500. */
  readonly watchInterval?: number | undefined;
  /**
   * Milliseconds between two rounds of maintenance, which remove expired runs and queue jobs that idle runs have lost.
   * A round checks a hundred idle runs, and further runs until it has taken a twentieth of the interval. Default:
   * 30000.
   */
  readonly maintenanceInterval?: number | undefined;
  /**
   * Number of workers that may die while they execute a node. When the number is reached, the node fails. Default: 3.
   */
  readonly maxCrashes?: number | undefined;
  /** Maximum size, in bytes, of the text of an output or a key of the context. At least 1024. Default: 1 MiB. */
  readonly maxPayload?: number | undefined;
}

/**
 * Options of `Fleet.worker`: the `WorkerOptions` that each worker of a fleet sets for itself. The fleet sets `engine`,
 * `workflows`, `runtime` and `maxPayload`.
 *
 * @example
 * const worker = fleet.worker({ concurrency: 50 });
 */
export type OwnWorkerOptions = Omit<WorkerOptions, 'engine' | 'workflows' | 'runtime' | 'maxPayload'>;

const own: Schema<OwnWorkerOptions> = {
  concurrency: aValue('a whole number of at least 1', (value) => Number.isSafeInteger(value) && (value as number) >= 1),
  nodesPerJob: aValue("a whole number from 1 to 200, or 'auto'", (value) => value === 'auto' || isFew(value)),
  id: aText,
  lockDuration: (value, field) => {
    if (anInterval(value, field) < 500) throw invalid(field, 'a whole number of milliseconds of at least 500', value);
    return value;
  },
  heartbeatInterval: anInterval,
  watchInterval: anInterval,
  maintenanceInterval: anInterval,
  maxCrashes: aConcurrency,
};

export const readOwnWorkerOptions = anObjectOf<OwnWorkerOptions>(own);

export const readWorkerOptions = anObjectGiving<WorkerOptions>(
  { ...own, engine: anEngine, workflows: someWorkflows, runtime: aRuntime, maxPayload: aPayloadLimit },
  'engine',
  'workflows',
);

export const readStopOptions = anObjectOf<{ readonly deadline?: number | undefined }>({ deadline: aCount });

function isFew(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= mostNodesPerJob;
}
