import { setTimeout as wait } from 'node:timers/promises';
import type * as Bull from 'bullmq';
import pTimeout from 'p-timeout';
import { Ticker } from '../../../shared/ticker.js';
import type { ConsumeOptions, Consumer, Delivery, Disposition, Handler } from '../../contracts.js';
import { deliveryOf, forever, type JobData } from './bull-jobs.js';
import type { BullSetup } from './bull-setup.js';
import { closed, farewell } from './closing.js';
import { goByEngineClock } from './engine-time.js';

/** Milliseconds to pause after the server has refused to hand out a job. */
const fetchPause = 500;

const giveBack: Disposition = { delay: 0 };

/** Takes jobs from BullMQ and renews their locks. Finishes each job or gives it back, as the job's handler decides. */
export class BullConsumer implements Consumer {
  readonly byEngineClock: boolean;
  readonly #worker: Bull.Worker<JobData>;
  /** Lock tokens of the jobs that are being handled, by job id. */
  readonly #handled = new Map<string, string>();
  readonly #renewal: Ticker;
  #onIdle: (() => void) | undefined = undefined;
  readonly #end = new AbortController();

  constructor(
    private readonly setup: BullSetup,
    private readonly handler: Handler,
    private readonly options: ConsumeOptions,
    private readonly onClose: () => void,
  ) {
    const { bull, name, options: queueOptions, backend } = setup;
    const { concurrency, lockDuration, onError, now = () => Date.now() } = options;
    const workerOptions = {
      ...queueOptions,
      concurrency,
      lockDuration,
      // After the lock of a job has expired, BullMQ takes the job back no later than at its second check.
      stalledInterval: Math.max(200, Math.floor(lockDuration / 4)),
      maxStalledCount: forever,
      // `#renewLocks` renews the locks instead, because BullMQ stops renewing after the clock of this machine is set
      // back.
      skipLockRenewal: true,
      runRetryDelay: 500,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    };
    this.#worker = new bull.Worker<JobData>(
      name,
      (job, token, signal) => this.#process(job, token, signal),
      workerOptions,
      (...args) => this.#paced((backend ?? bull.createRedisBackend)(...args)),
    );
    this.byEngineClock = goByEngineClock(this.#worker.getBackend(), now);
    this.#worker.on('error', onError);
    this.#renewal = new Ticker(Math.floor(lockDuration / 4), () => this.#renewLocks(options), onError);
    this.#renewal.start();
  }

  async ready(): Promise<void> {
    await this.#worker.waitUntilReady();
  }

  async pause(): Promise<void> {
    await this.#worker.pause(true);
  }

  async resume(): Promise<void> {
    await this.#worker.resume();
  }

  /**
   * Waits for the jobs that are being handled. BullMQ's own `close()` may never settle, so it is awaited for a limited
   * time only. Afterwards it continues in the background, to hand back a job that the server may still deliver.
   */
  async close(): Promise<void> {
    await this.pause();
    if (this.#handled.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    this.#stopAsking();
    const closing = this.#worker.close().then(this.onClose);
    await pTimeout(closing, { milliseconds: farewell, fallback: () => undefined });
  }

  async terminate(): Promise<void> {
    this.#onIdle?.();
    this.#stopAsking();
    const worker = this.#worker;
    const disconnect = () => Promise.all([worker.disconnect(), worker.getBackend().disconnectBlocking?.(false)]);
    await closed({ disconnect }, () => worker.close(true));
    this.onClose();
  }

  #stopAsking(): void {
    this.#end.abort();
    void this.#renewal.stop();
  }

  async #renewLocks({ lockDuration, onError }: ConsumeOptions): Promise<void> {
    if (this.#handled.size === 0) return;
    const lost = await this.#worker.extendJobLocks(
      [...this.#handled.keys()],
      [...this.#handled.values()],
      lockDuration,
    );
    // A job that was finished or handed back in the meantime has no lock, but it was not lost.
    for (const id of lost.filter((job) => this.#handled.has(job))) {
      onError(new Error(`job ${id} was taken back: its lock could not be renewed`));
      this.#worker.cancelJob(id);
    }
  }

  /**
   * Pauses after the server has refused to hand out a job. Without the pause, BullMQ would ask again at once,
   * indefinitely.
   */
  #paced<Backend extends Bull.IQueueBackend>(backend: Backend): Backend {
    const moveToActive = backend.moveToActive.bind(backend);
    backend.moveToActive = async (...args) => {
      try {
        return await moveToActive(...args);
      } catch (error) {
        await wait(fetchPause, undefined, { signal: this.#end.signal }).catch(() => undefined);
        throw error;
      }
    };
    return backend;
  }

  async #process(job: Bull.Job<JobData>, token = '', signal = new AbortController().signal): Promise<void> {
    // A paused worker may still receive the job that it was waiting for.
    const disposition = this.#worker.isPaused() ? giveBack : await this.#handle(deliveryOf(job, signal), token);
    if (disposition === 'done') return;
    const { bull } = this.setup;
    if (disposition.delay === 0) {
      await job.moveToWait(token);
      throw new bull.WaitingError();
    }
    await job.moveToDelayed(Date.now() + disposition.delay, token);
    throw new bull.DelayedError();
  }

  async #handle(delivery: Delivery, token: string): Promise<Disposition> {
    const { id } = delivery.job;
    this.#handled.set(id, token);
    try {
      return await this.handler(delivery);
    } catch (error) {
      this.options.onError(error);
      throw error;
    } finally {
      this.#handled.delete(id);
      if (this.#handled.size === 0) this.#onIdle?.();
    }
  }
}
