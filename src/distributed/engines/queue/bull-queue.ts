import { setTimeout as wait } from 'node:timers/promises';
import type * as Bull from 'bullmq';
import pTimeout from 'p-timeout';
import { Once } from '../../../shared/once.js';
import { Ticker } from '../../../shared/ticker.js';
import type {
  ConsumeOptions,
  Consumer,
  Delivery,
  Disposition,
  Engine,
  Handler,
  Job,
  JobState,
  WorkQueue,
} from '../../contracts.js';
import { Batcher } from '../batcher.js';
import type { AskedClock } from '../engine-clock.js';
import { limitOfCalls, type Persistence, persistently } from '../persistence.js';
import { goByEngineClock } from './engine-time.js';

/** What BullMQ is opened with. */
export interface BullSetup {
  readonly bull: typeof Bull;
  readonly name: string;
  readonly options: Bull.QueueOptions;
  // biome-ignore lint/suspicious/noExplicitAny: BullMQ's factories differ in the connections that they take
  readonly backend?: any;
}

/** What a job carries in BullMQ besides id, kind, priority and delay. */
type Data = Pick<Job, 'runId' | 'seq' | 'incarnation'>;

/** A job is never given up: what is wrong with an item is the run's to know, what is wrong with the queue passes. */
const forever = 1_000_000_000;

/** How many additions may be under way at the same time. */
const width = 4;

/** How many jobs are added in one go. */
const mostAtOnce = 1_000;

/** How long to wait for connections that are closed, in milliseconds. */
const farewell = 1_000;

/** Milliseconds before a server that has refused to give a job is asked again. */
const fetchPause = 500;

const giveBack: Disposition = { delay: 0 };

/** Milliseconds after which a job whose handler has rejected is delivered again. */
const retryAfter = 1_000;

/**
 * A queue on BullMQ, whatever that runs on. A job's id is the key by which it is queued once; a job that is done leaves
 * nothing behind.
 */
export class BullQueue implements WorkQueue {
  readonly #setup = new Once(() => this.setup());
  readonly #opened = new Once(() => this.#openQueue());
  #queue: Bull.Queue | undefined = undefined;
  readonly #consumers = new Set<BullConsumer>();
  readonly #additions: Batcher<readonly Job[], undefined>;

  /**
   * @param persistence - how operations are repeated: each is idempotent, by the ids of jobs
   * @param clock - the engine's: what delays are counted by
   */
  constructor(
    readonly engine: Engine,
    private readonly setup: () => Promise<BullSetup>,
    private readonly persistence: Persistence,
    private readonly clock: AskedClock,
  ) {
    this.#additions = new Batcher((lists) => this.#addAll(lists), width, undefined, limitOfCalls(persistence));
  }

  /** What is added at the same time goes together. */
  async enqueue(jobs: readonly Job[]): Promise<void> {
    await this.#setup.get();
    for (let at = 0; at < jobs.length; at += mostAtOnce) await this.#additions.add(jobs.slice(at, at + mostAtOnce));
  }

  async consume(handler: Handler, options: ConsumeOptions): Promise<Consumer> {
    const setup = await this.#setup.get();
    const { explain = (error) => error } = this.persistence;
    const onError = async (error: unknown) => options.onError(await explain(error));
    const explained = { ...options, onError: (error: unknown) => void onError(error) };
    const consumer = new BullConsumer(setup, handler, explained, () => this.#consumers.delete(consumer));
    this.#consumers.add(consumer);
    try {
      await persistently(this.persistence, () => consumer.ready());
      return consumer;
    } catch (error) {
      await consumer.terminate();
      throw error;
    }
  }

  async purgeRun(_runId: string, jobIds: readonly string[]): Promise<void> {
    await this.#ask((queue) => Promise.all(jobIds.map((id) => queue.remove(id))));
  }

  async statesOf(jobIds: readonly string[]): Promise<JobState[]> {
    return this.#ask((queue) =>
      Promise.all(jobIds.map(async (id) => (id === '' ? 'absent' : stateFrom(await queue.getJobState(id))))),
    );
  }

