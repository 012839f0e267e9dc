import { Cancellation, untilAborted } from '../cancellation.js';
import { groupChannel } from '../hooks/channels.js';
import type { GroupRecord, Mutable, Status } from '../hooks/events.js';
import { isWatched, watched } from '../hooks/instrumentation.js';
import { isReason } from '../scope/lifecycle.js';
import type { Fork } from '../scope/process.js';
import { type Core, currentScope, enter, processOf, type Scope } from '../scope/process.js';
import { run } from '../scope/run.js';
import { sizeOf } from './items.js';

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
  work: (scope: Scope, group?: RunningGroup, fork?: Fork) => Promise<unknown>,
): Promise<unknown> {
  const scope = currentScope();
  // In a recorded scope, the calls of the group are recorded one by one, whichever orchestrator they belong to.
  const process = scope?.branch === undefined ? processOf(core, scope) : scope.process;
  if (scope === undefined || process === undefined) return run(core, () => inGroup(core, form, items, work));
  const start = (fork?: Fork) => {
    if (!isWatched(groupChannel)) return work(scope, undefined, fork);
    const group = new RunningGroup(process.id, form.kind, form.name, items);
    return watched('group', groupChannel, group, () => group.observe(scope, () => work(scope, group, fork)));
  };
  return scope.branch === undefined ? start() : scope.branch.fork(form, start);
}

/** Returns a call of a member of a group, in a branch of its own if the run is recorded. */
export function inFork<Given extends unknown[]>(
  fork: Fork | undefined,
  key: string | number,
  call: (...given: Given) => unknown,
): (...given: Given) => unknown {
  return fork === undefined ? call : (...given) => fork.call(key, () => call(...given));
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

  /** @param limits - the cancellation of the group, with its limit, if any */
  constructor(
    private readonly outer: Scope,
    private readonly limits: Cancellation,
  ) {}

  /** Calls `work` in a scope that `abort` can abort. */
  async call(work: (cancellation: Cancellation) => unknown): Promise<unknown> {
    const { outer } = this;
    const { process } = outer;
    const cancellation = new Cancellation([outer.cancellation], true);
    cancellation.limitedBy = this.limits;
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
