import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { hostname } from 'node:os';
import pTimeout from 'p-timeout';
import { FlowRuntime } from '../../flow/index.js';
import { Cancellation } from '../../kernel/cancellation.js';
import { detached } from '../../kernel/process.js';
import { type CloseOptions, Closing } from '../../shared/closing.js';
import type { Deadline } from '../../shared/deadline.js';
import { discreet } from '../../shared/discretion.js';
import { Once } from '../../shared/once.js';
import { Ticker } from '../../shared/ticker.js';
import type { Consumer, Delivery, Engine, WorkerReport } from '../contracts.js';
import { EngineError, WorkerStoppedError } from '../errors.js';
import { defaultMaxPayload } from '../run/options.js';
import { publish } from '../run/publishing.js';
import { Workflows } from '../workflows/workflows.js';
import { Activity } from './activity.js';
import { Alibis } from './alibis.js';
import { Deliveries } from './deliveries.js';
import { GiveBacks } from './give-backs.js';
import { HeardClock } from './heard-clock.js';
import type { Holding } from './holding.js';
import { Maintenance } from './maintenance.js';
import { defaultLockDuration, readStopOptions, readWorkerOptions, type WorkerOptions } from './options.js';
import { Reach } from './reach.js';
import { RepeatedWarnings } from './repeated-warnings.js';

/** Milliseconds that a stopping worker waits for the engine after its last node has ended. */
const grace = 5_000;

