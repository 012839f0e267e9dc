import { randomUUID } from 'node:crypto';
import { Orchestrator } from '../kernel/orchestrator.js';
import { anOrchestrator, originOf } from '../kernel/origin.js';
import type { Recorder } from '../kernel/scope/process.js';
import { run } from '../kernel/scope/run.js';
import { aFunction, aLimit, anId, anObjectOf, aSignal, aValue } from '../shared/validate.js';
import { LockedError, RunsError } from './errors.js';
import { aJournal, type DurableRun, type Journal, NothingToRecover } from './face.js';

/** Options of a `DurableFunction`. All are optional. */
export interface DurableFunctionOptions {
  /** The orchestrator whose hooks and state the runs use. Default: an orchestrator of its own. */
  // biome-ignore lint/suspicious/noExplicitAny: the state does not matter here
  readonly orchestrator?: Orchestrator<any> | undefined;
  /**
   * Version of the code. Runs that were begun in another version are refused with a `RunExistsError` and left alone by
   * `recover`. Change it if the runs of the old code cannot go on with the new one. Default: none.
   */
  readonly version?: string | undefined;
  /**
   * Limit of each run over all its lives, in milliseconds. `null`, 0 or Infinity for none. Default: none.
   */
  readonly timeout?: number | null | undefined;
  /**
   * `allow` lets a run end although records are left that the code has not asked for. Default: such a run fails with a
   * `DivergenceError`.
   */
  readonly divergence?: 'allow' | undefined;
}

/** Options of a run of a `DurableFunction`. */
export interface DurableRunOptions {
  /** Id of the run: a non-empty string. A run with the same id goes on where it was. */
  readonly id: string;
  /** Journal in which the run is recorded. */
  readonly journal: Journal;
  /** Signal that aborts the run in this program. The run goes on when it is started again. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

/** A run that has been started. */
export interface StartedRun<Result> {
  readonly id: string;
  /**
   * Settles like the run. A rejection that nobody handles is not reported, because the failure is in the journal.
   */
  readonly result: Promise<Result>;
}

type Read = DurableFunctionOptions & { readonly timeout?: number };

const readOptions = anObjectOf<DurableFunctionOptions, Read>({
  orchestrator: anOrchestrator,
  version: anId,
  timeout: aLimit,
  divergence: aValue<'allow'>("'allow'", (value) => value === 'allow'),
});

const readGivenRunOptions = anObjectOf<DurableRunOptions>({ id: anId, journal: aJournal, signal: aSignal });

function readRunOptions(options: DurableRunOptions): DurableRunOptions {
  const { id, journal, signal } = readGivenRunOptions(options);
  return { id: anId(id, 'id'), journal: aJournal(journal, 'journal'), signal };
}

/** Options of `recover`. All are optional. */
export interface RecoverOptions extends Pick<DurableRunOptions, 'signal'> {
  /**
   * Called for each run that cannot be continued, with the error. Default: when all others go on, `recover` rejects with
   * a `RunsError` that has all of these errors.
   */
  readonly onError?: ((error: Error) => void) | undefined;
}

const readRecoverOptions = anObjectOf<RecoverOptions>({ signal: aSignal, onError: aFunction });

/** Number of runs that are opened at the same time by `recover`, which leaves connections and files to other work. */
const mostOpening = 16;

/**
 * A function whose runs survive a crash. Its name, version and input are recorded, so that `recover` continues all runs
 * that a crash has interrupted.
 *
 * @example
 * const order = new DurableFunction('order', async (input: Order) => {
 *   const payment = await charge(input);
 *   await sleep(60_000);
 *   return ship(input, payment);
 * }, { orchestrator, version: '1' });
 *
 * await order.recover(journal);
 * const { id } = await order.start({ item: 'book' }, { id: 'order-42', journal });
 */
export class DurableFunction<Input = void, Result = unknown> {
  readonly version: string | undefined;
  readonly #fn: (input: Input) => Result;
  readonly #options: Read;
  // biome-ignore lint/suspicious/noExplicitAny: the state does not matter here
  readonly #orchestrator: Orchestrator<any>;

