import { isDeepStrictEqual } from 'node:util';
import { instrument } from '../../kernel/hooks/instrumentation.js';
import { Orchestrator } from '../../kernel/orchestrator.js';
import { anOrchestrator } from '../../kernel/origin.js';
import { ownScope } from '../../kernel/scope/process.js';
import { aFunction, anObjectOf, aValue } from '../../shared/validate.js';
import type { ErrorClass } from '../error-forms.js';
import { Journal } from '../face.js';
import { here } from '../here.js';
import type { Recording } from '../recording.js';
import { isBeginning, type JournalRecord } from '../records.js';
import { taskAround } from '../task.js';
import { awaitedBy } from '../wait-for.js';
import { type Death, DyingStore } from './dying-store.js';

/** Options of `explore`. All are optional. */
export interface ExploreOptions {
  /** The orchestrator that runs the function. Default: a new one. */
  // biome-ignore lint/suspicious/noExplicitAny: the state does not matter here
  readonly orchestrator?: Orchestrator<any> | undefined;
  /** Called before each exploration, to give fakes their first state again. Default: nothing is done. */
  readonly reset?: (() => unknown) | undefined;
  /** Signals that are sent once, as soon as the run exists, by name. Default: none. */
  readonly signals?: Readonly<Record<string, unknown>> | undefined;
  /** Classes of errors, as for a journal. Default: none. */
  readonly errors?: readonly ErrorClass[] | undefined;
}

/** Numbers of an exploration, as returned by `explore`. */
export interface Exploration {
  /** Number of programs that were killed. */
  readonly deaths: number;
  /** Number of records of a run that is not killed. */
  readonly records: number;
}

const readOptions = anObjectOf<ExploreOptions>({
  orchestrator: anOrchestrator,
  reset: aFunction,
  signals: aValue<Readonly<Record<string, unknown>>>('an object', (value) => typeof value === 'object'),
  errors: aValue<readonly ErrorClass[]>('an array of error classes', Array.isArray),
});

/** Id of every run that is explored. */
const id = 'explored';

/** Number of looks at a run in a second, after which a signal that it waits for is missing. */
const looksForSignals = 20;

/** The end of a run. */
type Ending =
  | { readonly status: 'fulfilled'; readonly value: unknown }
  | { readonly status: 'rejected'; readonly reason: unknown };

/**
 * Tests that a function survives a crash at every point. Runs the function once without a crash; then once for each of
 * its records, killed while the record is written, before and after it is stored, and continued; then once killed at
 * every record. Asserts that the result is always the same, and that no recorded task is executed again. The program is not really killed: it is cut off from its journal, and left behind.
 *
 * @param fn - the function of the run
 * @throws {Error} if a killed run differs; the message says where it was killed and what differs. Also if the run has
 *   done nothing for a second but wait for a signal that is not in `signals`
 * @example
 * it('survives a crash at every point', () => explore(() => importAll(fakes), { reset: () => fakes.reset() }));
 */
export async function explore(fn: () => unknown, options: ExploreOptions = {}): Promise<Exploration> {
  aFunction(fn, 'fn');
  const read = readOptions(options);
  const explorer = new Explorer(fn, { ...read, orchestrator: read.orchestrator ?? new Orchestrator() });
  const remove = instrument({ task: (_record, work) => explorer.watch(work) });
  try {
    return await explorer.explore();
  } finally {
    remove();
  }
}

class Explorer {
  #store = new DyingStore();
  #deaths = 0;
  /** Identities of tasks that were executed although they were recorded. */
  readonly #repeated: string[] = [];
  /** Identities with an outcome, and the incarnation that they belong to, before the present program. */
  #recorded: ReadonlySet<string> = new Set();
  #incarnation: number | undefined;
  /** The recording of the present incarnation. */
  #recording: Recording | undefined;
  /** Number of tasks that the present incarnation is executing. */
  #executing = 0;
  #haveSent = false;

  constructor(
    private readonly fn: () => unknown,
    private readonly options: ExploreOptions & {
      // biome-ignore lint/suspicious/noExplicitAny: as above
      readonly orchestrator: Orchestrator<any>;
    },
  ) {}

