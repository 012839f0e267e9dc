import type { Cancellation } from '../../kernel/cancellation.js';
import type { Delivery } from '../contracts.js';
import type { Item } from '../journal/ledger.js';
import { patiently, pause } from '../run/patience.js';
import type { RunHandle } from '../run/run-handle.js';
import { crashOf } from './alibis.js';
import type { Holding } from './holding.js';

/** How often deaths are counted again before an item is given up, and in which part of `lockDuration`. */
const looks = 8;
const lookEvery = 1 / 4;

/** What has become of an item in which workers may have died; `later`: it has to wait until it can be alone. */
type Outcome = 'executed' | 'too many' | 'look again' | 'later';

/**
 * The deaths of workers that held a job before; maybe of its item, maybe of another that they held beside it. So that no
 * item is given up for what another has done:
 *
 * - A first death counts for every item that was held. From then on a death counts for an item only if it was being
 *   executed, which is set down before it is.
 * - An item that has one chance left is executed beside no other in which workers may have died, and others that have to
 *   wait for that are not held meanwhile.
 *
 * A worker that was only cut off takes its death back (see `Alibis`): before an item is given up, whoever may live has the
 * time to do so.
 */
export class Deaths {
  /** Those of this job that have not been looked at. */
  unseen: number;

  constructor(
    private readonly worker: Holding,
    private readonly handle: RunHandle,
    private readonly delivery: Delivery,
    private readonly signal: Cancellation,
  ) {
    this.unseen = delivery.crashes;
  }

  /** Executes an item, unless too many workers have died of it, where everybody can see that more may. */
  async attempt(item: Item, execute: () => Promise<void>): Promise<Outcome> {
    const { activity, maxCrashes } = this.worker;
    const deaths = await this.#deathsIn(item);
    if (deaths >= maxCrashes) return (await this.#areCertain(item)) ? 'too many' : 'look again';
    const isLastChance = deaths > 0 && deaths === maxCrashes - 1;
    // From here to where it is set down nothing is waited for: two would take the place at once.
    if (activity.hasLastChance || (isLastChance && activity.suspects > 0)) return 'later';
    activity.suspects++;
    activity.hasLastChance = isLastChance;
    try {
      if (deaths > 0) await this.#count(item, this.unseen + 1);
      this.unseen = 0;
      await execute();
      return 'executed';
    } finally {
      activity.suspects--;
      activity.hasLastChance = false;
    }
  }

  /**
   * If true, nobody has taken back one of the deaths that an item is to be given up for, while the engine has answered
   * without a break for twice `lockDuration`. If false, the item is to be looked at again.
   */
  async #areCertain(item: Item): Promise<boolean> {
    const { lockDuration, maxCrashes } = this.worker;
    for (let left = looks; left > 0; left--) {
      await pause(lockDuration * lookEvery, [this.signal]);
      if (this.signal.aborted || this.worker.isStopping) return false;
      const began = performance.now();
      if ((await this.#deathsIn(item)) < maxCrashes) return false;
      // The engine was away, also for whoever may live.
      if (performance.now() - began > lockDuration) left = looks;
    }
    return true;
  }

  /** How many workers have died while they executed an item. */
  async #deathsIn(item: Item): Promise<number> {
    const known = await this.#count(item, 1);
    const counted = known > 0 ? known : await this.#count(item, this.unseen);
    // The last may be one that was set down and did not come: the worker was stopped before.
    return Math.min(counted, this.unseen);
  }

  /** Counts a death of the job for an item, unless it counts for one already. @returns how many count for this one */
  #count({ node, round, attempt }: Item, death: number): Promise<number> {
    const { runId, replica, onTrouble } = this.handle;
    const item = `${replica.numbering.placeOf(node)}.${round}.${attempt}`;
    const crash = crashOf(this.delivery, death);
    const { workItemStateStore } = this.worker.engine;
    return patiently({ until: this.signal, onFailure: onTrouble }, () =>
      workItemStateStore.countCrash(runId, item, crash),
    );
  }
}
