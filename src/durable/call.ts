import type { Cancellation } from '../kernel/cancellation.js';
import { isReason } from '../kernel/scope/lifecycle.js';
import type { Scope } from '../kernel/scope/process.js';
import { applyState } from './apply-state.js';
import type { Entry } from './history.js';
import type { Recording } from './recording.js';
import type { OutcomeRecord } from './records.js';
import { isItself, readValue, writeValue } from './values.js';
import type { Writing } from './writer.js';

/** The result of a call, before it is recorded. */
export type Result =
  | { readonly kind: 'value'; readonly value: unknown; readonly fields?: string }
  | { readonly kind: 'error' | 'abort'; readonly thrown: unknown; readonly fields?: string };

/** A call or a group of a branch. */
export interface Concurrent {
  /**
   * If true, nothing else of the branch has been under way at the same time, and the code has waited for nothing outside
   * of the recording before.
   */
  isAlone: boolean;
}

/** The branch of a call, as far as the call needs it. */
interface Surroundings {
  readonly recording: Recording;
  /** If true, something else is under way beside one of the groups and nested runs around the branch. */
  readonly isInCrowd: boolean;
  /** Notes that a call has begun. */
  begin(call: Concurrent): void;
  /** Notes that a call has ended. */
  end(call: Concurrent): void;
  /** Ends the life if the call is not recorded and comes before a record that was made alone. */
  checkFrontier(identity: string): void;
}

/** Options of a call that is settled. All are optional. */
interface SettleOptions {
  /** If true, the call is a nested run. Default: false. */
  readonly isRun?: boolean;
  /** Arguments of the task, for observers. Default: none. */
  readonly args?: readonly unknown[];
  /** Called with an outcome of an earlier life before it is handed out. Default: nothing is called. */
  readonly onReplay?: ((outcome: OutcomeRecord) => void) | undefined;
}

/**
 * A call in a recorded scope: of a task, a nested run, a sleep or a wait.
 *
 *     called ─┬─ recorded ───────────────────────────► handed out in its turn
 *             └─ not recorded ─ gate ─ executed ─ appended, durable ─► handed out in its turn
 *
 * A run may have a hundred thousand calls under way, so a call has one promise, and is its own record and receiver.
 */
export class Call implements Concurrent, Writing {
  isAlone: boolean;
  /** The record of the outcome. Empty before the call has ended. */
  text = '';
  /** The outcome, in the form that it has in every life. */
  readonly outcome: Promise<unknown>;
  #resolve!: (value: unknown) => void;
  #reject!: (reason: unknown) => void;
  #args: readonly unknown[] = none;
  #onReplay: SettleOptions['onReplay'];
  /** The value of the outcome, if it is the same after a trip through the journal. */
  #value: unknown = unread;

