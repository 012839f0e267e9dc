import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { hostname } from 'node:os';
import { FlowRuntime } from '../../flow/index.js';
import { type CloseOptions, Closing } from '../../shared/closing.js';
import type { Deadline } from '../../shared/deadline.js';
import { discreet } from '../../shared/discretion.js';
import { Once } from '../../shared/once.js';
import { Ticker } from '../../shared/ticker.js';
import type { WorkerReport } from '../contracts.js';
import { Seats } from '../engines/seats.js';
import { EngineError, WorkerStoppedError } from '../errors.js';
import { defaultMaxPayload } from '../run/options.js';
import { Workflows } from '../workflows/workflows.js';
import {
  defaultConcurrency,
  defaultLockDuration,
  readStopOptions,
  readWorkerOptions,
  type WorkerOptions,
} from './options.js';
import { RepeatedWarnings } from './repeated-warnings.js';
import { Room } from './room.js';
import { Sharing } from './sharing.js';
import { Station } from './station.js';

/** Milliseconds between two attempts to reach shards that were away when the worker started. */
const retryInterval = 1_000;

/**
 * Events of a `DistributedWorker`, which is an `EventEmitter`. `warning` is emitted for problems that the worker
 * handles itself.
 *
 * @example
 * worker.on('warning', (error, details) => console.warn(error.message, details));
 */
export interface WorkerEvents {
  /**
   * A problem that the worker handles, such as a lost connection or a job of an unknown workflow. Equal warnings within
   * ten seconds are combined: the first warning is emitted at once, and the remaining warnings as one further event,
   * with their number in `details.repeated`.
   */
  warning: [error: Error, details: Readonly<Record<string, unknown>>];
}

/**
 * Takes jobs from the queue and executes the nodes of runs, up to `concurrency` at a time. Any number of workers can
 * share an engine. When a worker dies, other workers continue its work. A node may therefore be executed more than
 * once, but its result counts only once. On an engine of `shards`, the worker serves all shards, and executes up to
 * `concurrency` nodes in all. A shard that is away is served when it is back.
 *
 *     new ─► start ─► running ─► stop ─► stopped
 *
 * @example
 * const worker = new DistributedWorker({ engine: redis(url), workflows: [flow], concurrency: 50 });
 * await worker.start();
 * process.once('SIGTERM', () => worker.stop());
 */
export class DistributedWorker extends EventEmitter<WorkerEvents> {
  readonly id: string;
  readonly #options: WorkerOptions;
  readonly #workflows: Workflows;
  readonly #stations: readonly Station[];
  /** Tries to reach shards that were away when the worker started. */
  readonly #retries: Ticker;
  readonly #starting = new Once(() => this.#start());
  readonly #warnings = new RepeatedWarnings((error, details) => this.emit('warning', error, details));
  readonly #closing = new Closing((deadline) => this.#stop(deadline));
  #startedAt = 0;

