import type * as Bull from 'bullmq';
import pTimeout from 'p-timeout';
import { asked } from '../asked.js';
import { Batcher } from '../batcher.js';
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
} from '../contracts.js';
import { EngineError } from '../errors.js';
import { Once } from '../once.js';
import { unless } from '../unless.js';

/** What BullMQ is opened with. */
export interface BullSetup {
  readonly bull: typeof Bull;
  readonly name: string;
  readonly options: Bull.QueueOptions;
  // biome-ignore lint/suspicious/noExplicitAny: BullMQ's factories differ in the connections that they take
  readonly backend?: any;
}

/** What a job carries in BullMQ besides id, kind, priority and delay. */
type Data = Pick<Job, 'runId' | 'seq'>;

/** A job is never given up: what is wrong with an item is the run's to know, what is wrong with the queue passes. */
const forever = 1_000_000_000;

/** How many additions may be under way at the same time. */
const width = 4;

/** How many jobs are added in one go. */
const mostAtOnce = 1_000;

/** How long to wait for connections that are closed, in milliseconds. */
const farewell = 1_000;

const giveBack: Disposition = { delay: 0 };

/** Milliseconds after which a job whose handler has rejected is delivered again. */
const retryAfter = 1_000;

/**
 * A queue on BullMQ, whatever that runs on. A job's id is the key by which it is queued once; a job that is done leaves
 * nothing behind.
 */
export class BullQueue implements WorkQueue {
  readonly #opened = new Once(() => this.#openQueue());
  /** Also while it is being opened. */
  #queue: Bull.Queue | undefined = undefined;
  readonly #end = new AbortController();
  readonly #consumers = new Set<BullConsumer>();
  readonly #additions = new Batcher((lists: readonly (readonly Job[])[]) => this.#addAll(lists), width);

  /** @param timeout - how long an operation may take, in milliseconds */
  constructor(
    readonly engine: Engine,
    private readonly setup: () => Promise<BullSetup>,
    private readonly timeout: number,
  ) {}

  /** What is added at the same time goes together. */
  async enqueue(jobs: readonly Job[]): Promise<void> {
    for (let at = 0; at < jobs.length; at += mostAtOnce) await this.#additions.add(jobs.slice(at, at + mostAtOnce));
  }

