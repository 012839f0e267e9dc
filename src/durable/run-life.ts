import { Cancellation } from '../kernel/cancellation.js';
import { TimeoutError } from '../kernel/errors.js';
import type { Mutable, ProcessRecord } from '../kernel/hooks/events.js';
import { type Carrier, captured } from '../kernel/hooks/instrumentation.js';
import { enter, type Life, type Process, type Scope } from '../kernel/scope/process.js';
import { ValidationError } from '../shared/errors.js';
import { Again } from './again.js';
import { applyState } from './apply-state.js';
import { RecordedBranch } from './branch.js';
import { lifeChannel } from './channels.js';
import type { ErrorForms } from './error-forms.js';
import { DivergenceError, JournalError } from './errors.js';
import { History } from './history.js';
import { Inbox } from './inbox.js';
import type { JournalHeader, JournalOwner, JournalStatus } from './journal.js';
import { type Host, Recording } from './recording.js';
import type { StateRecord } from './records.js';
import { readValue, textOfValue, writeValue } from './values.js';
import { Writer, type Writing } from './writer.js';

/** The opened journal of a run, and the way to execute the run. */
export interface Beginning {
  readonly header: JournalHeader;
  readonly status: JournalStatus;
  readonly history: History;
  readonly owner: JournalOwner;
  /** If true, this is the first life of the run. */
  readonly isNew: boolean;
  readonly forms: ErrorForms;
  /** If true, the function may end although records are left. */
  readonly mayDiverge: boolean;
  /** If true, the life ends at the first call that is not recorded. */
  readonly isDry: boolean;
  /** Called with the input of the next incarnation. */
  readonly onAgain: (input: unknown) => void;
}

/**
 * A life of a run, from the opening of its journal to its end:
 *
 *     open ─► hooks ─► function ─┬─ result ──► completed, recorded
 *                                ├─ failure ─► failed, recorded with the failures that are void from then on
 *                                ├─ again ───► a new incarnation: empty journal, function called again
 *                                ├─ abort ───► nothing is recorded, and the next life goes on
 *                                └─ journal fails, code diverges, owner superseded ─► aborted with that error
 */
export class RunLife implements Life, Host {
  readonly number: number;
  readonly inbox: Inbox;
  readonly forms: ErrorForms;
  readonly #writer: Writer;
  #header: JournalHeader;
  #recording: Recording;
  #root: Cancellation | undefined;
  #process: Process | undefined;
  #record: Mutable<ProcessRecord> | undefined;
  #failure: Error | undefined;
  #isCancelled = false;
  /** Trace context of the life or, before it is known, of the life before. */
  #carrier: Carrier | undefined;
  /** Recorded changes of the state so far. */
  #state: StateRecord['c'];

