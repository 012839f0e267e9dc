import { type Life, ownScope, type RecordedRun, type Recorder } from '../kernel/scope/process.js';
import { ValidationError } from '../shared/errors.js';
import { aFunction, anId, anObjectOf, aValue } from '../shared/validate.js';
import { compacted } from './compaction.js';
import { type ErrorClass, ErrorForms } from './error-forms.js';
import { JournalError, LockedError, RunExistsError, RunsError } from './errors.js';
import { History } from './history.js';
import type { SignalText } from './inbox.js';
import type { JournalQuery, JournalSignal, JournalStatus, JournalStore, JournalSummary, OpenedRun } from './journal.js';
import type { EndRecord } from './records.js';
import { RunLife } from './run-life.js';
import { readValue, textOfValue, valueOfText } from './values.js';

/** Options of a journal. */
export interface JournalOptions {
  /**
   * Classes of errors that keep their class and plain properties in the journal. Errors of JavaScript and of this
   * package do so anyway; others come back as `Error` with name, message, code and cause. Default: none.
   */
  readonly errors?: readonly ErrorClass[] | undefined;
}

/** A question of `journal.list`. Conditions that are left out match every run. */
export interface JournalListOptions extends JournalQuery {
  /**
   * Called for each run that cannot be read, with an error that names the run. Such a run is left out of the list,
   * whatever the conditions. Default: the list rejects with a `RunsError` that has all of these errors.
   */
  readonly onError?: ((error: JournalError) => void) | undefined;
}

/** A run in a journal, as returned by `journal.get`. */
export interface JournalRun extends JournalSummary {
  /** Input of a `DurableFunction`. `undefined` for other runs. */
  readonly input: unknown;
  /** Result of the run. `undefined` unless the run has completed. */
  readonly result: unknown;
  /** Error with which the run has failed or was cancelled. `undefined` in all other cases. */
  readonly error: unknown;
  /** Number of lives so far. */
  readonly lives: number;
  /** Program that executes the run, such as `process 42 on host-1`. `undefined` if no program does. */
  readonly owner: string | undefined;
  /** The records of the run, in order, as text. */
  readonly records: readonly string[];
  /** The signals that no `waitFor` has taken yet, in the order in which they were sent. */
  readonly signals: readonly { readonly number: number; readonly name: string }[];
}

/** A run whose id has been checked. */
type IdentifiedRun = DurableRun & { readonly id: string };

const readOptions = anObjectOf<JournalOptions>({
  errors: aValue<readonly ErrorClass[]>(
    'an array of error classes',
    (value) => Array.isArray(value) && value.every((item) => typeof item === 'function'),
  ),
});

const statuses: readonly unknown[] = ['running', 'completed', 'failed', 'cancelled'] satisfies readonly JournalStatus[];

const readQuery = anObjectOf<JournalListOptions>({
  name: anId,
  status: aValue<JournalStatus>('running, completed, failed or cancelled', (value) => statuses.includes(value)),
  onError: aFunction,
});

/** A run to be executed, with what a `DurableFunction` adds. */
export interface DurableRun extends RecordedRun {
  readonly version?: string | undefined;
  readonly input?: unknown;
  readonly divergence?: 'allow' | undefined;
  /** If true, the run is continued only if it is running. Default: a new run begins, and a failed run goes on. */
  readonly isRecovery?: boolean | undefined;
  /** If true, nothing is executed: the life ends at the first call that is not recorded. Default: false. */
  readonly isDry?: boolean | undefined;
  /** Called with the input of each incarnation, as soon as it is durable. */
  readonly onInput?: ((input: unknown) => void) | undefined;
}

/**
 * A place in which runs are recorded, so that they go on after a crash. Pass it to `orchestrator.run` or to a
 * `DurableFunction`. Created by `fileJournal` and others, or from a store of your own.
 *
 * @example
 * const journal = new Journal(new MyStore(), { errors: [HttpError] });
 * await orchestrator.run(importAll, { id: 'import-2026-11', journal });
 */
export class Journal implements Recorder {
  readonly #store: JournalStore;
  readonly #lives = new Set<RunLife>();
  /** The form of errors in this journal. */
  readonly forms: ErrorForms;