  async watch(work: () => Promise<unknown>): Promise<unknown> {
    const { identity, branch } = taskAround(ownScope()) ?? {};
    const recording = branch?.recording;
    if (identity === undefined || recording === undefined || recording !== this.#recording) return work();
    if (recording.created === this.#incarnation && this.#recorded.has(identity)) this.#repeated.push(identity);
    this.#executing++;
    try {
      return await work();
    } finally {
      if (recording === this.#recording) this.#executing--;
    }
  }

  async explore(): Promise<Exploration> {
    await this.#reset();
    const expected = (await this.#live()) as Ending;
    const records = this.#store.written;
    for (let at = 1; at <= records; at++) {
      for (const isStored of [false, true]) {
        await this.#reset();
        await this.#live({ at, isStored });
        const where = `killed ${isStored ? 'after' : 'before'} record ${at} of ${records} was stored`;
        this.#compare(where, expected, (await this.#live()) as Ending);
      }
    }
    await this.#reset();
    let ending: Ending | undefined;
    // The first record of every program but the first only counts the lives.
    for (let lives = 0; ending === undefined && lives <= 2 * records + 2; lives++) {
      ending = await this.#live({ at: 2, isStored: true });
    }
    ending ??= await this.#live();
    this.#compare('killed at every record', expected, ending as Ending);
    return { deaths: this.#deaths, records };
  }

  async #reset(): Promise<void> {
    this.#store = new DyingStore();
    this.#haveSent = false;
    await this.options.reset?.();
  }

  /** Runs one program. Returns how the run has ended, or `undefined` if the program has died. */
  async #live(death?: Death): Promise<Ending | undefined> {
    const { orchestrator, errors } = this.options;
    await this.#readRecorded();
    const died = this.#store.begin(death);
    const journal = new Journal(this.#store, errors === undefined ? {} : { errors });
    const former = await journal.get(id);
    // Starting a failed run again would execute its failures again.
    if (former?.status === 'failed') return { status: 'rejected', reason: former.error };
    const controller = new AbortController();
    const { signal } = controller;
    const run = orchestrator.run(() => this.#call(), { id, journal, name: 'explored', signal });
    const ended = run.then(
      (value: unknown): Ending => ({ status: 'fulfilled', value }),
      (reason: unknown): Ending => ({ status: 'rejected', reason }),
    );
    await this.#sendSignals(journal);
    const watch = this.#watchForSignals();
    const ending = await Promise.race([ended, died, watch.missing]).finally(watch.end);
    if (typeof ending === 'string') {
      controller.abort();
      throw new Error(
        `the run waits for the signal "${ending}", of which none is left, and does nothing else: add it to signals`,
      );
    }
    if (ending !== undefined) return ending;
    this.#deaths++;
    // Code that was resumed before the death goes on until it waits.
    await new Promise((resolve) => setImmediate(resolve));
    this.#leaveBehind();
    return undefined;
  }

  /** Lets the program end although code of a killed run sleeps. */
  #leaveBehind(): void {
    this.#recording?.timers.unref();
  }

  #call(): unknown {
    this.#recording = here('explore').branch.recording;
    this.#executing = 0;
    return this.fn();
  }

  /** Waits until the run has done nothing for a second but wait for a signal, and resolves with the signal's name. */
  #watchForSignals() {
    let end = () => {};
    const missing = new Promise<string>((resolve) => {
      let looks = 0;
      // Many looks instead of one, because a busy machine may let a second pass in which nothing is executed.
      const timer = setInterval(() => {
        const name = this.#missingSignal();
        looks = name === undefined ? 0 : looks + 1;
        if (name !== undefined && looks === looksForSignals) resolve(name);
      }, 1_000 / looksForSignals);
      end = () => clearInterval(timer);
    });
    return { missing, end };
  }

  /** Returns the name of a signal that the run waits for if it does nothing else. */
  #missingSignal(): string | undefined {
    const recording = this.#recording;
    if (recording === undefined || this.#executing > 0 || !recording.timers.isIdle) return undefined;
    const names = Array.from(recording.pending)
      // A nested run is under way as long as what is inside it.
      .filter(({ identity }) => identity.includes(' '))
      .map(({ identity }) => awaitedBy(identity));
    return names.includes(undefined) ? undefined : names[0];
  }

  async #sendSignals(journal: Journal): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#haveSent || (await this.#store.read(id)) === undefined) return;
    this.#haveSent = true;
    for (const [name, value] of Object.entries(this.options.signals ?? {})) await journal.signal(id, name, value);
  }

  /** Notes the recorded tasks, and forgets the program before. */
  async #readRecorded(): Promise<void> {
    this.#recording = undefined;
    const parsed = this.#store.stored.map((text) => JSON.parse(text) as JournalRecord);
    this.#incarnation = (await this.#store.read(id))?.header.created;
    this.#recorded = new Set(parsed.flatMap((record) => ('i' in record && !isBeginning(record) ? [record.i] : [])));
  }

  #compare(where: string, expected: Ending, ending: Ending): void {
    const [again] = this.#repeated;
    if (again !== undefined) throw new Error(`${where}, the run executed ${again} again, which was recorded`);
    if (isDeepStrictEqual(simple(ending), simple(expected))) return;
    throw new Error(`${where}, the run ended with another result`, { cause: { expected, actual: ending } });
  }
}

/** Returns an ending in a form that can be compared. */
function simple(ending: Ending): unknown {
  if (ending.status === 'fulfilled') return ending;
  const { name, message } = Object(ending.reason);
  return { status: ending.status, name, message };
}