  constructor(private readonly beginning: Beginning) {
    const { header, history, forms, isNew } = beginning;
    this.forms = forms;
    this.number = isNew ? 1 : history.lives + 1;
    this.#header = header;
    this.#state = history.state;
    this.#carrier = history.carrier;
    this.#recording = new Recording(history, this, header.created);
    this.inbox = new Inbox(history.consumed, () => this.#cancel());
    this.#writer = new Writer(beginning.owner, (thrown) => this.#unwritten(thrown));
  }

  get runId(): string {
    return this.#header.id;
  }

  get life(): number {
    return this.number;
  }

  /** Executes the run, records its end, and gives the journal up. */
  async run(execute: (life: Life) => unknown): Promise<unknown> {
    // The record also makes a run that has failed run again. If it cannot be written, the life fails.
    const { isNew, status } = this.beginning;
    const record = `{"l":${this.number},"t":${Date.now()}}`;
    if (!isNew) this.append(record, status === 'running' ? undefined : 'running').catch(() => {});
    try {
      return await execute(this);
    } catch (thrown) {
      if (thrown instanceof TimeoutError && thrown === this.#root?.expired)
        await this.#end('failed', this.#fieldsOf(thrown));
      throw thrown;
    } finally {
      this.#recording.timers.unref();
      await this.#writer.idle();
      await this.beginning.owner.close();
    }
  }

  async call(record: object, scope: Scope, work: () => unknown): Promise<unknown> {
    const { cancellation: root, process } = scope;
    this.#record = record as Mutable<ProcessRecord>;
    this.#root = root;
    this.#process = process;
    root.addEventListener('abort', () => this.#recording.stop(root.reason));
    if (this.#isCancelled) this.#cancel();
    if (this.#failure !== undefined) this.#abort(this.#failure);
    root.throwIfAborted();
    applyState(process.state, this.#state);
    this.#trace();
    for (;;) {
      // Each incarnation has a cancellation of its own, so that what it leaves behind does not gather in the run.
      const cancellation = new Cancellation([root], true);
      const branch = new RecordedBranch(this.#recording, '/');
      let result: unknown;
      this.#recording.order.resume();
      try {
        result = await enter({ process, cancellation, outer: scope, branch }, async () => work());
      } catch (thrown) {
        root.throwIfAborted();
        return this.#fail(thrown);
      } finally {
        if (result instanceof Again) cancellation.close();
        else cancellation.release();
      }
      root.throwIfAborted();
      if (!(result instanceof Again))
        return this.#recording.isAgain ? this.#fail(unreturned()) : this.#complete(result);
      await this.#renew(result.input);
    }
  }

  /** Tells observers of the life before, and records the trace context for the next one. */
  #trace(): void {
    const { runId, life } = this;
    if (lifeChannel.hasSubscribers) lifeChannel.publish({ runId, life, former: this.#carrier });
    this.#carrier = captured();
    if (this.#carrier !== undefined) this.append(`{"l":${life},"k":${JSON.stringify(this.#carrier)}}`).catch(() => {});
  }

  limit(cancellation: Cancellation, name: string, timeout: number): void {
    if (this.beginning.isDry) return;
    const used = Math.max(0, Date.now() - this.#header.created);
    cancellation.limit(name, timeout, used);
    if (used < timeout) return;
    cancellation.expired = new TimeoutError(name, timeout);
    cancellation.abort(cancellation.expired);
  }

  /** Called before something is executed that is not recorded. */
  executing(): void {
    if (this.beginning.isDry) this.fail(new EndOfRecords());
  }

  write(record: Writing): void {
    this.#writer.add(record);
  }

  append(text: string, status?: JournalStatus): Promise<void> {
    return new Promise((stored, refused) => this.#writer.add({ text, status, stored, refused }));
  }

  fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    // A run whose code has diverged is not continued by itself. If this cannot be recorded, nothing is lost.
    if (error instanceof DivergenceError)
      this.#end('failed', `,"e":${JSON.stringify(this.forms.write(error))},"v":[]`).catch(() => {});
    this.#abort(error);
  }

  throwIfAborted(): void {
    this.#root?.throwIfAborted();
  }

  replayed(): void {
    if (this.#record !== undefined) this.#record.replayed++;
  }

  changed(process: Process, changes: StateRecord['c']): void {
    if (process === this.#process) this.#state = { ...this.#state, ...changes };
  }

  /** Records the result of the function. A result that cannot be recorded is a failure. */
  async #complete(result: unknown): Promise<unknown> {
    await this.#check();
    let fields: string;
    try {
      fields = writeValue(result, `the result of "${this.#header.name}"`);
    } catch (thrown) {
      return this.#fail(thrown);
    }
    await this.#end('completed', fields);
    return readValue(JSON.parse(`{${fields.slice(1)}}`));
  }

  async #fail(thrown: unknown): Promise<never> {
    await this.#check(thrown);
    await this.#end('failed', this.#fieldsOf(thrown));
    throw thrown;
  }

  async #check(cause?: unknown): Promise<void> {
    try {
      await this.#recording.checkEnd(this.beginning.mayDiverge, cause);
    } catch (error) {
      if (error instanceof DivergenceError) this.fail(error);
      throw error;
    }
  }

  #fieldsOf(thrown: unknown): string {
    const v = this.#recording.failures.in(thrown);
    return `,"e":${JSON.stringify(this.forms.write(thrown))}${v.length === 0 ? '' : `,"v":${JSON.stringify(v)}`}`;
  }

  async #end(status: 'completed' | 'failed' | 'cancelled', fields: string): Promise<void> {
    this.#recording.isOver = true;
    await this.append(`{"end":"${status}"${fields}}`, status);
  }

  /** Begins the next incarnation of the run. An input that cannot be recorded is a failure. */
  async #renew(input: unknown): Promise<void> {
    await this.#check();
    let text: string | undefined;
    try {
      text = input === undefined ? undefined : textOfValue(input, 'the input');
    } catch (thrown) {
      return this.#fail(thrown);
    }
    const former = this.#recording;
    former.isOver = true;
    former.timers.cancel();
    // A run that begins anew again and again must leave room for timers and signals.
    await new Promise((resolve) => setImmediate(resolve));
    this.throwIfAborted();
    this.inbox.forget();
    const { input: _, ...header } = this.#header;
    // Two incarnations have different idempotency keys, so their creation must differ.
    const created = Math.max(Date.now(), header.created + 1);
    this.#header = { ...header, created, ...(text !== undefined && { input: text }) };
    await this.#writer.idle();
    const { done, consumed } = this.inbox.settle();
    const rest = `{"c":${JSON.stringify(this.#state)}${consumed.length === 0 ? '' : `,"n":${JSON.stringify(consumed)}`}}`;
    const life = JSON.stringify({ l: this.number, t: created, k: this.#carrier });
    try {
      await this.beginning.owner.rewrite(this.#header, [rest, life], done);
    } catch (thrown) {
      throw this.#unwritten(thrown);
    }
    this.#recording = new Recording(new History(this.runId, []), this, created);
    this.beginning.onAgain(input);
  }

  /** Ends the life because the journal cannot be written. */
  #unwritten(thrown: unknown): Error {
    const error = asJournalError(this.runId, thrown);
    this.fail(error);
    return error;
  }

  #cancel(): void {
    this.#isCancelled = true;
    if (this.#root === undefined || this.#root.aborted) return;
    const reason = new DOMException(`run "${this.runId}" was cancelled`, 'AbortError');
    this.#end('cancelled', this.#fieldsOf(reason)).catch(() => {});
    this.#root.abort(reason);
  }

  #abort(error: Error): void {
    const root = this.#root;
    if (root === undefined || root.aborted) return;
    // The process has failed and was not cancelled from outside.
    Object.assign(root, { expired: error });
    root.abort(error);
  }
}

function unreturned(): ValidationError {
  return new ValidationError(
    'again() begins the run anew only if the function of the run returns its value, got another result: write "return again(...)"',
  );
}

/** Ends a life that executes nothing. */
export class EndOfRecords extends Error {}

function asJournalError(runId: string, thrown: unknown): Error {
  if (thrown instanceof JournalError) return thrown;
  const problem = 'cannot write its journal: once that works again, start the run again, and it goes on';
  return new JournalError(runId, problem, { cause: thrown });
}
