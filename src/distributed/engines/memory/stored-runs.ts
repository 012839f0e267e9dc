import type { RunCursor, RunQuery, RunRecord } from '../../run-info.js';
import { compareRuns } from '../run-order.js';
import type { StoredRun } from './stored-run.js';

/** The runs of the memory engine by id, and in the order in which lists show them. */
export class StoredRuns extends Map<string, StoredRun> {
  /** All runs, those that were created first at the beginning. */
  readonly #sorted: StoredRun[] = [];

  override set(runId: string, run: StoredRun): this {
    this.delete(runId);
    this.#sorted.splice(this.#countBefore(run.record), 0, run);
    return super.set(runId, run);
  }

  override delete(runId: string): boolean {
    const run = this.get(runId);
    if (run !== undefined) this.#sorted.splice(this.#countBefore(run.record), 1);
    return super.delete(runId);
  }

  /** Yields the runs that were created from `after` to before `before`, behind the cursor, in the given order. */
  *listed({ after, before, order, cursor }: Pick<RunQuery, 'after' | 'before' | 'order' | 'cursor'>) {
    let first = this.#countBefore({ createdAt: after, runId: '' });
    let end = this.#countBefore({ createdAt: before, runId: '' });
    if (cursor !== undefined && order === 'newest') end = Math.min(end, this.#countBefore(cursor));
    if (cursor !== undefined && order === 'oldest') first = Math.max(first, this.#countTo(cursor));
    if (order === 'oldest') for (let at = first; at < end; at++) yield this.#recordAt(at);
    else for (let at = end - 1; at >= first; at--) yield this.#recordAt(at);
  }

  /** Returns the number of runs that come before a place. */
  #countBefore(place: RunCursor): number {
    let [first, end] = [0, this.#sorted.length];
    // Most runs are added behind all others.
    if (end > 0 && compareRuns(this.#recordAt(end - 1), place) < 0) return end;
    while (first < end) {
      const middle = (first + end) >> 1;
      if (compareRuns(this.#recordAt(middle), place) < 0) first = middle + 1;
      else end = middle;
    }
    return first;
  }

  /** Returns the number of runs up to and including a place. */
  #countTo(place: RunCursor): number {
    const count = this.#countBefore(place);
    const isThere = count < this.#sorted.length && compareRuns(this.#recordAt(count), place) === 0;
    return isThere ? count + 1 : count;
  }

  #recordAt(at: number): RunRecord {
    return (this.#sorted[at] as StoredRun).record;
  }
}