  async depth(): Promise<Record<Exclude<JobState, 'absent'>, number>> {
    const counts = await this.#ask((queue) => queue.getJobCounts('waiting', 'prioritized', 'delayed', 'active'));
    const of = (state: string) => counts[state] ?? 0;
    return { waiting: of('waiting') + of('prioritized'), delayed: of('delayed'), active: of('active') };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.terminate()));
    const queue = this.#queue;
    if (queue !== undefined) await closed(queue, () => queue.close());
  }

  async #ask<Answer>(work: (queue: Bull.Queue) => Promise<Answer>): Promise<Answer> {
    await this.#setup.get();
    return persistently(this.persistence, async () => work(await this.#opened.get()));
  }

  async #addAll(lists: readonly (readonly Job[])[]): Promise<undefined[]> {
    const jobs = lists.flat();
    const hasDelay = jobs.some(({ delay }) => delay > 0);
    await this.#ask(async (queue) => {
      const now = hasDelay ? await this.clock.now() : 0;
      return queue.addBulk(jobs.map((job) => bulkJob(job, now)));
    });
    return lists.map(() => undefined);
  }

  async #openQueue(): Promise<Bull.Queue> {
    const { bull, name, options, backend } = await this.#setup.get();
    const queue = new bull.Queue(name, { ...options, streams: { events: { maxLen: 1_000 } } }, backend);
    this.#queue = queue;
    queue.on('error', () => undefined);
    try {
      // Its commands are defined before anything is under way on the connection.
      await queue.waitUntilReady();
      return queue;
    } catch (error) {
      await closed(queue, () => queue.close());
      throw error;
    }
  }
}

class BullConsumer implements Consumer {
  readonly byEngineClock: boolean;
  readonly #worker: Bull.Worker<Data>;
  /** The tokens of jobs that are with the handler. */
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
      // A job is taken back at the second look at most after its lock has expired.
      stalledInterval: Math.max(200, Math.floor(lockDuration / 4)),
      maxStalledCount: forever,
      // BullMQ counts renewals by this machine's clock, and makes none where that is set back.
      skipLockRenewal: true,
      runRetryDelay: 500,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    };
    this.#worker = new bull.Worker<Data>(
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
   * What is handled is waited for here. What BullMQ closes it waits for without end, and an end does not always come: it is
   * not waited for as long, and goes on beside, for a job that the server still gives is to be handed back.
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
    // One that was handed back meanwhile, or is done, has no lock any more: nothing is lost then.
    for (const id of lost.filter((job) => this.#handled.has(job))) {
      onError(new Error(`job ${id} was taken back: its lock could not be renewed`));
      this.#worker.cancelJob(id);
    }
  }

  /** A server that refuses to give a job is asked again after a pause: BullMQ would ask at once, without end. */
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

  async #process(job: Bull.Job<Data>, token = '', signal = new AbortController().signal): Promise<void> {
    // It was waiting for a job when it was paused, and got one.
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

/** Closes something of BullMQ's. Where there is no end to wait for, as when the server is away, its connections are cut. */
async function closed(user: { disconnect(): Promise<unknown> }, close: () => Promise<void>): Promise<void> {
  const cut = () => void user.disconnect().catch(() => undefined);
  await pTimeout(close(), { milliseconds: farewell, fallback: cut });
}

/** @param now - the engine's clock, which a delay is counted from */
function bulkJob({ id, kind, runId, incarnation, seq, priority, delay }: Job, now: number) {
  return {
    name: kind,
    data: { runId, seq, incarnation },
    opts: {
      jobId: id,
      attempts: forever,
      backoff: { type: 'fixed', delay: retryAfter },
      ...(priority === 0 ? {} : { priority }),
      ...(delay === 0 ? {} : { delay, timestamp: now }),
    },
  };
}

function deliveryOf(job: Bull.Job<Data>, signal: AbortSignal): Delivery {
  const { runId, seq, incarnation } = job.data;
  const kind = job.name as Job['kind'];
  return {
    job: { id: job.id as string, runId, incarnation, kind, seq, priority: job.priority ?? 0 },
    crashes: job.stalledCounter ?? 0,
    signal,
  };
}

function stateFrom(state: string): JobState {
  switch (state) {
    case 'active':
    case 'delayed':
      return state;
    case 'waiting':
    case 'prioritized':
    case 'paused':
    case 'waiting-children':
      return 'waiting';
    default:
      return 'absent';
  }
}
