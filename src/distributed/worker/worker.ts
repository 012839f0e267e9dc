import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { hostname } from 'node:os';
import pTimeout from 'p-timeout';
import { Cancellation } from '../../cancellation.js';
import { FlowRuntime, SerializationError } from '../../flow/index.js';
import { isInstrumented, restored } from '../../instrumentation.js';
import { detached } from '../../process.js';
import { longestDelay } from '../../validate.js';
import type { Consumer, Delivery, Disposition, Engine, WorkerReport } from '../contracts.js';
import { discreet } from '../discretion.js';
import {
  EngineError,
  RunNotFoundError,
  SupersededError,
  WorkflowChangedError,
  WorkflowNotFoundError,
} from '../errors.js';
import { defaultMaxPayload } from '../options.js';
import { publish } from '../publishing.js';
import type { RunHandle } from '../run/run-handle.js';
import { RunHandles } from '../run/run-handles.js';
import { isFinished } from '../run-info.js';
import { Workflows } from '../workflows.js';
import { Activity } from './activity.js';
import { giveUp, type Holding, JobRun, timeOut } from './delivery.js';
import { maintain } from './maintenance.js';
import { readStopOptions, readWorkerOptions, type WorkerOptions } from './options.js';
import { Ticker } from './ticker.js';

/** How long a worker that ends waits for the engine, beyond its deadline, in milliseconds. */
const grace = 5_000;

/** What a worker tells of itself. */
export interface WorkerEvents {
  /** Something has gone wrong that is dealt with: a workflow that is not known here, a connection that was lost. */
  warning: [error: Error, details: Readonly<Record<string, unknown>>];
}