  /**
   * @param name - name of the runs, a non-empty string
   * @param fn - the function; receives the recorded input
   * @throws {ValidationError} if an argument is not valid
   */
  constructor(
    readonly name: string,
    fn: (this: void, input: Input) => Result,
    options: DurableFunctionOptions = {},
  ) {
    anId(name, 'name');
    aFunction(fn, 'fn');
    this.#fn = fn;
    this.#options = readOptions(options);
    this.#orchestrator = this.#options.orchestrator ?? new Orchestrator({ name });
    this.version = this.#options.version;
  }

  /**
   * Starts a run, or continues the run that has the id. Resolves when the run and its input are durable; the run then
   * goes on in the background.
   *
   * @param input - input of a new run. A run that exists keeps the input that it was begun with
   * @throws {LockedError} if the run is being executed
   * @throws {RunExistsError} if the run was begun under another name or in another version
   * @throws {SerializationError} if the input cannot be saved
   * @throws {ValidationError} if an option is missing, unknown or not valid
   */
  async start(input: Input, options: DurableRunOptions): Promise<StartedRun<Awaited<Result>>> {
    return this.#start(input, readRunOptions(options));
  }

  /**
   * Like `start`, but settles like the run.
   *
   * @throws errors of `start`, and the failure of the run
   */
  async run(input: Input, options: DurableRunOptions): Promise<Awaited<Result>> {
    return this.#run(input, readRunOptions(options), {});
  }

  /**
   * Continues all runs of this name and version that have neither ended nor are being executed, in the background. Call
   * it when a program starts. Runs that have failed are not continued; start them again if they should be. A run that
   * cannot be continued does not keep the others from going on.
   *
   * @returns the runs that go on now
   * @throws {RunsError} if runs cannot be continued and `onError` is not given. All others go on
   * @throws {JournalError} if the journal as a whole cannot be read or written. Runs that were opened before go on; call
   *   `recover` again for the others
   * @throws {ValidationError} if an argument is missing or not valid
   *
   * @example
   * await order.recover(journal, { onError: (error) => console.error(error.message) });
   */
  async recover(journal: Journal, options: RecoverOptions = {}): Promise<readonly StartedRun<Awaited<Result>>[]> {
    aJournal(journal, 'journal');
    const { signal, onError } = readRecoverOptions(options);
    const { name, version } = this;
    const errors: Error[] = [];
    const report = onError ?? ((error) => errors.push(error));
    const listed = await journal.list({ name, status: 'running', onError: report });
    const queue = listed.filter((run) => run.version === version).values();
    const started: StartedRun<Awaited<Result>>[] = [];
    const open = async () => {
      for (const { id } of queue) {
        try {
          started.push(await this.#start(undefined as Input, { id, journal, signal }, { isRecovery: true }));
        } catch (error) {
          if (error instanceof LockedError || error instanceof NothingToRecover) continue;
          // If an unknown run cannot be looked for either, the journal as a whole is out of order.
          await journal.get(randomUUID()).catch(() => {
            throw error;
          });
          report(error as Error);
        }
      }
    };
    const opening = await Promise.allSettled(Array.from({ length: mostOpening }, open));
    for (const one of opening) if (one.status === 'rejected') throw one.reason;
    if (errors.length > 0) throw new RunsError('cannot be continued (all others go on)', errors);
    return started;
  }

  #start(
    input: Input,
    { id, journal, signal }: DurableRunOptions,
    how: Pick<DurableRun, 'isRecovery'> = {},
  ): Promise<StartedRun<Awaited<Result>>> {
    return new Promise((resolve, reject) => {
      const result = this.#run(input, { id, journal, signal }, { ...how, onBegin: () => resolve({ id, result }) });
      // Has no effect after the run has begun. A run that has its result already begins nothing.
      result.then(() => resolve({ id, result }), reject);
    });
  }

  #run(
    input: Input,
    { id, journal, signal }: DurableRunOptions,
    { isRecovery, onBegin }: Pick<DurableRun, 'isRecovery'> & { readonly onBegin?: () => void },
  ): Promise<Awaited<Result>> {
    const { name, version } = this;
    const { timeout, divergence } = this.#options;
    let given = input;
    const onInput = (recorded: unknown) => {
      given = recorded as Input;
      onBegin?.();
    };
    const recorder: Recorder = {
      record: (recorded, execute) =>
        journal.record({ ...recorded, version, input, divergence, isRecovery, onInput }, execute),
    };
    const { core } = originOf(this.#orchestrator);
    return run(core, () => this.#fn(given), { id, name, signal, timeout, journal: recorder }) as Promise<
      Awaited<Result>
    >;
  }
}
