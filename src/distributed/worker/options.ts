import type { FlowRuntime } from '../../flow/index.js';
import { aConcurrency, aCount, anObjectOf, aValue, invalid, type Schema } from '../../shared/validate.js';
import type { Engine } from '../contracts.js';
import { aText } from '../engines/texts.js';
import { anEngine, anInterval, anObjectGiving, aPayloadLimit, aRuntime } from '../run/options.js';
import { someWorkflows, type Workflow } from '../workflows/workflows.js';

/** Milliseconds; see `lockDuration`. */
export const defaultLockDuration = 5_000;

/** What `new DistributedWorker` takes. */
export interface WorkerOptions {
  readonly engine: Engine;
  /** The flows that it executes: any number, and any number of versions of each. */
  readonly workflows: readonly Workflow[];
  /** How many nodes it executes at the same time: a whole number of at least 1. Default: 10. */
  readonly concurrency?: number | undefined;
  /** At most 500 characters. Default: host, process id and a random part. */
  readonly id?: string | undefined;
  /** What it executes them with: registry, hooks, middleware, dependencies, serializer. Default: a new one. */
  readonly runtime?: FlowRuntime | undefined;
  /**
   * For how many milliseconds of silence a worker keeps what it holds, of at least 500: a whole number. When it dies,
   * others have its work after this time and half of it at most; when its event loop is blocked for longer, too. Default: 5000.
   */
  readonly lockDuration?: number | undefined;
  /** Milliseconds between two signs of life. Default: 1000. */
  readonly heartbeatInterval?: number | undefined;
  /** Milliseconds within which it notices that a run was cancelled. Default: 500. */
  readonly watchInterval?: number | undefined;
  /**
   * Milliseconds between two looks at runs that are expired, or seem to be forgotten. A look takes at least a hundred of the
   * latter, in turn, and up to a twentieth of the time. Default: 30000.
   */
  readonly maintenanceInterval?: number | undefined;
  /** How many workers may die in one execution of a node before it counts as failed. Default: 3. */
  readonly maxCrashes?: number | undefined;
  /** How large an output, or a key of the context, may be as text, in bytes. Default: 1 MiB. */
  readonly maxPayload?: number | undefined;
}

/** Options that each worker has of its own. The others are those of its fleet. */
export type OwnWorkerOptions = Omit<WorkerOptions, 'engine' | 'workflows' | 'runtime' | 'maxPayload'>;

const own: Schema<OwnWorkerOptions> = {
  concurrency: aValue('a whole number of at least 1', (value) => Number.isSafeInteger(value) && (value as number) >= 1),
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
