import { isPromiseLike } from '../shared/promise-like.js';
import { Cancellation, untilAborted } from './cancellation.js';
import { failureOf } from './errors.js';
import type { Mutable, Outcome, Status } from './events.js';
import { type Hook, notify, setDown } from './hooks.js';
import { enter, type Process, type Scope } from './process.js';

/** Nothing suppressed: one list for all records. */
const none: readonly unknown[] = [];

/** A process or task as it goes on: the record that its hooks see. */
export abstract class Running implements Mutable<Outcome> {
  status: Status = 'running';
  result: unknown = undefined;
  error: unknown = undefined;
  suppressed = none;

  constructor(
    readonly name: string,
    readonly context: object,
  ) {}

  /** The work has ended, after so many milliseconds. */
  abstract ended(duration: number): void;
}

/** Hooks as they are called: their own types say what a record is at the time of each. */
type Hooks<Record> = readonly Hook<Record>[];

/**
 * What a process and a task have in common: begin hooks, the work, completion hooks, and the record of how it went.
 *
 *     running ─ begin hooks ─ work ─┬─ result ──► succeeded ─┐
 *                │                  ├─ failure ─► failed ────┼─ completion hooks ─ settle
 *                └─ hook throws ────┘─ abort ───► aborted ───┘
 *
 * An abort cuts short the hooks and the work, not the completion hooks: those clean up, so they run where that abort
 * does not reach. A completion hook that throws turns `succeeded` into `failed`.
 *
 * @param owner - the process that it is part of, and that it has begun in
 * @param own - the cancellation that is its own, if any: its limit is a failure, all else comes from outside
 * @returns the result at once, or throws, where neither hooks nor work had to be waited for; else a promise
 */
export function live<Record extends Running>(
  record: Record,
  owner: Process,
  scope: Scope,
  begin: readonly Hook<never>[],
  completion: readonly Hook<never>[],
  work: (record: Record, scope: Scope) => unknown,
  own?: Cancellation,
): unknown {
  const { cancellation } = scope;
  const began = performance.now();
  const life = { record, owner, scope, completion, own, began };
  let pending: unknown;
  let isPending: boolean;
  try {
    const begun = notify(begin as Hooks<Record>, record);
    pending = begun === undefined ? start(work, record, scope) : after(begun, work, record, scope);
    pending = untilAborted(cancellation, pending, own && leaving(owner));
    // A result may throw when it is looked at, as it would where it is awaited.
    isPending = isPromiseLike(pending);
  } catch (thrown) {
    return fail(life, thrown);
  }
  return isPending ? later(life, pending as PromiseLike<unknown>) : succeed(life, pending);
}

/** A process or task under way. */
interface Life {
  readonly record: Running;
  readonly owner: Process;
  readonly scope: Scope;
  readonly completion: readonly Hook<never>[];
  readonly own: Cancellation | undefined;
  readonly began: number;
}

async function later(life: Life, pending: PromiseLike<unknown>): Promise<unknown> {
  let result: unknown;
  try {
    result = await pending;
  } catch (thrown) {
    return fail(life, thrown);
  }
  return succeed(life, result);
}

function succeed(life: Life, result: unknown): unknown {
  life.record.result = result;
  life.record.status = 'completed';
  return complete(life);
}

function fail(life: Life, thrown: unknown): unknown {
  const { record, scope, own } = life;
  record.error = asFailure(thrown, record.name, scope.cancellation);
  record.status = isReason(thrown, scope.cancellation) && thrown !== own?.expired ? 'cancelled' : 'failed';
  return complete(life);
}

/** The completion hooks, then what the caller gets. */
function complete({ record, owner, scope, completion, began }: Life): unknown {
  record.ended(performance.now() - began);
  const hooks = completion as Hooks<Running>;
  const completed =
    hooks.length === 0
      ? undefined
      : scope.cancellation.abortable
        ? beyond(scope, hooks, record)
        : notify(hooks, record, setDown);
  if (completed !== undefined) {
    return completed.then(() => {
      owner.end();
      return outcomeOf(record);
    });
  }
  owner.end();
  return outcomeOf(record);
}

function outcomeOf({ status, result, error }: Running): unknown {
  if (status === 'completed') return result;
  throw error;
}

// Closures stand in functions of their own: in `live` they would cost every task a context.

function after<Record>(
  begun: PromiseLike<void>,
  work: (record: Record, scope: Scope) => unknown,
  record: Record,
  scope: Scope,
): PromiseLike<unknown> {
  return begun.then(() => start(work, record, scope));
}

/** Nothing new starts after an abort, also not behind a begin hook. */
function start<Record>(work: (record: Record, scope: Scope) => unknown, record: Record, scope: Scope): unknown {
  scope.cancellation.throwIfAborted();
  return work(record, scope);
}

/** Calls completion hooks where the abort does not reach them. What they leave behind belongs to the scope around them. */
function beyond<Record extends Running>(scope: Scope, completion: Hooks<Record>, record: Record) {
  const cancellation = new Cancellation([], false);
  const completed = enter({ process: scope.process, outer: scope, cancellation }, () =>
    notify(completion, record, setDown),
  );
  if (completed === undefined) cancellation.close();
  return completed?.finally(() => cancellation.close());
}

function leaving(process: Process): (work: Promise<unknown>) => void {
  return (work) => process.leave(work);
}

/** What a caller gets for what was thrown. The reason of an abort is passed on as it is, whatever it is. */
export function asFailure(thrown: unknown, name: string, cancellation: Cancellation): unknown {
  return isReason(thrown, cancellation) ? thrown : failureOf(thrown, name);
}

/** Whether something was thrown because of an abort. */
export function isReason(thrown: unknown, { aborted, reason }: Cancellation): boolean {
  return aborted && thrown === reason;
}
