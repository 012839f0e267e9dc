import { fieldOf } from '../shared/failures.js';
import { aFunction, aLimit, anObjectOf } from '../shared/validate.js';
import { Cancellation, cancellationOf } from './cancellation.js';
import { failureText } from './failure-text.js';
import type { Orchestrator } from './orchestrator.js';
import { anOrchestrator } from './origin.js';
import { type CurrentProcess, type RunOptions, runReaders } from './scope/run.js';

/**
 * Options of `runMain`: the options of `orchestrator.run`, and a time limit for the shutdown.
 *
 * @example
 * await runMain(orchestrator, main, { name: 'nightly import', timeout: 3_600_000, grace: 30_000 });
 */
export interface MainOptions<State> extends RunOptions<State> {
  /**
   * Milliseconds that the program may take to end by itself after an interrupt or a failure, up to 2147483647.
   * Afterwards, the program is terminated. `null`, 0 or Infinity for no limit. Default: 10000.
   */
  readonly grace?: number | null | undefined;
}

/** Options after validation. Infinity means no limit. */
type Read = RunOptions<object> & { readonly grace?: number };

const readMainOptions = anObjectOf<MainOptions<object>, Read>({ ...runReaders, grace: aLimit });

/** Signals that interrupt a program, with the exit code of each: 128 plus the number of the signal. */
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Runs the main function of a script as a process that shuts down cleanly.
 *
 * - Ctrl-C (`SIGINT`) and `SIGTERM` abort the run, and the exit code is 130 or 143. A second signal ends the program
 *   immediately.
 * - A failure is printed to stderr once, with its causes but without values. The exit code is 1, unless the function
 *   has set `process.exitCode` to another code than 0.
 * - The program ends when nothing keeps it alive any more. After a failure or an interrupt, it is terminated if it is
 *   still alive after `grace` milliseconds.
 *
 * @param main - receives the process, like the function passed to `orchestrator.run`
 * @param options - options of the run, and `grace`
 * @returns a promise that resolves after `main` has settled: with the result of `main`, or with `undefined` after a
 *   failure or an interrupt. Rejects with a `ValidationError` if an argument or an option is not valid
 * @example
 * await runMain(orchestrator, async ({ signal }) => {
 *   for (const id of ids) await importUser(id, { signal });
 * });
 */
export async function runMain<State extends object, Result>(
  orchestrator: Orchestrator<State>,
  main: (this: void, process: CurrentProcess<State>) => Result,
  options: MainOptions<State> = {},
): Promise<Awaited<Result> | undefined> {
  anOrchestrator(orchestrator, 'orchestrator');
  aFunction(main, 'main');
  const { grace = 10_000, signal, ...rest } = readMainOptions(options) as Read & RunOptions<State>;
  const ending = new Ending(grace);
  const cancellation = new Cancellation([signal && cancellationOf(signal)], true);
  const release = onInterrupt((name) => {
    ending.begin(exitCodes[name]);
    cancellation.abort(new DOMException(`Interrupted by ${name}`, 'AbortError'));
  });
  let pending: Promise<Awaited<Result>> | undefined;
  const work = (current: CurrentProcess<State>) => {
    pending = (async () => main(current))() as Promise<Awaited<Result>>;
    return pending;
  };
  try {
    // A cancellation stands in for a signal.
    return await orchestrator.run(work, { ...rest, signal: cancellation as unknown as AbortSignal });
  } catch (error) {
    ending.fail(error);
    // After an abort, the process rejects at once, and the function settles a moment later.
    await pending?.catch((later) => ending.fail(later));
    return undefined;
  } finally {
    release();
    cancellation.close();
  }
}

/**
 * Calls `interrupt` on the first signal, and ends the program on the second. Returns a function that removes the
 * listeners.
 */
function onInterrupt(interrupt: (name: keyof typeof exitCodes) => void): () => void {
  let isInterrupted = false;
  const onSignal = (name: NodeJS.Signals) => {
    const known = name as keyof typeof exitCodes;
    if (isInterrupted) process.exit(exitCodes[known]);
    isInterrupted = true;
    interrupt(known);
  };
  const names = Object.keys(exitCodes) as (keyof typeof exitCodes)[];
  for (const name of names) process.on(name, onSignal);
  return () => {
    for (const name of names) process.off(name, onSignal);
  };
}

/** The shutdown of a program that was interrupted or has failed. */
class Ending {
  #isInterrupted = false;
  #reported: unknown;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly grace: number) {}

  /** Begins the shutdown: from now on, the program has `grace` milliseconds to end. */
  begin(exitCode: number): void {
    this.#isInterrupted = true;
    process.exitCode = exitCode;
    this.#limit();
  }

  /** Reports a failure, unless the failure follows from an interrupt or was already reported. */
  fail(error: unknown): void {
    if (this.#isInterrupted && isAbort(error)) return;
    if (this.#reported !== undefined && (isAbort(error) || isPartOf(this.#reported, error))) return;
    this.#reported = error;
    // If stderr is a pipe that nobody reads any more, the program still ends in good order.
    process.stderr.on('error', ignore).write(`${failureText(error)}\n`);
    if (Number(process.exitCode ?? 0) === 0) process.exitCode = 1;
    this.#limit();
  }

  #limit(): void {
    if (this.grace === Infinity) return;
    // The timer does not keep the program alive by itself.
    this.#timer ??= setTimeout(() => process.exit(), this.grace).unref();
  }
}

function isAbort(error: unknown): boolean {
  return fieldOf(error, 'name') === 'AbortError';
}

/** Returns true if the value is the reported error, or was thrown and is its cause because it is not an error. */
function isPartOf(reported: unknown, thrown: unknown): boolean {
  return Object.is(reported, thrown) || Object.is(fieldOf(reported, 'cause'), thrown);
}

function ignore(): void {}
