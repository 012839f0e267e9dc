import type { Cancellation } from '../../kernel/cancellation.js';
import type { Delivery } from '../contracts.js';
import type { WorkItem } from '../journal/ledger.js';
import { patiently, pause } from '../run/patience.js';
import type { RunHandle } from '../run/run-handle.js';
import { crashOf } from './alibis.js';
import type { Holding } from './holding.js';

/**
 * Number of times that deaths are counted again before an item is given up, and the interval between two counts as a
 * fraction of `lockDuration`.
 */
const looks = 8;
const lookEvery = 1 / 4;

/**
 * The result of an attempt to execute an item during which workers may have died. `later`: the item has to wait until
 * it can be executed alone. `look again`: a death was taken back in the meantime.
 */
type Outcome = 'executed' | 'too many' | 'look again' | 'later';

/**
 * Counts the deaths of workers that held a job before. A worker may have died because of the job's item, or because of
 * another item that it held at the same time. Two rules ensure that no item is given up because of another item:
 *
 * - The first death counts for every item that the worker held. Later deaths count for an item only if it was being
 *   executed. For this purpose, each execution of such an item is counted as a death before it starts.
 * - An item with one chance left is never executed at the same time as another item during which workers may have
 *   died. Items that have to wait for this reason are given back to the queue.
 *
 * A worker that was only disconnected takes its death back (see `Alibis`). Before an item is given up, workers that may
 * be alive get enough time to do so.
 */
export class Deaths {
  /** Number of deaths of workers that held this job, as far as they have not been handled yet. */
  unseen: number;

  constructor(
    private readonly worker: Holding,
    private readonly handle: RunHandle,
    private readonly delivery: Delivery,
    private readonly signal: Cancellation,
  ) {
    this.unseen = delivery.crashes;
  }

  /** Executes an item, unless it has killed too many workers or has to wait until it can be executed alone. */
  async attempt(item: WorkItem, execute: () => Promise<void>): Promise<Outcome> {
    const { suspects, maxCrashes } = this.worker;
    const deaths = await this.#deathsIn(item);
    if (deaths >= maxCrashes) return (await this.#areCertain(item)) ? 'too many' : 'look again';
    const isLastChance = deaths > 0 && deaths === maxCrashes - 1;
    // There must be no await between this check and the assignments below, so that no second item passes the check.
    if (suspects.hasLastChance || (isLastChance && suspects.count > 0)) return 'later';
    suspects.count++;
    suspects.hasLastChance = isLastChance;
    try {
      if (deaths > 0) await this.#count(item, this.unseen + 1);
      this.unseen = 0;
      await execute();
      return 'executed';
    } finally {
      suspects.count--;
      suspects.hasLastChance = false;
    }
  }

  /**
   * Waits for twice `lockDuration`, during which the engine must always answer. Returns true if no worker has taken its
   * death back by then, and false if the item has to be checked again.
   */
  async #areCertain(item: WorkItem): Promise<boolean> {
    const { lockDuration, maxCrashes } = this.worker;
    for (let left = looks; left > 0; left--) {
      await pause(lockDuration * lookEvery, [this.signal]);
      if (this.signal.aborted || this.worker.isStopping) return false;
      const began = performance.now();
      if ((await this.#deathsIn(item)) < maxCrashes) return false;
      // The engine was unreachable, so workers that are alive could not take a death back either. The wait starts over.
      if (performance.now() - began > lockDuration) left = looks;
    }
    return true;
  }

  /** Returns the number of workers that died while they executed an item. */
  async #deathsIn(item: WorkItem): Promise<number> {
    const known = await this.#count(item, 1);
    const counted = known > 0 ? known : await this.#count(item, this.unseen);
    // The last death may have been counted in advance but not have happened, because the worker was stopped instead.
    return Math.min(counted, this.unseen);
  }

  /**
   * Counts a death of the job for an item, unless the death already counts for an item.
   *
   * @returns the number of deaths of the item
   */
  #count({ node, round, attempt }: WorkItem, death: number): Promise<number> {
    const { runId, replica, onTrouble } = this.handle;
    const item = `${replica.numbering.placeOf(node)}.${round}.${attempt}`;
    const crash = crashOf(this.delivery, death);
    const { workItemStateStore } = this.worker.engine;
    return patiently({ until: this.signal, onFailure: onTrouble }, () =>
      workItemStateStore.countCrash(runId, item, crash),
    );
  }
}
