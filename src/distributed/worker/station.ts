import pTimeout from 'p-timeout';
import { Cancellation } from '../../kernel/cancellation.js';
import { detached } from '../../kernel/scope/process.js';
import type { Deadline } from '../../shared/deadline.js';
import { Once } from '../../shared/once.js';
import { Ticker } from '../../shared/ticker.js';
import type { Consumer, Delivery, Disposition, Engine, WorkerReport } from '../contracts.js';
import type { Seats } from '../engines/seats.js';
import { EngineError, WorkerStoppedError } from '../errors.js';
import { publish } from '../run/publishing.js';
import type { Workflows } from '../workflows/workflows.js';
import { Activity } from './activity.js';
import { Alibis } from './alibis.js';
import { Deliveries } from './deliveries.js';
import { GiveBacks } from './give-backs.js';
import { HeardClock } from './heard-clock.js';
import type { Holding } from './holding.js';
import { Maintenance } from './maintenance.js';
import { Reach } from './reach.js';
import type { Room } from './room.js';
import type { Sharing } from './sharing.js';
import type { Suspects } from './suspects.js';

/** Milliseconds that a stopping worker waits for the engine after its last node has ended. */
const grace = 5_000;

/** Minimum and maximum delay, in milliseconds, of jobs that have to wait until they can be executed alone. */
const ofSuspects = { least: 250, longest: 60_000 };

/** The parts and settings of a worker that its stations share. */
export interface StationOptions {
  readonly workerId: string;
  readonly workflows: Workflows;
  readonly concurrency: number;
  /** Limits the jobs of all stations. `undefined` if there is only one: its queue limits them. */
  readonly seats: Seats | undefined;
  readonly room: Room | undefined;
  readonly sharing: Sharing;
  readonly suspects: Suspects;
  readonly lockDuration: number;
  readonly heartbeatInterval: number;
  readonly watchInterval: number;
  readonly maintenanceInterval: number;
  readonly maxCrashes: number;
  readonly maxPayload: number;
  readonly isStopping: () => boolean;
  /** Returns the report that a heartbeat sends. */
  readonly report: () => WorkerReport;
  readonly warn: (error: unknown, details: Readonly<Record<string, unknown>>) => void;
}

/**
 * The place of a worker at one engine: takes its jobs, executes them, and reports to it. A worker has one station, or
 * one for each shard. Each has the clock of its engine, and notices by itself if the engine is away.
 *
 *     new ─► start ─► takes work ─► stop ─► stopped
 */
export class Station {
  readonly activity: Activity;
  readonly #deliveries: Deliveries;
  readonly #tickers: readonly Ticker[];
  /** The objects that all deliveries share. */
  readonly #holding: Holding;
  readonly #gone = new Cancellation([], true);
  readonly #alibis: Alibis;
  readonly #reach = new Reach(() => this.#alibis.giveAll());
  readonly #starting = new Once(() => this.#start());
  #consumer: Consumer | undefined = undefined;
  #unsubscribe: (() => void) | undefined = undefined;
  #unwarn: (() => void) | undefined = undefined;
  #unseat: (() => void) | undefined = undefined;
  readonly #clock = new HeardClock();
  /** If true, this machine's clock differs too much from the engine's clock. Unknown until the first heartbeat. */
  #isOff: boolean | undefined = undefined;
  /** If true, the worker has no seat for further jobs. */
  #isFull = false;
  #isPaused = false;
  #hasReported = false;
  /** If true, the station has ended without waiting for the engine. It gives no further warnings. */
  #isGone = false;

