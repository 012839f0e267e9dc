import { isPromiseLike } from '../../shared/promise-like.js';
import { Cancellation, untilAborted } from '../cancellation.js';
import { failureOf } from '../errors.js';
import type { Mutable, Outcome, Status } from '../hooks/events.js';
import { type Hook, notify, setDown } from '../hooks/hooks.js';
import { enter, type Process, type Scope } from './process.js';

/** The empty list of suppressed errors, shared by all records. */
const none: readonly unknown[] = [];

/** A running process or task. The object is the record passed to its hooks. */
export abstract class Running implements Mutable<Outcome> {
  status: Status = 'running';
  result: unknown = undefined;
  error: unknown = undefined;
  suppressed = none;

  constructor(
    readonly name: string,
    readonly context: object,
  ) {}

  /** Called when the work has ended, with its duration in milliseconds. */
  abstract ended(duration: number): void;
}

/** Hooks of the whole record. Their public types describe the record at the time of each call. */
type Hooks<Record> = readonly Hook<Record>[];

/**
 * The life of a process or a task: begin hooks, the work, completion hooks, and the record of the outcome.
 *
 *     running ─ begin hooks ─ work ─┬─ result ──► completed ─┐
 *                │                  ├─ failure ─► failed ────┼─ completion hooks ─ settle
 *                └─ hook throws ────┘─ abort ───► cancelled ─┘
 *
 * An abort interrupts the begin hooks and the work, but not the completion hooks, because they clean up. A completion
 * hook that throws turns `completed` into `failed`.
 *
 * @param owner - the process to which the work belongs and in which it has begun
 * @param own - the work's own cancellation, if any; reaching its limit is a failure, and every other abort comes from
 *   outside
 * @returns the result, synchronously (or throws) if neither hooks nor work had to be awaited; otherwise a promise
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
    // Reading `then` of a result may throw, as it would when awaited.
    isPending = isPromiseLike(pending);
  } catch (thrown) {
    return fail(life, thrown);
  }
  return isPending ? later(life, pending as PromiseLike<unknown>) : succeed(life, pending);
}

/** The state of a process or task while it runs. */
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

/** Calls the completion hooks, then returns or throws the outcome. */
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

// Separate functions keep closures out of `live`. With closures, every task would have to allocate a context.

function after<Record>(
  begun: PromiseLike<void>,
  work: (record: Record, scope: Scope) => unknown,
  record: Record,
  scope: Scope,
): PromiseLike<unknown> {
  return begun.then(() => start(work, record, scope));
}

/** Starts the work, unless an abort happened during the begin hooks. */
function start<Record>(work: (record: Record, scope: Scope) => unknown, record: Record, scope: Scope): unknown {
  scope.cancellation.throwIfAborted();
  return work(record, scope);
}

/**
 * Calls completion hooks in a scope that the abort does not reach. Work that the hooks start and do not await belongs
 * to the surrounding scope.
 */
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

/** Returns the error that a caller receives for a thrown value. The reason of an abort is returned unchanged. */
export function asFailure(thrown: unknown, name: string, cancellation: Cancellation): unknown {
  return isReason(thrown, cancellation) ? thrown : failureOf(thrown, name);
}

/** Returns true if the value was thrown because of an abort. */
export function isReason(thrown: unknown, { aborted, reason }: Cancellation): boolean {
  return aborted && Object.is(thrown, reason);
}
