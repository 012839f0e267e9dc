import type * as Bull from 'bullmq';
import { Once } from '../../../shared/once.js';
import type { ConsumeOptions, Consumer, Engine, Handler, Job, JobState, WorkQueue } from '../../contracts.js';
import { Batcher } from '../batcher.js';
import type { AskedClock } from '../engine-clock.js';
import { limitOfCalls, type Persistence, persistently } from '../persistence.js';
import { BullConsumer } from './bull-consumer.js';
import { bulkJob, stateFrom } from './bull-jobs.js';
import type { BullSetup } from './bull-setup.js';
import { closed } from './closing.js';

/** Maximum number of batches of jobs that are added at the same time. */
const width = 4;

/** Maximum number of jobs that are added in one call. */
const mostAtOnce = 1_000;

/**
 * A queue on BullMQ, which stores its jobs in Redis or Postgres. Each job is queued only once, because its id is its
 * key. A finished job leaves nothing behind.
 */
export class BullQueue implements WorkQueue {
  readonly #setup = new Once(() => this.setup());
  readonly #opened = new Once(() => this.#openQueue());
  #queue: Bull.Queue | undefined = undefined;
  readonly #consumers = new Set<BullConsumer>();
  readonly #additions: Batcher<readonly Job[], undefined>;

  /**
   * @param persistence - the retry rules; every operation is idempotent, because jobs have ids
   * @param clock - the engine's clock, on which the due times of delayed jobs are based
   */
  constructor(
    readonly engine: Engine,
    private readonly setup: () => Promise<BullSetup>,
    private readonly persistence: Persistence,
    private readonly clock: AskedClock,
  ) {
    this.#additions = new Batcher((lists) => this.#addAll(lists), width, undefined, limitOfCalls(persistence));
  }

  /** Adds jobs. Calls made at the same time are sent together. */
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
      // BullMQ defines its commands on the connection before the first operation uses it.
      await queue.waitUntilReady();
      return queue;
    } catch (error) {
      await closed(queue, () => queue.close());
      throw error;
    }
  }
}
