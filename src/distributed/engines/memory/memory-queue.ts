import { setMaxListeners } from 'node:events';
import { Deque } from '../../../shared/deque.js';
import { callAfter, type LongTimer } from '../../../shared/long-timer.js';
import type { ConsumeOptions, Consumer, Engine, Handler, Job, JobState, WorkQueue } from '../../contracts.js';

interface Queued {
  readonly job: Job;
  state: JobState;
  /** Number of times that the job was taken back from a handler. */
  crashes: number;
  timer?: LongTimer | undefined;
}

/** A queue in memory with a first-in-first-out list for each priority. */
export class MemoryQueue implements WorkQueue {
  readonly #jobs = new Map<string, Queued>();
  readonly #waiting = new Map<number, Deque<Queued>>();
  /** The priorities of all lists, in ascending order. */
  #priorities: number[] = [];
  readonly #consumers = new Set<MemoryConsumer>();

  constructor(readonly engine: Engine) {}

  async enqueue(jobs: readonly Job[]): Promise<void> {
    for (const job of jobs) {
      if (this.#jobs.has(job.id)) continue;
      const queued: Queued = { job, state: 'waiting', crashes: 0 };
      this.#jobs.set(job.id, queued);
      this.#put(queued, job.delay);
    }
  }

  async consume(handler: Handler, options: ConsumeOptions): Promise<Consumer> {
    const consumer = new MemoryConsumer(this, handler, options, () => this.#consumers.delete(consumer));
    this.#consumers.add(consumer);
    consumer.pump();
    return consumer;
  }

  async purgeRun(_runId: string, jobIds: readonly string[]): Promise<void> {
    for (const id of jobIds) if (this.#jobs.get(id)?.state !== 'active') this.#remove(id);
  }

  async statesOf(jobIds: readonly string[]): Promise<JobState[]> {
    return jobIds.map((id) => this.#jobs.get(id)?.state ?? 'absent');
  }

  async depth(): Promise<Record<Exclude<JobState, 'absent'>, number>> {
    const depth = { waiting: 0, delayed: 0, active: 0 };
    for (const { state } of this.#jobs.values()) depth[state as keyof typeof depth]++;
    return depth;
  }

  take(): Queued | undefined {
    for (const priority of this.#priorities) {
      const waiting = this.#waiting.get(priority) as Deque<Queued>;
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        if (next.state !== 'waiting') continue;
        next.state = 'active';
        return next;
      }
    }
    return undefined;
  }

  done({ job }: Queued): void {
    this.#remove(job.id);
  }

  putBack(queued: Queued, delay: number): void {
    this.#put(queued, delay);
  }

  /** Puts the job of a terminated consumer back into the queue when its lock has expired. */
  expire(queued: Queued, lockDuration: number): void {
    queued.timer = callAfter(lockDuration, () => {
      queued.crashes++;
      this.#ready(queued);
    }).unref();
  }

  close(): void {
    for (const { timer } of this.#jobs.values()) timer?.cancel();
  }

  #put(queued: Queued, delay: number): void {
    if (delay > 0) {
      queued.state = 'delayed';
      queued.timer = callAfter(delay, () => this.#ready(queued)).unref();
    } else this.#ready(queued);
  }

  #ready(queued: Queued): void {
    const { priority } = queued.job;
    let waiting = this.#waiting.get(priority);
    if (waiting === undefined) {
      waiting = new Deque();
      this.#waiting.set(priority, waiting);
      this.#priorities = [...this.#waiting.keys()].sort((one, other) => one - other);
    }
    queued.state = 'waiting';
    waiting.push(queued);
    for (const consumer of this.#consumers) consumer.pump();
    // The next job is offered to another consumer first, in case this consumer gives back every job.
    const [first] = this.#consumers;
    if (first === undefined || this.#consumers.size === 1) return;
    this.#consumers.delete(first);
    this.#consumers.add(first);
  }

  /** Marks a job as removed. If the job is still in a list, `take` skips it. */
  #remove(id: string): void {
    const queued = this.#jobs.get(id);
    if (queued === undefined) return;
    queued.timer?.cancel();
    queued.state = 'absent';
    this.#jobs.delete(id);
  }
}

class MemoryConsumer implements Consumer {
  readonly byEngineClock = true;
  readonly #handled = new Set<Queued>();
  readonly #lost = new AbortController();
  #isPaused = false;
  #onIdle: (() => void) | undefined = undefined;

  constructor(
    private readonly queue: MemoryQueue,
    private readonly handler: Handler,
    private readonly options: ConsumeOptions,
    private readonly onClose: () => void,
  ) {
    setMaxListeners(0, this.#lost.signal);
  }

  pump(): void {
    while (!this.#isPaused && this.#handled.size < this.options.concurrency) {
      const queued = this.queue.take();
      if (queued === undefined) return;
      this.#handled.add(queued);
      void this.#handle(queued);
    }
  }

  async pause(): Promise<void> {
    this.#isPaused = true;
  }

  async resume(): Promise<void> {
    this.#isPaused = false;
    this.pump();
  }

  async close(): Promise<void> {
    await this.pause();
    if (this.#handled.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    this.onClose();
  }

  async terminate(): Promise<void> {
    this.#isPaused = true;
    this.onClose();
    for (const queued of this.#handled) this.queue.expire(queued, this.options.lockDuration);
    this.#handled.clear();
    this.#lost.abort();
    this.#onIdle?.();
  }

  async #handle(queued: Queued): Promise<void> {
    let delay: number | undefined;
    try {
      const disposition = await this.handler({ job: queued.job, crashes: queued.crashes, signal: this.#lost.signal });
      if (disposition !== 'done') delay = disposition.delay;
    } catch (error) {
      this.options.onError(error);
      delay = 1_000;
    }
    // A job that was taken back may belong to another consumer by now.
    if (!this.#handled.delete(queued)) return;
    if (delay === undefined) this.queue.done(queued);
    else this.queue.putBack(queued, delay);
    if (this.#handled.size === 0) this.#onIdle?.();
    this.pump();
  }
}