  constructor(
    readonly engine: Engine,
    private readonly options: StationOptions,
  ) {
    const { workerId, workflows, room, sharing, suspects, maxCrashes, maxPayload, lockDuration, isStopping } = options;
    const { heartbeatInterval, watchInterval, maintenanceInterval } = options;
    const warn = (error: unknown) => this.#warn(error);
    this.activity = new Activity(workerId);
    this.#alibis = new Alibis(engine.workItemStateStore, { until: this.#gone, onError: warn });
    this.#holding = {
      workerId,
      engine,
      workflows,
      activity: this.activity,
      room,
      sharing,
      suspects,
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
    const maintenance = new Maintenance(engine, workflows, {
      interval: maintenanceInterval,
      isStopping,
      onError: (error, details) => this.#warn(error, details),
    });
    this.#tickers = [
      new Ticker(heartbeatInterval, () => this.#beat(), warn),
      new Ticker(watchInterval, () => this.#deliveries.watch(), warn),
      new Ticker(watchInterval, () => this.#reach.tick(), warn),
      new Ticker(watchInterval, () => this.activity.report(engine.workItemStateStore), warn),
      new Ticker(maintenanceInterval, () => maintenance.look(), warn),
    ];
  }

  /**
   * Stores the graphs of the workflows on the engine, without taking work.
   *
   * @throws {EngineError} if the engine does not answer in time
   * @throws {WorkflowChangedError} if active runs were started with another graph of a workflow in the same version
   */
  async publish(): Promise<void> {
    await this.engine.open();
    await Promise.all(this.options.workflows.all.map((workflow) => publish(this.engine, workflow)));
  }

  /** Takes work. Throws the errors of `publish`. After a rejection, the next call tries again. */
  start(): Promise<void> {
    return this.options.isStopping() ? Promise.reject(this.#wasStopped()) : this.#starting.get();
  }

  /**
   * Takes no more jobs, and finishes those that it holds. Nodes that are still running at the deadline are aborted.
   * Resolves at most 5 s after the last node has ended, even if the engine is unreachable.
   */
  async stop(deadline: Deadline): Promise<void> {
    const ending = this.#end();
    await Promise.race([ending.catch(() => undefined), this.activity.idle(), deadline.passed]);
    this.#deliveries.abort('is executed elsewhere: this worker has stopped');
    // An unreachable engine does not delay the end. The held jobs go to other workers when their locks expire.
    await pTimeout(ending, { milliseconds: grace, fallback: () => this.#leave() }).finally(() =>
      this.#gone.abort(this.#wasStopped()),
    );
  }

  async #start(): Promise<void> {
    const { engine, options } = this;
    try {
      await this.publish();
      this.#unwarn = engine.onWarning?.((warning) => this.#warn(warning));
      this.#unsubscribe = await engine.subscribe(({ runId, status }) => this.#deliveries.onStatus(runId, status));
      await this.#beat();
      if (options.isStopping()) throw this.#wasStopped();
      for (const ticker of this.#tickers) ticker.start();
    } catch (error) {
      this.#letGo();
      throw error;
    }
  }

  #wasStopped(): Error {
    return new WorkerStoppedError(this.options.workerId);
  }

  /**
   * Sends a heartbeat, and compares this machine's clock with the engine's clock. If the queue relies on local clocks,
   * a worker with a wrong clock would consider the locks of other workers expired. Such a worker takes no work until
   * its clock is right.
   */
  async #beat(): Promise<void> {
    const { engine, options } = this;
    this.#hasReported = true;
    const beat = () => engine.livenessStore.heartbeat(options.report());
    const off = await this.#clock.heard(() => this.#alibis.asking(() => this.#reach.ask(beat)));
    const isOff = Math.abs(off) > options.lockDuration / 2;
    if (isOff === this.#isOff) return;
    if (isOff) {
      const error = new EngineError(
        engine.name,
        `shows another time than this machine, whose clock is off by ${off} ms: set the clock`,
        { reason: 'unsuitable' },
      );
      this.#warn(error, { off });
    }
    if (!options.isStopping()) await this.#connect();
    this.#isOff = isOff;
    await this.#adjust();
  }

  /** Connects to the queue. Jobs arrive from then on. */
  async #connect(): Promise<void> {
    if (this.#consumer !== undefined) return;
    const { engine, options } = this;
    const { concurrency, lockDuration, workerId, seats } = options;
    const consumer = await engine.queue.consume((delivery) => detached(() => this.#handle(delivery)), {
      concurrency,
      lockDuration,
      workerId,
      now: () => this.#clock.now,
      onError: (error) => this.#warn(error),
    });
    this.#consumer = consumer;
    const follow = (isFull: boolean) => {
      this.#isFull = isFull;
      void this.#adjust().catch((error) => this.#warn(error));
    };
    this.#unseat = seats?.join({ onFull: () => follow(true), onFree: () => follow(false) });
    // The worker was stopped before it had a consumer to close.
    if (options.isStopping()) await consumer.terminate();
  }

  /** Takes jobs, or stops taking them while the worker has no seat or this machine's clock is wrong. */
  async #adjust(): Promise<void> {
    const consumer = this.#consumer;
    if (consumer === undefined || this.options.isStopping()) return;
    const mayNot = this.#isFull || (this.#isOff === true && consumer.byEngineClock !== true);
    if (mayNot === this.#isPaused) return;
    this.#isPaused = mayNot;
    await (mayNot ? consumer.pause() : consumer.resume());
  }

  #handle(delivery: Delivery): Promise<Disposition> {
    const { seats, isStopping } = this.options;
    const deliver = () => this.#alibis.during(delivery, () => this.#deliveries.deliver(delivery));
    if (seats === undefined) return deliver();
    // The worker may be stopped while the job waits for a seat.
    return seats.use(async () => (isStopping() ? { delay: 0 } : deliver()));
  }

  async #end(): Promise<void> {
    await this.#starting.made();
    await this.#closeConsumer();
    await Promise.all(this.#tickers.map((ticker) => ticker.stop()));
    await this.#alibis.given();
    this.#letGo();
    this.#unseat?.();
    if (this.#hasReported) await this.#sayGoodbye();
  }

  /** Closes the consumer, or terminates it if closing fails. */
  async #closeConsumer(): Promise<void> {
    try {
      await this.#consumer?.pause();
      await this.#consumer?.close();
    } catch (error) {
      this.#warn(error);
      await this.activity.idle();
      await this.#consumer?.terminate().catch((failure) => this.#warn(failure));
    }
  }

  #letGo(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#unwarn?.();
    this.#unwarn = undefined;
  }

  #leave(): void {
    this.#warn(new EngineError(this.engine.name, 'did not release the worker in time', { reason: 'timeout' }));
    this.#isGone = true;
    this.#unseat?.();
    for (const ticker of this.#tickers) void ticker.stop();
    void this.#consumer?.terminate().catch(() => undefined);
  }

  /**
   * Removes the worker from the list of workers. If this fails, the other programs will notice that the worker is
   * silent.
   */
  async #sayGoodbye(): Promise<void> {
    try {
      await this.activity.report(this.engine.workItemStateStore);
      await this.engine.livenessStore.remove(this.options.workerId);
    } catch (error) {
      this.#warn(error);
    }
  }

  #warn(error: unknown, details: Readonly<Record<string, unknown>> = {}): void {
    if (!this.#isGone) this.options.warn(error, details);
  }
}
