import { types } from 'node:util';
import type { Cancellation } from './cancellation.js';
import type { GroupRecord, Mutable, Status } from './events.js';
import { isReason } from './lifecycle.js';
import type { Scope } from './process.js';

/**
 * What `parallel` or `map` has running side by side, as those see it who watch. What ends behind an abort is not counted:
 * whether it was cut short or had just succeeded is chance, and some of it ends when the group is long over.
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

  /** From its first call to its end. */
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

  /** All items have been taken: now it is certain how many there are. */
  taken(count: number): void {
    if (this.status === 'running') this.total = count;
  }

  /** One has ended: it has succeeded, or thrown. */
  ended(cancellation: Cancellation, outcome: 'completed' | 'failed'): void {
    if (cancellation.aborted) return;
    this.settled++;
    if (outcome === 'failed') this.failed++;
  }
}

/** How many items there are, where it is certain: something else with a `length` or `size` may mean anything by it. */
function sizeOf(items: unknown): number | undefined {
  if (Array.isArray(items) || types.isTypedArray(items)) return items.length;
  return types.isSet(items) || types.isMap(items) ? items.size : undefined;
}