/**
 * Takes nodes from the queue and executes them, as many at a time as it may.
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
  readonly #engine: Engine;
  readonly #workflows: Workflows;
  readonly #handles: RunHandles;
  readonly #activity: Activity;
  readonly #tickers: Ticker[];
  /** What all that it holds has in common. */
  readonly #holding: Holding;
  /** What ends executions, by the run that they are of. */
  readonly #aborts = new Map<Cancellation, RunHandle>();
  #consumer: Consumer | undefined = undefined;
  #unsubscribe: (() => void) | undefined = undefined;
  #started: Promise<void> | undefined = undefined;
  #stopped: Promise<void> | undefined = undefined;
  #startedAt = 0;
  /** Whether it has ended without waiting for what still goes on. */
  #isGone = false;
  /** Whether its clock is too far from the engine's; not known at first. */
  #isOff: boolean | undefined = undefined;

  /**
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   * @throws {BlueprintError} for a workflow that has faults
   */
  constructor(options: WorkerOptions) {
    super();
    const read = readWorkerOptions(options);
    this.#options = read;
    this.id = read.id ?? `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
    this.#engine = read.engine;
    this.#workflows = new Workflows(read.workflows, read.runtime ?? new FlowRuntime());
    this.#handles = new RunHandles(read.engine, this.#workflows);
    this.#activity = new Activity(this.id);
    const { heartbeatInterval = 1_000, watchInterval = 500, maintenanceInterval = 30_000 } = read;
    const warn = (error: unknown) => this.#warn(error, {});
    const isStopping = () => this.#stopped !== undefined;
    const { maxCrashes = 3, maxPayload = defaultMaxPayload } = read;
    this.#holding = {
      workerId: this.id,
      engine: this.#engine,
      workflows: this.#workflows,
      activity: this.#activity,
      maxPayload,
      maxCrashes,
      get isStopping() {
        return isStopping();
      },
    };
    this.#tickers = [
      new Ticker(heartbeatInterval, () => this.#beat(), warn),
      new Ticker(watchInterval, () => this.#watch(), warn),
      new Ticker(watchInterval, () => this.#activity.report(this.#engine.workItemStateStore), warn),
      new Ticker(
        maintenanceInterval,
        () => maintain(this.#engine, this.#workflows, maintenanceInterval, isStopping),
        warn,
      ),
    ];
  }

  /**
   * Begins to take work. Resolves when it does; rejects for one that was stopped.
   *
   * @throws {EngineError} that says where it tried, when the engine does not answer in time
   */
  start(): Promise<void> {
    this.#started ??=
      this.#stopped === undefined ? this.#start() : Promise.reject(new Error(`worker "${this.id}" was stopped`));
    return this.#started;
  }

  /**
   * Takes no more work, finishes the nodes that it executes, and lets go of the rest. Nothing is lost: what it does not
   * finish by the deadline is aborted, and executed again by others.
   *
   * @param options - `deadline`: milliseconds to wait for nodes that are under way. Default: 10000
   */
  stop(options: { readonly deadline?: number | undefined } = {}): Promise<void> {
    const { deadline = 10_000 } = readStopOptions(options);
    this.#stopped ??= this.#stop(deadline);
    return this.#stopped;
  }

  /** What it does at the moment, and has done. */
  health(): WorkerReport {
    const { active, completed, failed, retried, retrying } = this.#activity;
    const { concurrency = 10, heartbeatInterval = 1_000 } = this.#options;
    const busy = active === 0 ? 'idle' : retrying > 0 && retrying === active ? 'retrying' : 'in-progress';
    return {
      workerId: this.id,
      status: this.#stopped === undefined ? busy : 'stopping',
      concurrency,
      active,
      completed,
      failed,
      retried,
      startedAt: this.#startedAt,
      host: hostname(),
      pid: process.pid,
      workflows: this.#workflows.names,
      expectedWithin: 5 * heartbeatInterval,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(): Promise<void> {
    await this.#engine.open();
    await Promise.all(this.#workflows.all.map((workflow) => publish(this.#engine, workflow)));
    this.#startedAt = Date.now();
    this.#unsubscribe = await this.#engine.subscribe(({ runId, status }) => this.#onStatus(runId, status));
    await this.#beat();
    for (const ticker of this.#tickers) ticker.start();
  }

  /** A worker whose clock is wrong would take the locks of others for expired: it takes no work until the clock is right. */
  async #beat(): Promise<void> {
    const before = Date.now();
    const now = await this.#engine.livenessStore.heartbeat(this.health());
    const after = Date.now();
    // The engine has read its clock somewhere between the two.
    const off = now < before ? before - now : Math.min(after - now, 0);
    const isOff = Math.abs(off) > (this.#options.lockDuration ?? 5_000) / 2;
    if (isOff === this.#isOff) return;
    if (isOff) {
      const error = new EngineError(
        this.#engine.name,
        `has another time than this machine: its clock is off by ${off} ms`,
      );
      this.#warn(error, { off });
      await this.#consumer?.pause();
    } else if (this.#stopped === undefined) await this.#takeWork();
    this.#isOff = isOff;
  }

  async #takeWork(): Promise<void> {
    if (this.#consumer !== undefined) return this.#consumer.resume();
    const { concurrency = 10, lockDuration = 5_000 } = this.#options;
    const consumer = await this.#engine.queue.consume((delivery) => detached(() => this.#deliver(delivery)), {
      concurrency,
      lockDuration,
      workerId: this.id,
      onError: (error) => this.#warn(error, {}),
    });
    this.#consumer = consumer;
    // It was stopped meanwhile, without knowing of it.
    if (this.#stopped !== undefined) await consumer.terminate();
  }

  async #stop(deadline: number): Promise<void> {
    const started = this.#started;
    if (started === undefined) return;
    const timer = setTimeout(
      () => {
        const reason = new SupersededError(this.id, 'is executed elsewhere: this worker has stopped');
        for (const abort of this.#aborts.keys()) abort.abort(reason);
      },
      Math.min(deadline, longestDelay),
    );
    const late = () => {
      this.#warn(new EngineError(this.#engine.name, 'did not let go of the worker in time'), {});
      this.#isGone = true;
      for (const ticker of this.#tickers) void ticker.stop();
    };
    const ending = (async () => {
      try {
        await started.catch(() => undefined);
        await this.#consumer?.pause();
        await this.#consumer?.close();
      } finally {
        clearTimeout(timer);
        await Promise.all(this.#tickers.map((ticker) => ticker.stop()));
        this.#unsubscribe?.();
      }
      await this.#sayGoodbye();
    })();
    // An engine that is away keeps nobody from ending: what was held is given to others when its locks expire.
    await pTimeout(ending, { milliseconds: Math.min(deadline + grace, longestDelay), fallback: late });
  }

  /** Nothing depends on it: where the engine is away, others will see that this worker is silent. */
  async #sayGoodbye(): Promise<void> {
    try {
      await this.#activity.report(this.#engine.workItemStateStore);
      await this.#engine.livenessStore.remove(this.id);
    } catch (error) {
      this.#warn(error, {});
    }
  }

  async #deliver(delivery: Delivery): Promise<Disposition> {
    const { runId, seq } = delivery.job;
    this.#activity.active++;
    try {
      const handle = await this.#handles.acquire(runId, seq);
      try {
        return delivery.job.kind === 'timeout'
          ? await timeOut(handle, this.#engine)
          : await this.#handle(delivery, handle);
      } catch (error) {
        if (!(error instanceof SerializationError)) throw error;
        return await giveUp(handle, this.#engine, error);
      } finally {
        this.#handles.release(handle);
      }
    } catch (error) {
      if (error instanceof RunNotFoundError) return 'done';
      if (!(error instanceof WorkflowNotFoundError) && !(error instanceof WorkflowChangedError)) throw error;
      this.#warn(error, { runId });
      return { delay: 1_000 };
    } finally {
      this.#activity.active--;
    }
  }

  async #handle(delivery: Delivery, handle: RunHandle): Promise<Disposition> {
    const abort = new Cancellation([], true);
    const onLost = () => abort.abort(delivery.signal.reason);
    delivery.signal.addEventListener('abort', onLost);
    this.#aborts.set(abort, handle);
    try {
      const job = new JobRun(this.#holding, handle, delivery, abort);
      // Also a run that has come with nothing: what the job is delivered in is not what the run was started in.
      if (isInstrumented()) return await restored(handle.replica.carrier ?? {}, () => job.run());
      return await job.run();
    } finally {
      abort.close();
      this.#aborts.delete(abort);
      delivery.signal.removeEventListener('abort', onLost);
    }
  }

  /** Runs that were stopped elsewhere are stopped here, whether or not the engine has told of it. */
  async #watch(): Promise<void> {
    const runIds = this.#handles.used.map(({ runId }) => runId);
    if (runIds.length === 0) return;
    const statuses = await this.#engine.runInfoStore.getStatuses(runIds);
    for (const [index, runId] of runIds.entries()) this.#onStatus(runId, statuses[index] ?? 'cancelled');
  }

  #onStatus(runId: string, status: RunHandle['status']): void {
    if (isFinished(status)) this.#handles.forget(runId);
    if (status !== 'cancelled') return;
    for (const [abort, handle] of this.#aborts) {
      if (handle.runId !== runId || abort.aborted) continue;
      abort.abort(new SupersededError(runId, `is ${status}`));
    }
  }

  #warn(error: unknown, details: Readonly<Record<string, unknown>>): void {
    if (this.#isGone) return;
    this.emit('warning', discreet(error instanceof Error ? error : new Error(String(error))), details);
  }
}
