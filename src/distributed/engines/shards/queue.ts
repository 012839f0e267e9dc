import type {
  ConsumeOptions,
  Consumer,
  Engine,
  Handler,
  Job,
  JobState,
  OnShardError,
  WorkQueue,
} from '../../contracts.js';
import { Seats } from '../seats.js';
import type { Sharded } from './sharded.js';
import { partsOf } from './stores.js';

/**
 * The queues of all shards. Each job is in the queue of the shard of its run. Jobs of several runs are added to each
 * shard atomically, not to all of them.
 */
export class ShardedQueue implements WorkQueue {
  constructor(readonly engine: Engine & Sharded) {}

  async enqueue(jobs: readonly Job[]): Promise<void> {
    const parts = await partsOf(this.engine, jobs);
    await Promise.all([...parts].map(([{ queue }, part]) => queue.enqueue(part)));
  }

  /** Takes jobs from all shards, which must all answer now. */
  async consume(handler: Handler, options: ConsumeOptions): Promise<Consumer> {
    const seats = new Seats(options.concurrency);
    let consumer: ShardedConsumer | undefined;
    // A job that has waited for a seat may arrive after the consumer was paused.
    const seated: Handler = (delivery) =>
      seats.use(async () => (consumer?.isPaused === true ? { delay: 0 } : handler(delivery)));
    const opened = await Promise.allSettled(this.engine.shards.all.map(({ queue }) => queue.consume(seated, options)));
    const consumers = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failed = opened.find((one) => one.status === 'rejected');
    if (failed !== undefined) {
      await Promise.allSettled(consumers.map((consumer) => consumer.terminate()));
      throw failed.reason;
    }
    consumer = new ShardedConsumer(consumers, seats, options);
    return consumer;
  }

  async purgeRun(runId: string, jobIds: readonly string[]): Promise<void> {
    await (await this.engine.shards.of(runId)).queue.purgeRun(runId, jobIds);
  }

  async statesOf(jobIds: readonly string[]): Promise<JobState[]> {
    const states = await this.engine.gathered(({ queue }) => queue.statesOf(jobIds));
    return jobIds.map((_id, index) => states.map((ofShard) => ofShard[index]).find(isThere) ?? 'absent');
  }

  async depth(onError?: OnShardError): ReturnType<WorkQueue['depth']> {
    const depths = await this.engine.gathered(({ queue }) => queue.depth(), onError);
    const sum = { waiting: 0, delayed: 0, active: 0 };
    for (const depth of depths) for (const state of stateNames) sum[state] += depth[state];
    return sum;
  }
}

const stateNames = ['waiting', 'delayed', 'active'] as const;

function isThere(state: JobState | undefined): boolean {
  return state !== undefined && state !== 'absent';
}

/** Consumers of several queues that share their concurrency. */
class ShardedConsumer implements Consumer {
  readonly byEngineClock: boolean;
  /** If true, no job is to be handled any more. */
  isPaused = false;

  constructor(
    private readonly consumers: readonly Consumer[],
    seats: Seats,
    { onError }: ConsumeOptions,
  ) {
    this.byEngineClock = consumers.every(({ byEngineClock }) => byEngineClock === true);
    seats.join({
      onFull: () => this.#each((consumer) => consumer.pause()).catch(onError),
      onFree: () => this.isPaused || this.#each((consumer) => consumer.resume()).catch(onError),
    });
  }

  async pause(): Promise<void> {
    this.isPaused = true;
    await this.#each((consumer) => consumer.pause());
  }

  async resume(): Promise<void> {
    this.isPaused = false;
    await this.#each((consumer) => consumer.resume());
  }

  async close(): Promise<void> {
    this.isPaused = true;
    await this.#each((consumer) => consumer.close());
  }

  async terminate(): Promise<void> {
    this.isPaused = true;
    await this.#each((consumer) => consumer.terminate());
  }

  async #each(work: (consumer: Consumer) => Promise<void>): Promise<void> {
    await Promise.all(this.consumers.map(work));
  }
}