  async consume(handler: Handler, options: ConsumeOptions): Promise<Consumer> {
    const { setup } = await this.#opened.get();
    this.#end.signal.throwIfAborted();
    const consumer = new BullConsumer(setup, handler, options, () => this.#consumers.delete(consumer));
    this.#consumers.add(consumer);
    await unless(this.#end.signal, consumer.ready());
    return consumer;
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
    this.#end.abort(new EngineError(this.engine.name, 'was closed'));
    await Promise.all([...this.#consumers].map((consumer) => consumer.terminate()));
    const queue = this.#queue;
    if (queue !== undefined) await closed(queue);
  }

  async #ask<Answer>(work: (queue: Bull.Queue) => Promise<Answer>): Promise<Answer> {
    return asked(this.engine.name, async () => work((await this.#opened.get()).queue), this.timeout);
  }

  async #addAll(lists: readonly (readonly Job[])[]): Promise<undefined[]> {
    await this.#ask((queue) => queue.addBulk(lists.flat().map(bulkJob)));
    return lists.map(() => undefined);
  }

  async #openQueue() {
    const setup = await this.setup();
    this.#end.signal.throwIfAborted();
    const { bull, name, options, backend } = setup;
    const queue = new bull.Queue(name, { ...options, streams: { events: { maxLen: 1_000 } } }, backend);
    queue.on('error', () => undefined);
    this.#queue = queue;
    try {
      // Its commands are defined before anything is under way on the connection.
      await unless(this.#end.signal, queue.waitUntilReady());
      return { queue, setup };
    } catch (error) {
      await closed(queue);
      throw error;
    }
  }
}

/** What a worker of BullMQ has on Redis, and does not show. */
interface BlockingBackend {
  readonly blockingConnection?: { disableBlockingClusterReconnect?(): void };
  disconnectBlocking?(wait: boolean): Promise<void>;
}

class BullConsumer implements Consumer {
  readonly #worker: Bull.Worker<Data>;
  /** Jobs that are with the handler. */
  readonly #handled = new Set<string>();
  #onIdle: (() => void) | undefined = undefined;

  constructor(
    private readonly setup: BullSetup,
    private readonly handler: Handler,
    options: ConsumeOptions,
    private readonly onClose: () => void,
  ) {
    const { bull, name, options: queueOptions, backend } = setup;
    const { concurrency, lockDuration, onError } = options;
    const workerOptions = {
      ...queueOptions,
      concurrency,
      lockDuration,
      // A job is taken back at the second look at most after its lock has expired.
      stalledInterval: Math.max(200, Math.floor(lockDuration / 4)),
      maxStalledCount: forever,
      runRetryDelay: 500,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    };
    this.#worker = new bull.Worker<Data>(
      name,
      (job, token, signal) => this.#process(job, token, signal),
      workerOptions,
      backend,
    );
    this.#worker.on('error', (error) => {
      if (!error.message.startsWith('could not renew lock for job ')) onError(error);
    });
    // A job that was handed back, or is done, may still be among those whose locks are renewed: nothing is lost then.
    this.#worker.on('lockRenewalFailed', (jobIds) => {
      for (const id of jobIds.filter((job) => this.#handled.has(job))) {
        onError(new Error(`job ${id} was taken back: its lock could not be renewed`));
        this.#worker.cancelJob(id);
      }
    });
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

  /** What BullMQ closes it waits for without end, and an end does not always come; what is handled is waited for here. */
  async close(): Promise<void> {
    await this.pause();
    if (this.#handled.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#closeWorker({ force: false });
  }

  async terminate(): Promise<void> {
    this.#onIdle?.();
    await this.#closeWorker({ force: true });
  }

  /**
   * On a cluster BullMQ takes the end of its blocking connection for a failure, and connects again: then it waits for an
   * end that has passed, and its connection goes on taking what is meant to wake others. So it is told before.
   */
  async #closeWorker({ force }: { readonly force: boolean }): Promise<void> {
    const { backend } = this.#worker as unknown as { readonly backend?: BlockingBackend };
    backend?.blockingConnection?.disableBlockingClusterReconnect?.();
    // On Redis the other connection is that of all who use the queue.
    const isShared = backend?.blockingConnection !== undefined;
    await closed({
      close: () => this.#worker.close(force),
      disconnect: async () => (isShared ? backend.disconnectBlocking?.(false) : this.#worker.disconnect()),
    });
    this.onClose();
  }

  async #process(job: Bull.Job<Data>, token = '', signal = new AbortController().signal): Promise<void> {
    // It was waiting for a job when it was paused, and got one.
    const disposition = this.#worker.isPaused() ? giveBack : await this.#handle(deliveryOf(job, signal));
    if (disposition === 'done') return;
    const { bull } = this.setup;
    if (disposition.delay === 0) {
      await job.moveToWait(token);
      throw new bull.WaitingError();
    }
    await job.moveToDelayed(Date.now() + disposition.delay, token);
    throw new bull.DelayedError();
  }

  async #handle(delivery: Delivery): Promise<Disposition> {
    const { id } = delivery.job;
    this.#handled.add(id);
    try {
      return await this.handler(delivery);
    } finally {
      this.#handled.delete(id);
      if (this.#handled.size === 0) this.#onIdle?.();
    }
  }
}

interface Closable {
  close(): Promise<void>;
  disconnect(): Promise<void>;
}

/** Closes something of BullMQ's. Where there is no end to wait for, as when the server is away, its connections are cut. */
async function closed(user: Closable): Promise<void> {
  const cut = () => void user.disconnect().catch(() => undefined);
  await pTimeout(user.close(), { milliseconds: farewell, fallback: cut });
}

function bulkJob({ id, kind, runId, seq, priority, delay }: Job) {
  return {
    name: kind,
    data: { runId, seq },
    opts: {
      jobId: id,
      attempts: forever,
      backoff: { type: 'fixed', delay: retryAfter },
      ...(priority === 0 ? {} : { priority }),
      ...(delay === 0 ? {} : { delay }),
    },
  };
}

function deliveryOf(job: Bull.Job<Data>, signal: AbortSignal): Delivery {
  const { runId, seq } = job.data;
  const kind = job.name as Job['kind'];
  return {
    job: { id: job.id as string, runId, kind, seq, priority: job.priority ?? 0 },
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
