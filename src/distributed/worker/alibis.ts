import type { Cancellation } from '../../kernel/cancellation.js';
import type { Delivery, Disposition, WorkItemStateStore } from '../contracts.js';
import { patiently } from '../run/patience.js';

/**
 * Returns the id under which a death is counted.
 *
 * @param death - the number of the death among the deaths of the job, from 1
 */
export function crashOf({ job }: Delivery, death: number): string {
  return `${job.id}#${death}`;
}

/** Options of `Alibis`. */
export interface AlibiOptions {
  /** Ends the retries when the worker has ended. */
  readonly until: Cancellation;
  readonly onError: (error: unknown) => void;
}

/**
 * Reports that this worker is alive although locks of its jobs have expired. The queue takes such a job back as if the
 * worker had died, and the next worker that gets the job counts a death. An alibi takes this death back, before or
 * after it is counted:
 *
 * - If the engine is unreachable, no node is to blame, so the deaths of all held jobs are taken back at once.
 * - If a lock is lost for another reason, the event loop was blocked. If no node was being executed at that time, the
 *   death is taken back when the job has ended in this worker. A node that was being executed may have blocked the
 *   worker, so the death counts.
 */
export class Alibis {
  readonly #held = new Set<Delivery>();
  /** Deliveries that were handed back after the engine's last answer. The queue may not have received them. */
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

  /** Marks a delivery whose lock was lost while a node was being executed, so that its death is not taken back. */
  cutShort(delivery: Delivery): void {
    this.#cutShort.add(delivery);
  }

  /** Sends a heartbeat. If the engine answers, deliveries that were handed back before have most likely arrived too. */
  async asking<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const before = [...this.#handedBack];
    const answer = await work();
    for (const delivery of before) this.#handedBack.delete(delivery);
    return answer;
  }

  /** Takes back the deaths of all deliveries, because the engine is unreachable. */
  giveAll(): void {
    for (const delivery of [...this.#held, ...this.#handedBack]) this.#give(delivery);
    this.#handedBack.clear();
  }

  /** Resolves when the engine has received all alibis. */
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