  /**
   * @param store - stores the texts of the journal
   * @throws {ValidationError} if an option is unknown or has the wrong type
   */
  constructor(store: JournalStore, options: JournalOptions = {}) {
    this.#store = store;
    this.forms = new ErrorForms(readOptions(options).errors);
  }

  /**
   * Sends a signal to a run, for its present or its next `waitFor` of that name. Resolves when the signal is durable.
   *
   * @param id - id of the run
   * @param name - name of the signal
   * @param value - value that `waitFor` returns. Default: `undefined`
   * @throws {JournalError} if the run is unknown
   * @throws {SerializationError} if the value cannot be saved
   */
  async signal(id: string, name: string, value?: unknown): Promise<void> {
    await this.#send(id, { name: anId(name, 'name'), value: textOfValue(value, 'the value') });
  }

  /**
   * Lists runs, those created first at the beginning.
   *
   * @throws {RunsError} if runs cannot be read and `onError` is not given
   * @throws {JournalError} if the journal cannot be read
   * @throws {ValidationError} if a condition is unknown or not valid
   *
   * @example
   * const running = await journal.list({ status: 'running', onError: (error) => console.error(error.message) });
   */
  async list(options: JournalListOptions = {}): Promise<readonly JournalSummary[]> {
    const { onError, ...query } = readQuery(options, 'query');
    const errors: JournalError[] = [];
    const runs = await this.#store.list(query, onError ?? ((error) => errors.push(error)));
    if (errors.length > 0) throw new RunsError('cannot be read (onError lists the others)', errors);
    return runs;
  }

  /** Returns a run, or `undefined` if the run is unknown. */
  async get(id: string): Promise<JournalRun | undefined> {
    const copy = await this.#store.read(anId(id, 'id'));
    if (copy === undefined) return undefined;
    const { header, status, records, owner } = copy;
    const { end, lives, consumed } = new History(id, records);
    return {
      ...header,
      ...{ status, lives, owner, records, signals: waiting(copy.signals, consumed) },
      input: header.input === undefined ? undefined : valueOfText(header.input),
      result: status === 'completed' && end !== undefined ? readValue(end) : undefined,
      error: status === 'failed' || status === 'cancelled' ? this.#errorOf(end) : undefined,
    };
  }

  /**
   * Deletes a run.
   *
   * @returns false if the run is unknown
   * @throws {LockedError} if a program executes the run
   */
  delete(id: string): Promise<boolean> {
    return this.#store.delete(anId(id, 'id'));
  }

  /**
   * Cancels a run: the program that executes it aborts it, and it is not continued any more. A run that has failed
   * becomes `cancelled`, too. Has no effect on a run that has completed. Resolves when the request is durable.
   *
   * @throws {JournalError} if the run is unknown
   */
  async cancel(id: string): Promise<void> {
    await this.#send(id, { cancel: true });
    const opened = await this.#openUnlessOwned(id);
    if (opened === undefined) return;
    try {
      if (opened.status === 'running' || opened.status === 'failed')
        await opened.owner.append(['{"end":"cancelled"}'], 'cancelled');
    } finally {
      await opened.owner.close();
    }
  }

