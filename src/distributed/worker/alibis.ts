import type { Cancellation } from '../../kernel/cancellation.js';
import type { Delivery, Disposition, WorkItemStateStore } from '../contracts.js';
import { patiently } from '../run/patience.js';

/**
 * The name that a death in a job is counted under.
 *
 * @param death - number of the death in the job, from 1
 */
export function crashOf({ job }: Delivery, death: number): string {
  return `${job.id}#${death}`;
}

/** What alibis need of their worker. */
export interface AlibiOptions {
  /** Ends the attempts: the worker has ended. */
  readonly until: Cancellation;
  readonly onError: (error: unknown) => void;
}

/**
 * Reports that this worker lives, though locks of its jobs have expired. The queue takes such a job back as it does when a
 * worker dies, and whoever gets the job next counts a death. The death is taken back here, whether it was counted already
 * or will be:
 *
 * - when the engine is away: at once, for all jobs that are held. Nobody dies of that.
 * - when a lock is lost for another reason (the event loop stood still) and no node was cut short by that: when the job has
 *   ended in this worker. A node that stops its worker for so long may be about to end it, so its death counts.
 */
export class Alibis {
  readonly #held = new Set<Delivery>();
  /** Those that were handed back since the engine has last answered: the queue may not know. */
  readonly #handedBack = new Set<Delivery>();
  readonly #cutShort = new WeakSet<Delivery>();
  readonly #given = new WeakSet<Delivery>();
  readonly #underWay = new Set<Promise<void>>();

  constructor(
    private readonly store: WorkItemStateStore,
    private readonly options: AlibiOptions,
  ) {}

  /** Handles a delivery. */
  async during(delivery: Delivery, work: () => Promise<Disposition>): Promise<Disposition> {
    this.#held.add(delivery);
    let isDone = false;
    try {
      const disposition = await work();
      isDone = disposition === 'done';
      return disposition;
    } finally {
      this.#held.delete(delivery);
      if (!delivery.signal.aborted) {
        if (!isDone) this.#handedBack.add(delivery);
      } else if (!this.#cutShort.has(delivery)) this.#give(delivery);
    }
  }

  /** A node was under way when the lock was lost: it may go on, whatever it was told. */
  cutShort(delivery: Delivery): void {
    this.#cutShort.add(delivery);
  }

  /** Asks the engine for a sign of life. What was handed back before an answer has most likely arrived, too. */
  async asking<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const before = [...this.#handedBack];
    const answer = await work();
    for (const delivery of before) this.#handedBack.delete(delivery);
    return answer;
  }

  /** The engine is away. */
  giveAll(): void {
    for (const delivery of [...this.#held, ...this.#handedBack]) this.#give(delivery);
    this.#handedBack.clear();
  }

  /** Resolves when the engine knows. */
  async given(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  #give(delivery: Delivery): void {
    if (this.#given.has(delivery)) return;
    this.#given.add(delivery);
    const { until, onError } = this.options;
    const crash = crashOf(delivery, delivery.crashes + 1);
    const giving = patiently({ until }, () => this.store.takeBackCrash(delivery.job.runId, crash))
      .catch(onError)
      .finally(() => this.#underWay.delete(giving));
    this.#underWay.add(giving);
  }
}