/** Minimum and maximum delay, in milliseconds, of jobs that have to wait until they can be executed alone. */
const ofSuspects = { least: 250, longest: 60_000 };

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
 * once, but its result counts only once.
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
  readonly #deliveries: Deliveries;
  readonly #activity: Activity;
  readonly #tickers: Ticker[];
  /** The objects of the worker that all its deliveries share. */
  readonly #holding: Holding;
  readonly #gone = new Cancellation([], true);
  readonly #alibis: Alibis;
  readonly #reach = new Reach(() => this.#alibis.giveAll());
  #consumer: Consumer | undefined = undefined;
  #unsubscribe: (() => void) | undefined = undefined;
  readonly #starting = new Once(() => this.#start());
  #unwarn: (() => void) | undefined = undefined;
  readonly #warnings = new RepeatedWarnings((error, details) => this.emit('warning', error, details));
  readonly #closing = new Closing((deadline) => this.#stop(deadline));
  #startedAt = 0;
  /** If true, the worker has ended without waiting for the engine. It emits no further warnings. */
  #isGone = false;
  readonly #clock = new HeardClock();
  /** If true, this machine's clock differs too much from the engine's clock. Unknown until the first heartbeat. */
  #isOff: boolean | undefined = undefined;

  /**
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   * @throws {BlueprintError} for a workflow that is not valid
   */
  constructor(options: WorkerOptions) {
    super();
    const read = readWorkerOptions(options);
    this.#options = read;
    this.id = read.id ?? `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
    this.#engine = read.engine;
    this.#workflows = new Workflows(read.workflows, read.runtime ?? new FlowRuntime());
    this.#activity = new Activity(this.id);
    const { heartbeatInterval = 1_000, watchInterval = 500, maintenanceInterval = 30_000 } = read;
    const warn = (error: unknown) => this.#warn(error, {});
    const isStopping = () => this.#closing.hasBegun;
    const { maxCrashes = 3, maxPayload = defaultMaxPayload, lockDuration = defaultLockDuration } = read;
    this.#alibis = new Alibis(this.#engine.workItemStateStore, { until: this.#gone, onError: warn });
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
      alibis: this.#alibis,
      untilAlone: new GiveBacks(ofSuspects),
      lockDuration,
    };
    this.#deliveries = new Deliveries(this.#holding, (error, details) => this.#warn(error, details));
    const maintenance = new Maintenance(this.#engine, this.#workflows, {
      interval: maintenanceInterval,
      isStopping,
      onError: (error, details) => this.#warn(error, details),
    });
    this.#tickers = [
      new Ticker(heartbeatInterval, () => this.#beat(), warn),
      new Ticker(watchInterval, () => this.#deliveries.watch(), warn),
      new Ticker(watchInterval, () => this.#reach.tick(), warn),
      new Ticker(watchInterval, () => this.#activity.report(this.#engine.workItemStateStore), warn),
      new Ticker(maintenanceInterval, () => maintenance.look(), warn),
    ];
  }

  /**
   * Starts the worker. Resolves when the worker takes work. After a rejection, `start` can be called again.
   *
   * @throws {EngineError} if the engine does not answer in time; the message contains the address
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
    const { active, completed, failed, retried, retrying } = this.#activity;
    const { concurrency = 10, heartbeatInterval = 1_000 } = this.#options;
    const busy = active === 0 ? 'idle' : retrying > 0 && retrying === active ? 'retrying' : 'in-progress';
    return {
      workerId: this.id,
      status: this.#closing.hasBegun ? 'stopping' : busy,
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
    try {
      await this.#engine.open();
      this.#unwarn = this.#engine.onWarning?.((warning) => this.#warn(warning, {}));
      await Promise.all(this.#workflows.all.map((workflow) => publish(this.#engine, workflow)));
      this.#startedAt = Date.now();
      this.#unsubscribe = await this.#engine.subscribe(({ runId, status }) => this.#deliveries.onStatus(runId, status));
      await this.#beat();
      if (this.#closing.hasBegun) throw this.#wasStopped();
      for (const ticker of this.#tickers) ticker.start();
    } catch (error) {
      this.#letGo();
      throw error;
    }
  }

  #wasStopped(): Error {
    return new WorkerStoppedError(this.id);
  }

  /**
   * Sends a heartbeat, and compares this machine's clock with the engine's clock. If the queue relies on local clocks,
   * a worker with a wrong clock would consider the locks of other workers expired. Such a worker takes no work until
   * its clock is right.
   */
  async #beat(): Promise<void> {
    const beat = () => this.#engine.livenessStore.heartbeat(this.health());
    const off = await this.#clock.heard(() => this.#alibis.asking(() => this.#reach.ask(beat)));
    const isOff = Math.abs(off) > this.#holding.lockDuration / 2;
    if (isOff === this.#isOff) return;
    if (isOff) {
      const error = new EngineError(
        this.#engine.name,
        `shows another time than this machine, whose clock is off by ${off} ms: set the clock`,
        { reason: 'unsuitable' },
      );
      this.#warn(error, { off });
    }
    if (!this.#closing.hasBegun) await this.#takeWork();
    if (isOff && this.#consumer?.byEngineClock !== true) await this.#consumer?.pause();
    this.#isOff = isOff;
  }

  async #takeWork(): Promise<void> {
    if (this.#consumer !== undefined) return this.#consumer.resume();
    const { concurrency = 10 } = this.#options;
    const { lockDuration } = this.#holding;
    const handle = (delivery: Delivery) => this.#alibis.during(delivery, () => this.#deliveries.deliver(delivery));
    const consumer = await this.#engine.queue.consume((delivery) => detached(() => handle(delivery)), {
      concurrency,
      lockDuration,
      workerId: this.id,
      now: () => this.#clock.now,
      onError: (error) => this.#warn(error, {}),
    });
    this.#consumer = consumer;
    // The worker was stopped before it had a consumer to close.
    if (this.#closing.hasBegun) await consumer.terminate();
  }

  /** @param deadline - the time at which nodes that are still running are aborted */
  async #stop(deadline: Deadline): Promise<void> {
    const ending = this.#end();
    await Promise.race([ending.catch(() => undefined), this.#activity.idle(), deadline.passed]);
    this.#deliveries.abort('is executed elsewhere: this worker has stopped');
    // An unreachable engine does not delay the end. The held jobs go to other workers when their locks expire.
    await pTimeout(ending, { milliseconds: grace, fallback: () => this.#leave() }).finally(() =>
      this.#gone.abort(this.#wasStopped()),
    );
  }

  async #end(): Promise<void> {
    await this.#starting.made();
    await this.#closeConsumer();
    await Promise.all(this.#tickers.map((ticker) => ticker.stop()));
    await this.#alibis.given();
    this.#letGo();
    if (this.#startedAt > 0) await this.#sayGoodbye();
    this.#warnings.close();
  }

  /** Closes the consumer, or terminates it if closing fails. */
  async #closeConsumer(): Promise<void> {
    try {
      await this.#consumer?.pause();
      await this.#consumer?.close();
    } catch (error) {
      this.#warn(error, {});
      await this.#activity.idle();
      await this.#consumer?.terminate().catch((failure) => this.#warn(failure, {}));
    }
  }

  #letGo(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#unwarn?.();
    this.#unwarn = undefined;
  }

  #leave(): void {
    this.#warn(new EngineError(this.#engine.name, 'did not release the worker in time', { reason: 'timeout' }), {});
    this.#warnings.close();
    this.#isGone = true;
    for (const ticker of this.#tickers) void ticker.stop();
    void this.#consumer?.terminate().catch(() => undefined);
  }

  /**
   * Removes the worker from the list of workers. If this fails, the other programs will notice that the worker is
   * silent.
   */
  async #sayGoodbye(): Promise<void> {
    try {
      await this.#activity.report(this.#engine.workItemStateStore);
      await this.#engine.livenessStore.remove(this.id);
    } catch (error) {
      this.#warn(error, {});
    }
  }

  #warn(error: unknown, details: Readonly<Record<string, unknown>>): void {
    if (this.#isGone) return;
    this.#warnings.warn(discreet(error instanceof Error ? error : new Error(String(error))), details);
  }
}
