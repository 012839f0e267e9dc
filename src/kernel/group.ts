import { Cancellation, untilAborted } from './cancellation.js';
import { groupChannel } from './channels.js';
import type { GroupRecord, Mutable, Status } from './events.js';
import { isWatched, watched } from './instrumentation.js';
import { sizeOf } from './items.js';
import { isReason } from './lifecycle.js';
import { type Core, currentScope, enter, processOf, type Scope } from './process.js';
import { run } from './run.js';

/** The method that created a group, and the name of the group. */
export interface Form {
  readonly kind: GroupRecord['kind'];
  readonly name: string;
}

/** Runs a group of actions in the surrounding run or, outside a run, in a run of its own. */
export async function inGroup(
  core: Core,
  form: Form,
  items: unknown,
  work: (scope: Scope, group?: RunningGroup) => Promise<unknown>,
): Promise<unknown> {
  const scope = currentScope();
  const process = processOf(core, scope);
  if (scope === undefined || process === undefined) return run(core, () => inGroup(core, form, items, work));
  if (!isWatched(groupChannel)) return work(scope);
  const group = new RunningGroup(process.id, form.kind, form.name, items);
  return watched('group', groupChannel, group, () => group.observe(scope, () => work(scope, group)));
}

/**
 * A group of actions that run concurrently, as reported to observers. Actions that end after an abort are not counted,
 * because chance decides if they were interrupted or had just completed, and because some of them end long after the
 * group.
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

  /** Records the total when all items have been taken. */
  taken(count: number): void {
    if (this.status === 'running') this.total = count;
  }

  /** Counts an action of the group that has completed or failed. Not called after an abort of the group. */
  ended(outcome: 'completed' | 'failed'): void {
    this.settled++;
    if (outcome === 'failed') this.failed++;
  }
}

/**
 * Calls of a group that can be aborted individually. An abort reaches only pending calls. The signals of ended calls
 * keep following the run, because the caller may still be reading the results of these calls.
 */
export class Members {
  readonly #pending = new Set<Cancellation>();

  constructor(private readonly outer: Scope) {}

  /** Calls `work` in a scope that `abort` can abort. */
  async call(work: (cancellation: Cancellation) => unknown): Promise<unknown> {
    const { outer } = this;
    const { process } = outer;
    const cancellation = new Cancellation([outer.cancellation], true);
    this.#pending.add(cancellation);
    try {
      return await untilAborted(
        cancellation,
        enter({ process, cancellation, outer }, async () => work(cancellation)),
      );
    } finally {
      this.#pending.delete(cancellation);
      cancellation.release();
    }
  }

  /** @param reason - creates the reason; called only if a call is pending */
  abort(reason: () => unknown): void {
    if (this.#pending.size === 0) return;
    const given = reason();
    for (const cancellation of this.#pending) cancellation.abort(given);
  }
}

/** Creates the abort reason of actions whose group ended before they did. */
export function abortedBy(message: string, cause?: unknown): DOMException {
  const reason = new DOMException(message, 'AbortError');
  // Set afterwards, because the type of DOMException in browsers accepts no `cause` in the constructor.
  return cause === undefined ? reason : Object.defineProperty(reason, 'cause', { value: cause });
}
