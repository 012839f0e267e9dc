import { types } from 'node:util';
import type { Cancellation } from './cancellation.js';
import type { GroupRecord, Mutable, Status } from './events.js';
import { isReason } from './lifecycle.js';
import type { Scope } from './process.js';

/**
 * A group of actions that `parallel` or `map` runs concurrently, as observers see it. Actions that end after an abort
 * are not counted: it is a matter of chance if they were interrupted or had just completed, and some of them end long
 * after the group.
 */
export class RunningGroup implements Mutable<GroupRecord> {
  readonly startTime = Date.now();
  total: number | undefined;
  settled = 0;
  failed = 0;
  duration = 0;
  status: Status = 'running';
  error: unknown = undefined;

  constructor(
    readonly processId: string,
    readonly kind: GroupRecord['kind'],
    readonly name: string,
    items: unknown,
  ) {
    this.total = sizeOf(items);
  }

  /** Runs the work of the group and records its outcome and duration. */
  async observe(scope: Scope, work: () => Promise<unknown>): Promise<unknown> {
    const began = performance.now();
    try {
      const result = await work();
      this.status = 'completed';
      return result;
    } catch (thrown) {
      this.error = thrown;
      this.status = isReason(thrown, scope.cancellation) ? 'cancelled' : 'failed';
      throw thrown;
    } finally {
      this.duration = performance.now() - began;
    }
  }

  /** Called when all items have been taken: the total is known from now on. */
  taken(count: number): void {
    if (this.status === 'running') this.total = count;
  }

  /** Called when an action of the group has completed or failed. */
  ended(cancellation: Cancellation, outcome: 'completed' | 'failed'): void {
    if (cancellation.aborted) return;
    this.settled++;
    if (outcome === 'failed') this.failed++;
  }
}

/**
 * Returns the number of items if it is certain. Other objects with a `length` or `size` may mean something else by it.
 */
function sizeOf(items: unknown): number | undefined {
  if (Array.isArray(items) || types.isTypedArray(items)) return items.length;
  return types.isSet(items) || types.isMap(items) ? items.size : undefined;
}
