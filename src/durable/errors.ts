import { OrchestratorError } from '../shared/errors.js';

/**
 * Thrown if a journal cannot be read or written, or if the run is unknown to it. `runId` is the id of the run, if the
 * problem concerns a single run. The run has ended in this program; once the journal works again, starting it again
 * continues from what is recorded.
 */
export class JournalError extends OrchestratorError {
  override readonly name: string = 'JournalError';
  readonly code: string = 'ERR_JOURNAL';

  /**
   * @param runId - id of the run. `undefined` if the problem is not one of a single run
   * @param problem - the rest of the message: what happened, and what to do
   */
  constructor(
    readonly runId: string | undefined,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${runId === undefined ? 'the journal' : `run "${runId}"`} ${problem}`, options);
  }
}

/** Number of errors that are told in the message of a `RunsError`. */
const mostTold = 3;

/**
 * Thrown if some runs of a journal could not be read or continued. `errors` has an error for each of them, which names
 * the run. The other runs are not affected.
 */
export class RunsError extends JournalError {
  override readonly name = 'RunsError';
  override readonly code = 'ERR_RUNS';

  /**
   * @param did - the rest of the sentence, such as `could not be listed`
   * @param errors - an error for each run
   */
  constructor(
    did: string,
    readonly errors: readonly Error[],
  ) {
    const told = errors.slice(0, mostTold).map(({ message }) => `\n- ${message}`);
    const rest = errors.length > mostTold ? `\n- and ${errors.length - mostTold} more (errors)` : '';
    super(undefined, `has ${errors.length} run${errors.length === 1 ? '' : 's'} that ${did}:${told.join('')}${rest}`);
  }
}

/**
 * Thrown if another program, or another call in this program, is executing the run. `holder` names the program. The
 * run itself is not affected.
 */
export class LockedError extends JournalError {
  override readonly name = 'LockedError';
  override readonly code = 'ERR_LOCKED';

  /**
   * @param runId - id of the run
   * @param holder - the program that executes the run, such as `process 42 on host-1`
   */
  constructor(
    runId: string,
    readonly holder: string,
  ) {
    super(runId, `is being executed by ${holder}: wait until it ends there, or stop it there and start it again`);
  }
}

/**
 * Thrown if a run has lost its journal to another owner, or the run was deleted. The run is aborted with this error,
 * and records nothing more.
 */
export class SupersededError extends JournalError {
  override readonly name = 'SupersededError';
  override readonly code = 'ERR_SUPERSEDED';

  /**
   * @param runId - id of the run
   * @param why - the cause, in words. Default: another program has taken the run over
   */
  constructor(runId: string, why = 'another program has taken it over') {
    super(runId, `has lost its journal, because ${why}: the run has stopped here, and continues where it is owned`);
  }
}

/**
 * Thrown if a run with this id exists and was begun by other code: under another name or in another version. Nothing
 * was executed.
 */
export class RunExistsError extends JournalError {
  override readonly name = 'RunExistsError';
  override readonly code = 'ERR_RUN_EXISTS';

  /**
   * @param runId - id of the run
   * @param existing - name and version of the run that exists
   * @param given - name and version of the code that was to continue it
   */
  constructor(
    runId: string,
    readonly existing: { readonly name: string; readonly version?: string | undefined },
    readonly given: { readonly name: string; readonly version?: string | undefined },
  ) {
    super(
      runId,
      `exists as ${describe(existing)}, and was started as ${describe(given)}: ` +
        'use another id, or continue it with the code that began it',
    );
  }
}

function describe({ name, version }: { readonly name: string; readonly version?: string | undefined }): string {
  return `"${name}" ${version === undefined ? 'without a version' : `version "${version}"`}`;
}

/**
 * Thrown if the code of a run no longer does what is recorded: it calls something that is not recorded while a record
 * is left that had to come first, or it ends although records are left. `recorded` and `called` name both sides.
 * Nothing was executed after the divergence. The run is not retried by itself: change the code back, use `patched` for
 * the change, or begin the run under another id.
 */
export class DivergenceError extends JournalError {
  override readonly name = 'DivergenceError';
  override readonly code = 'ERR_DIVERGENCE';

  /**
   * @param runId - id of the run
   * @param recorded - identity of the first record that the code did not ask for
   * @param called - identity of the call that is not recorded. `undefined` if the code has ended
   */
  constructor(
    runId: string,
    readonly recorded: string,
    readonly called: string | undefined,
    options?: ErrorOptions,
  ) {
    const did = called === undefined ? 'has ended' : `calls ${called}, which is not recorded,`;
    super(
      runId,
      `${did} although ${recorded} is recorded and was not called: the code has changed, or depends on something that ` +
        'is not recorded. Change it back, put the change behind patched(), or use another id',
      options,
    );
  }
}

/**
 * Thrown by a task with `once` that an earlier life of the run has begun and not ended, so that nobody knows if its
 * effect has happened. `subject` is the name of the task. Find out, and go on accordingly: the task is not executed
 * again.
 */
export class InterruptedError extends OrchestratorError {
  override readonly name = 'InterruptedError';
  readonly code = 'ERR_INTERRUPTED';

  /** @param subject - the name of the task */
  constructor(readonly subject: string) {
    super(
      `"${subject}" was interrupted in an earlier life of the run and must not be repeated (once): ` +
        'check if its effect has happened, and handle this error accordingly',
    );
  }
}

/**
 * Thrown if a value is too large to be recorded. `subject` names the value, `length` is its length and `limit` the
 * maximum, in characters of its text.
 */
export class PayloadError extends OrchestratorError {
  override readonly name = 'PayloadError';
  readonly code = 'ERR_PAYLOAD';

  /**
   * @param subject - the name of the value, such as `the result of "fetchUser"`
   * @param length - length of the value as text, in characters
   * @param limit - maximum length, in characters
   */
  constructor(
    readonly subject: string,
    readonly length: number,
    readonly limit: number,
  ) {
    super(
      `${subject} is ${length} characters long, and at most ${limit} can be recorded: ` +
        'store it elsewhere and return a reference to it',
    );
  }
}