  /**
   * Gives up all runs that are executed here, and releases connections and files. These runs reject with a
   * `JournalError`, and go on when they are started again.
   */
  async close(): Promise<void> {
    for (const life of this.#lives)
      life.fail(
        new JournalError(life.runId, 'was given up, because its journal was closed: start it again, and it goes on'),
      );
    await this.#store.close();
  }

  /** Executes a run and records it. Called by `orchestrator.run` and `DurableFunction`. */
  record(run: DurableRun, execute: (life: Life) => unknown): Promise<unknown> {
    const { id } = run;
    if (id === undefined)
      throw new ValidationError('id must be given with a journal, because a run goes on under its id after a crash');
    const scope = ownScope();
    if (scope?.branch === undefined) return this.#execute({ ...run, id }, execute);
    // Inside another recorded run, the whole run is one task of that run.
    const action = { core: run.core, name: `run:${run.name}` };
    return scope.branch.task(action, [id], scope, () => this.#execute({ ...run, id }, execute));
  }

  async #execute(run: IdentifiedRun, execute: (life: Life) => unknown): Promise<unknown> {
    const { id, name, version, core, onInput } = run;
    if (core.states.isShared) {
      throw new ValidationError(
        'journal cannot be given to a run with sharedState, because its state would depend on other runs: leave sharedState out',
      );
    }
    const early: JournalSignal[] = [];
    let receive: (signal: JournalSignal) => void = (signal) => early.push(signal);
    let lost: Error | undefined;
    let lose: (error: Error) => void = (error) => {
      lost = error;
    };
    const given = run.isRecovery === true ? undefined : headerOf(run);
    const opened = await this.#store.open({
      id: anId(id, 'id'),
      header: given,
      onSignal: (signal) => receive(signal),
      onSuperseded: (error) => void lose(error),
    });
    if (opened === undefined) throw new NothingToRecover();
    const { header, owner } = opened;
    let life: RunLife;
    let history: History;
    try {
      if (run.isRecovery === true && opened.status !== 'running') throw new NothingToRecover();
      if (header.name !== name || header.version !== version) throw new RunExistsError(id, header, { name, version });
      history = new History(id, await compacted(opened));
      if (opened.status === 'completed' || opened.status === 'cancelled') {
        await owner.close();
        return this.#outcomeOf(id, opened.status, history.end);
      }
      onInput?.(header.input === undefined ? undefined : valueOfText(header.input));
      const { divergence, isDry = false } = run;
      const mayDiverge = divergence === 'allow';
      const onAgain = onInput ?? (() => {});
      const { status } = opened;
      const isNew = opened.records.length === 0 && header.created === given?.created;
      life = new RunLife({ header, status, history, owner, isNew, mayDiverge, isDry, forms: this.forms, onAgain });
    } catch (error) {
      await owner.close();
      throw error;
    }
    receive = (signal) => life.inbox.add(signal);
    lose = (error) => life.fail(error);
    for (const signal of [...opened.signals, ...early]) receive(signal);
    if (lost !== undefined) lose(lost);
    this.#lives.add(life);
    try {
      return await life.run(execute);
    } finally {
      this.#lives.delete(life);
    }
  }

  #outcomeOf(id: string, status: JournalStatus, end: EndRecord | undefined): unknown {
    if (status === 'completed') return readValue(end ?? {});
    throw new JournalError(id, 'was cancelled, and is not continued: delete it, or use another id', {
      cause: this.#errorOf(end),
    });
  }

  #errorOf(end: EndRecord | undefined): unknown {
    return end?.e === undefined ? undefined : this.forms.read(end.e);
  }

  async #send(id: string, signal: SignalText): Promise<void> {
    const number = await this.#store.signal(anId(id, 'id'), JSON.stringify(signal));
    if (number === undefined) throw new JournalError(id, 'is unknown: check the id and the journal');
  }

  /** Opens a run. Returns `undefined` if a program owns the run, because that program has received the signal. */
  async #openUnlessOwned(id: string): Promise<OpenedRun | undefined> {
    try {
      return await this.#store.open({ id, onSignal: () => {}, onSuperseded: () => {} });
    } catch (error) {
      if (error instanceof LockedError) return undefined;
      throw error;
    }
  }
}

function waiting(signals: readonly JournalSignal[], consumed: ReadonlySet<number>): JournalRun['signals'] {
  return signals.flatMap(({ number, text }) => {
    const signal = JSON.parse(text) as SignalText;
    return 'cancel' in signal || consumed.has(number) ? [] : [{ number, name: signal.name }];
  });
}

export const aJournal = aValue<Journal>('a Journal', (value) => value instanceof Journal);

/** Ends the recovery of a run that has ended or was deleted since it was found. */
export class NothingToRecover extends Error {}

function headerOf({ id, name, version, input }: IdentifiedRun) {
  return {
    ...{ id, name: anId(name, 'name'), created: Date.now() },
    ...(version !== undefined && { version }),
    ...(input !== undefined && { input: textOfValue(input, 'the input') }),
  };
}