  /**
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   * @throws {BlueprintError} for a workflow that is not valid
   */
  constructor(options: WorkerOptions) {
    super();
    const read = readWorkerOptions(options);
    const { engine, concurrency = defaultConcurrency, nodesPerJob = 'auto' } = read;
    this.#options = read;
    this.id = read.id ?? `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
    this.#workflows = new Workflows(read.workflows, read.runtime ?? new FlowRuntime(), read.maxPayload);
    const sharing = new Sharing(nodesPerJob);
    const shared = {
      workerId: this.id,
      workflows: this.#workflows,
      concurrency,
      seats: engine.shards === undefined ? undefined : new Seats(concurrency),
      room: sharing.isOff ? undefined : new Room(concurrency),
      sharing,
      suspects: { count: 0, hasLastChance: false },
      lockDuration: read.lockDuration ?? defaultLockDuration,
      heartbeatInterval: read.heartbeatInterval ?? 1_000,
      watchInterval: read.watchInterval ?? 500,
      maintenanceInterval: read.maintenanceInterval ?? 30_000,
      maxCrashes: read.maxCrashes ?? 3,
      maxPayload: read.maxPayload ?? defaultMaxPayload,
      isStopping: () => this.#closing.hasBegun,
      report: () => this.health(),
      warn: (error: unknown, details: Readonly<Record<string, unknown>>) => this.#warn(error, details),
    };
    this.#stations = (engine.shards?.all ?? [engine]).map((one) => new Station(one, shared));
    this.#retries = new Ticker(
      retryInterval,
      () => this.#reachAll(),
      (error) => this.#warn(error, {}),
    );
  }

  /**
   * Starts the worker. Resolves when the worker takes work. After a rejection, `start` can be called again. A shard that
   * is unreachable is reported as a warning, and is served as soon as it answers.
   *
   * @throws {EngineError} if the engine, or each of its shards, does not answer in time; the message contains the address
   * @throws {WorkflowChangedError} if active runs were started with another graph of a workflow in the same version
   * @throws {WorkerStoppedError} for a worker that was stopped
   */
  start(): Promise<void> {
    return this.#closing.hasBegun ? Promise.reject(this.#wasStopped()) : this.#starting.get();
  }

  /**
   * Stops the worker. It takes no more jobs, finishes the nodes that are being executed, and gives all other jobs back.
   * Nodes that are still running at the deadline are aborted, and are executed again by other workers. Resolves at most
   * 5 s after the last node has ended, even if the engine is unreachable. A second call can only shorten the deadline.
   *
   * @param options - `deadline`: milliseconds to wait for nodes that are being executed, at least 0. Default: 10000
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   */
  stop(options: { readonly deadline?: number | undefined } = {}): Promise<void> {
    return this.#closing.close({ timeout: readStopOptions(options).deadline });
  }

  /** Returns the current status and the counts of the worker. */
  health(): WorkerReport {
    const sum = (count: 'active' | 'completed' | 'failed' | 'retried' | 'retrying') =>
      this.#stations.reduce((total, { activity }) => total + activity[count], 0);
    const [active, retrying] = [sum('active'), sum('retrying')];
    const { concurrency = defaultConcurrency, heartbeatInterval = 1_000 } = this.#options;
    const busy = active === 0 ? 'idle' : retrying > 0 && retrying === active ? 'retrying' : 'in-progress';
    return {
      workerId: this.id,
      status: this.#closing.hasBegun ? 'stopping' : busy,
      concurrency,
      active,
      completed: sum('completed'),
      failed: sum('failed'),
      retried: sum('retried'),
      startedAt: this.#startedAt,
      host: hostname(),
      pid: process.pid,
      workflows: this.#workflows.names,
      expectedWithin: 5 * heartbeatInterval,
    };
  }

  /**
   * Stops the worker, like `stop`.
   *
   * @param options - `timeout`: the `deadline` of `stop`. Default: 10000
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   */
  close(options?: CloseOptions): Promise<void> {
    return this.#closing.close(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #start(): Promise<void> {
    this.#startedAt = Date.now();
    const published = await outcomesOf(this.#stations, (station) => station.publish());
    const refusal = published.errors.find((error) => !isAway(error));
    if (refusal !== undefined) throw refusal;
    const started = await outcomesOf(published.done, (station) => station.start());
    if (this.#closing.hasBegun) throw this.#wasStopped();
    const errors = [...started.errors, ...published.errors];
    if (started.done.length === 0) throw errors[0];
    for (const error of errors) this.#warn(error, {});
    if (errors.length > 0) this.#retries.start();
  }

  /** Starts at shards that were away. */
  async #reachAll(): Promise<void> {
    const { errors } = await outcomesOf(this.#stations, (station) => station.start());
    if (errors.length > 0) throw errors[0];
    void this.#retries.stop();
  }

  #wasStopped(): Error {
    return new WorkerStoppedError(this.id);
  }

  /** @param deadline - the time at which nodes that are still running are aborted */
  async #stop(deadline: Deadline): Promise<void> {
    void this.#retries.stop();
    await Promise.all(this.#stations.map((station) => station.stop(deadline)));
    this.#warnings.close();
  }

  #warn(error: unknown, details: Readonly<Record<string, unknown>>): void {
    this.#warnings.warn(discreet(error instanceof Error ? error : new Error(String(error))), details);
  }
}

/** Works on all stations at the same time. */
async function outcomesOf(
  stations: readonly Station[],
  work: (station: Station) => Promise<void>,
): Promise<{ readonly done: readonly Station[]; readonly errors: readonly unknown[] }> {
  const settled = await Promise.allSettled(stations.map(work));
  const done = stations.filter((_, index) => settled[index]?.status === 'fulfilled');
  return { done, errors: settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : [])) };
}

/** Returns true for the error of an engine that may answer later. */
function isAway(error: unknown): boolean {
  return error instanceof EngineError && error.isRetryable;
}
