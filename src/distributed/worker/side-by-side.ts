import type { WorkItem } from '../journal/ledger.js';
import type { Room } from './room.js';

/** Milliseconds that a node may take before the nodes that wait behind it in the same job get jobs of their own. */
const patience = 250;

/** The job whose items are executed, as `SideBySide` sees it. */
export interface SharedJob {
  /** Default: one item after the other. */
  readonly room: Room | undefined;
  /** Returns the items of the job that can be executed now, without those of the given nodes. */
  items(without: ReadonlySet<number>): readonly WorkItem[];
  /** Returns the first of these items, if any. */
  next(without: ReadonlySet<number>): WorkItem | undefined;
  execute(item: WorkItem): Promise<void>;
  /** Gives items jobs of their own. */
  split(items: readonly WorkItem[]): Promise<void>;
}

/**
 * Executes the items that share a job, and those that follow from them, side by side: one in any case, and as many more
 * as the worker has room for. Resolves when no item is left, or the rest has other jobs.
 */
export class SideBySide {
  /** The work under way: items that are executed one after the other, or a split. */
  readonly #lanes = new Set<Promise<void>>();
  /** The nodes that are being executed. */
  readonly #busy = new Set<number>();
  #isSplitting = false;
  #failure: { readonly error: unknown } | undefined = undefined;

  constructor(private readonly job: SharedJob) {}

  /** @throws the first error with which an execution or a split has rejected, after all others have ended */
  async run(): Promise<void> {
    const timer = setInterval(() => this.#split(), patience);
    try {
      this.#open();
      while (this.#lanes.size > 0) await Promise.all(this.#lanes);
    } finally {
      clearInterval(timer);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Opens a lane for each item that nobody executes, as far as there is room. */
  #open(): void {
    for (let item = this.#next(); item !== undefined && this.#mayOpen(); item = this.#next()) {
      const first = item;
      this.#add(() => this.#lane(first));
    }
  }

  #mayOpen(): boolean {
    return this.#busy.size === 0 || this.job.room?.isFree === true;
  }

  #add(work: () => Promise<void>): void {
    const lane = work()
      .catch((error) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#lanes.delete(lane));
    this.#lanes.add(lane);
  }

  async #lane(first: WorkItem): Promise<void> {
    for (let item: WorkItem | undefined = first; item !== undefined; item = this.#next()) {
      this.#busy.add(item.node);
      try {
        await this.job.execute(item);
      } finally {
        this.#busy.delete(item.node);
      }
      this.#open();
    }
  }

  #next(): WorkItem | undefined {
    return this.#isSplitting || this.#failure !== undefined ? undefined : this.job.next(this.#busy);
  }

  /** Lets other workers execute what has waited for too long. */
  #split(): void {
    if (this.#next() === undefined) return;
    const left = this.job.items(this.#busy);
    this.#isSplitting = true;
    this.#add(() => this.job.split(left).finally(() => (this.#isSplitting = false)));
  }
}