  /** @param name - name of the action, for messages and observers */
  constructor(
    readonly branch: Surroundings,
    readonly identity: string,
    readonly name: string,
    readonly scope: Scope,
  ) {
    this.isAlone = branch.recording.order.isResumed;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /**
   * Settles the call with its record or, if there is none, calls `execute`, which must lead to a call of `end`.
   *
   * @param execute - receives what was recorded when an earlier life began the call, if anything
   */
  settle(execute: (entry: Entry | undefined) => void, options: SettleOptions = {}) {
    const { isRun = false, args = none, onReplay } = options;
    const { recording } = this.branch;
    recording.pending.add(this);
    this.branch.begin(this);
    try {
      recording.host.throwIfAborted();
      if (recording.isOver) {
        execute(undefined);
        return this.outcome;
      }
      const entry = recording.history.claim(this.identity);
      recording.order.asked();
      this.#args = args;
      this.#onReplay = onReplay;
      if (entry?.outcome !== undefined) entry.receiver = this;
      // A nested run begins at once, because records inside it may be waiting for it.
      else if (isRun || recording.order.isLive) this.#begin(execute, entry, isRun);
      else this.#pass(execute, entry);
    } catch (thrown) {
      this.reject(thrown);
    }
    return this.outcome;
  }

  /** Settles like `settle`, with the result of a promise. */
  settleWith(execute: (entry: Entry | undefined) => Promise<Result>, options?: SettleOptions): Promise<unknown> {
    const work = (entry: Entry | undefined) => {
      execute(entry).then(
        (result) => this.end(result),
        (thrown: unknown) => this.reject(thrown),
      );
    };
    return this.settle(work, options);
  }

  /** Records that the call has begun. Resolves when the record is durable, or at once after the end of the function. */
  async noteBegin(fields: string): Promise<void> {
    if (this.branch.recording.isOver) return;
    await this.branch.recording.host.append(`${this.#head()},${fields}}`);
  }

  /** Records the result, which is handed out when the record is durable. */
  end(result: Result): void {
    const { host, isOver } = this.branch.recording;
    try {
      host.throwIfAborted();
      if (isOver) {
        this.#settle(result.kind === 'value' ? this.#resolve : this.#reject, given(result));
        return;
      }
      this.text = this.#textOf(result);
    } catch (thrown) {
      this.reject(thrown);
      return;
    }
    host.write(this);
  }

  reject(reason: unknown): void {
    this.#settle(this.#reject, reason);
  }

  /** Called when the record of the outcome is durable. */
  stored(): void {
    this.branch.recording.order.add(this);
  }

  /** Hands out an outcome of this life. */
  handOut(): void {
    if (this.#value === unread) this.#deliver(JSON.parse(this.text));
    else this.#settle(this.#resolve, this.#value);
  }

  /** Hands out an outcome of an earlier life. */
  receive(outcome: OutcomeRecord): void {
    const { recording } = this.branch;
    applyState(this.scope.process.state, outcome.c);
    recording.replayed(this, outcome, this.#args);
    this.#onReplay?.(outcome);
    this.#deliver(outcome);
  }

  #begin(execute: (entry: Entry | undefined) => void, entry: Entry | undefined, isRun: boolean): void {
    const { host } = this.branch.recording;
    const { cancellation } = this.scope;
    if (!isRun) host.executing();
    host.throwIfAborted();
    if (cancellation.aborted && !isRun) this.end({ kind: 'abort', thrown: cancellation.reason });
    else execute(entry);
  }

  async #pass(execute: (entry: Entry | undefined) => void, entry: Entry | undefined): Promise<void> {
    try {
      await this.branch.recording.gate();
      if (entry === undefined) this.branch.checkFrontier(this.identity);
      this.#begin(execute, entry, false);
    } catch (thrown) {
      this.reject(thrown);
    }
  }

  #textOf(result: Result): string {
    const { failures, host } = this.branch.recording;
    const head = `${this.#head()}${result.fields ?? ''}`;
    if (result.kind === 'value') {
      const { value } = result;
      try {
        const text = `${head}${writeValue(value, `the result of "${this.name}"`)}}`;
        if (result.fields === undefined && isItself(value)) this.#value = value;
        return text;
      } catch (thrown) {
        return this.#textOf({ kind: 'error', thrown });
      }
    }
    const v = failures.in(result.thrown);
    const voided = v.length === 0 ? '' : `,"v":${JSON.stringify(v)}`;
    const key = result.kind === 'error' ? 'e' : 'a';
    return `${head},"${key}":${JSON.stringify(host.forms.write(result.thrown))}${voided}}`;
  }

  #head(): string {
    const { isAlone, branch } = this;
    return `{"i":${JSON.stringify(this.identity)}${isAlone ? '' : ',"p":1'}${branch.isInCrowd ? ',"g":1' : ''}`;
  }

  #deliver(outcome: OutcomeRecord): void {
    const { host, failures } = this.branch.recording;
    const { process, cancellation } = this.scope;
    const { e, a, c, v = none } = outcome;
    if (c !== undefined) host.changed(process, c);
    if (e === undefined && a === undefined) {
      this.#settle(this.#resolve, readValue(outcome));
      return;
    }
    const { aborted, reason } = cancellation;
    const thrown = a !== undefined && aborted ? reason : host.forms.read((e ?? a) as string);
    failures.note(thrown, [this.identity, ...v]);
    this.reject(thrown);
  }

  #settle(settle: (value: unknown) => void, value: unknown): void {
    if (this.branch.recording.pending.delete(this)) this.branch.end(this);
    settle(value);
  }
}

const none: readonly never[] = [];
/** Stands for a value that has to be read from the record. */
const unread = Symbol('unread');

/** Calls work and returns its result. An error that is the reason of the cancellation is an abort. */
export async function resultOf(work: () => unknown, cancellation: Cancellation): Promise<Result> {
  try {
    return { kind: 'value', value: await work() };
  } catch (thrown) {
    return failureOf(thrown, cancellation);
  }
}

export function failureOf(thrown: unknown, cancellation: Cancellation): Result {
  return { kind: isReason(thrown, cancellation) ? 'abort' : 'error', thrown };
}

function given(result: Result): unknown {
  return result.kind === 'value' ? result.value : result.thrown;
}
