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
import { EngineError, SupersededError, WorkerStoppedError } from '../errors.js';
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

/** How long a worker that ends waits for the engine once it executes nothing any more, in milliseconds. */
const grace = 5_000;

/** After how many milliseconds jobs come again that have to be executed alone, at least and at most. */
const ofSuspects = { least: 250, longest: 60_000 };

/** What a worker tells of itself. */
export interface WorkerEvents {
  /**
   * Something has gone wrong that is dealt with: a workflow that is not known here, a connection that was lost. Equal warnings
   * that follow within ten seconds come as one more, with their number as `details.repeated`.
   */
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
  readonly #deliveries: Deliveries;
  readonly #activity: Activity;
  readonly #tickers: Ticker[];
  /** What all that it holds has in common. */
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
  /** Whether it has ended without waiting for what still goes on. */
  #isGone = false;
  readonly #clock = new HeardClock();
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
   * Begins to take work. Resolves when it does. After a rejection it can be called again: the engine may be there by then.
   *
   * @throws {EngineError} that says where it tried, when the engine does not answer in time
   * @throws {WorkerStoppedError} for a worker that was stopped
   */
  start(): Promise<void> {
    return this.#closing.hasBegun ? Promise.reject(this.#wasStopped()) : this.#starting.get();
  }

  /**
   * Takes no more work, finishes the nodes that it executes, and lets go of the rest. Nothing is lost: what it does not
   * finish by the deadline is aborted, and executed again by others. Ends 5 s after its last node at the latest, also while
   * the engine is away. Called again, it shortens the deadline if the new one is earlier.
   *
   * @param options - `deadline`: milliseconds to wait for nodes that are under way, of at least 0. Default: 10000
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   */
  stop(options: { readonly deadline?: number | undefined } = {}): Promise<void> {
    return this.#closing.close({ timeout: readStopOptions(options).deadline });
  }

  /** What it does at the moment, and has done. */
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

  /** Stops the worker: `timeout` is the `deadline` of `stop`. @throws {ValidationError} for a wrong option */
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
   * Where the queue does not go by the engine's clock, a worker whose clock is wrong would take the locks of others for
   * expired: it takes no work until the clock is right.
   */
  async #beat(): Promise<void> {
    const beat = () => this.#engine.livenessStore.heartbeat(this.health());
    const off = await this.#clock.heard(() => this.#alibis.asking(() => this.#reach.ask(beat)));
    const isOff = Math.abs(off) > this.#holding.lockDuration / 2;
    if (isOff === this.#isOff) return;
    if (isOff) {
      const error = new EngineError(
        this.#engine.name,
        `has another time than this machine: its clock is off by ${off} ms`,
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
    // It was stopped meanwhile, without knowing of it.
    if (this.#closing.hasBegun) await consumer.terminate();
  }

  /** @param deadline - until when nodes may go on that are executed */
  async #stop(deadline: Deadline): Promise<void> {
    const ending = this.#end();
    await Promise.race([ending.catch(() => undefined), this.#activity.idle(), deadline.passed]);
    const reason = new SupersededError(this.id, 'is executed elsewhere: this worker has stopped');
    this.#deliveries.abort(reason);
    // An engine that is away keeps nobody from ending: what was held is given to others when its locks expire.
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

  /** A queue that cannot be closed as it should is let go of all the same. */
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
    this.#warn(new EngineError(this.#engine.name, 'did not let go of the worker in time', { reason: 'timeout' }), {});
    this.#warnings.close();
    this.#isGone = true;
    for (const ticker of this.#tickers) void ticker.stop();
    void this.#consumer?.terminate().catch(() => undefined);
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

  #warn(error: unknown, details: Readonly<Record<string, unknown>>): void {
    if (this.#isGone) return;
    this.#warnings.warn(discreet(error instanceof Error ? error : new Error(String(error))), details);
  }
}
