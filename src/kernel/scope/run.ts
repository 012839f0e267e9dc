import { randomUUID } from 'node:crypto';
import { ValidationError } from '../../shared/errors.js';
import { aFunction, aLimit, aName, anObjectOf, anyState, aSignal, aValue, type Schema } from '../../shared/validate.js';
import { Cancellation, cancellationOf, limit } from '../cancellation.js';
import { processChannel } from '../hooks/channels.js';
import type { ProcessRecord } from '../hooks/events.js';
import { isWatched, watched } from '../hooks/instrumentation.js';
import { live, Running } from './lifecycle.js';
import { type Core, currentScope, enter, type Life, ownScope, Process, type Recorder, type Scope } from './process.js';

/**
 * Options of `orchestrator.run`. All are optional: by default, a run has a new UUID as its id, starts from a copy of
 * the orchestrator's initial state, and has no time limit.
 *
 * @example
 * await orchestrator.run(work, { id: 'import-42', state: { page: 1 }, signal: controller.signal, timeout: 60_000 });
 */
export interface RunOptions<State> {
  /** Name of the process, in hooks and telemetry. Default: the name of the orchestrator. */
  readonly name?: string | undefined;
  /** Id of the process: a non-empty string. Default: a new UUID. */
  readonly id?: string | undefined;
  /**
   * State for this run only, which overrides the initial state key by key. Cannot be combined with `sharedState`.
   * Default: none.
   */
  readonly state?: Partial<State> | undefined;
  /**
   * Signal that aborts the run: pending work rejects with the signal's reason, and no new work starts. Default: none.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Limit of the whole run, in milliseconds. When the limit is reached, the run is aborted with a `TimeoutError`.
   * `null`, 0 or Infinity for none. Default: none.
   */
  readonly timeout?: number | null | undefined;
  /**
   * Journal of `orchestrator/durable`, in which the finished tasks of the run are recorded. After a crash, a run with
   * the same `id` and `journal` goes on where it was. Needs an `id`. Default: nothing is recorded.
   */
  readonly journal?: Recorder | undefined;
}

export const runReaders: Schema<RunOptions<object>> = {
  name: aName,
  id: aName,
  state: anyState,
  signal: aSignal,
  timeout: aLimit,
  journal: aValue<Recorder>(
    'a journal of orchestrator/durable',
    (value) => typeof (value as Recorder | null)?.record === 'function',
  ),
};

const readRunOptions = anObjectOf<RunOptions<object>, ReadRunOptions>(runReaders);

/**
 * Argument of the function that `orchestrator.run` calls: the id, state and signal of the process. Code in the process
 * can also read the state and signal from the orchestrator (`getState()`, `signal`).
 */
export interface CurrentProcess<State = unknown> {
  /** The id of the process: the `id` given to `run`, or a UUID. */
  readonly id: string;
  /** The state of the process, to read and to change. Hooks receive the same object. */
  readonly context: State;
  /** The abort signal of the process. It aborts when the run is aborted or reaches its limit. */
  readonly signal: AbortSignal;
}

/** Options after validation. Infinity means no limit. */
type ReadRunOptions = RunOptions<object> & { readonly timeout?: number | undefined };

/**
 * Runs `work` as a process.
 *
 * @param own - the object that becomes the state of the process. Default: a copy of the initial state
 */
export async function run<Result>(
  core: Core,
  work: (process: CurrentProcess) => Result,
  options: unknown = {},
  own?: object,
): Promise<Awaited<Result>> {
  aFunction(work, 'run');
  const read = readRunOptions(options);
  const { name = core.name, id = randomUUID(), state, journal } = read;
  if (state !== undefined && core.states.isShared) throw sharesState();
  const initial = own ?? core.states.open(state);
  const recorder = journal ?? (own === undefined ? ownScope()?.branch : undefined);
  const settled =
    recorder === undefined
      ? execute(core, work, id, name, read, initial)
      : recorder.record({ core, id: read.id, name }, (life) => execute(core, work, id, name, read, initial, life));
  return settled as Awaited<Result>;
}

function execute(
  core: Core,
  work: (process: CurrentProcess) => unknown,
  id: string,
  name: string,
  { signal, timeout = Infinity }: ReadRunOptions,
  state: object,
  life?: Life,
): unknown {
  const given = signal && cancellationOf(signal);
  given?.throwIfAborted();
  const around = currentScope();
  around?.cancellation.throwIfAborted();
  const outer = parentOf(around);

  const sources = [around?.cancellation, given];
  const cancellation = new Cancellation(sources, timeout < Infinity || life !== undefined);
  limit(cancellation, name, timeout, life);
  const process = new Process(core, id, state, cancellation, outer);
  process.begin();

  const { onProcessBegin, onProcessCompletion } = core.hooks;
  const record = new RunningProcess(process, name, life?.number);
  const scope = { process, cancellation, outer };
  const call = () => work(new Current(process));
  const called = life === undefined ? call : () => life.call(record, scope, call);
  const entered = () =>
    enter(scope, () => live(record, process, scope, onProcessBegin, onProcessCompletion, called, cancellation));
  return isWatched(processChannel) ? watched('process', processChannel, record, entered) : entered();
}

/**
 * Returns the scope that becomes the parent of a new run. A process that already has its outcome cannot be a parent.
 */
function parentOf(scope: Scope | undefined): Scope | undefined {
  let parent = scope;
  while (parent?.process.hasOutcome) parent = parent.process.outer;
  return parent;
}

function sharesState(): ValidationError {
  return new ValidationError(
    'state cannot be given to a run with sharedState, because all runs work on one object: call setState() or leave sharedState out',
  );
}

/**
 * A run, as passed to its function. The fields are private, so printing or serialising the object by mistake reveals
 * nothing.
 */
class Current implements CurrentProcess {
  readonly #process: Process;

  constructor(process: Process) {
    this.#process = process;
  }

  get id(): string {
    return this.#process.id;
  }

  get context(): object {
    return this.#process.state;
  }

  get signal(): AbortSignal {
    return this.#process.cancellation.signal;
  }
}

/** A run, as passed to hooks. */
class RunningProcess extends Running implements ProcessRecord {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly time = Date.now();
  totalDuration = 0;
  replayed = 0;
  readonly #process: Process;

  constructor(
    process: Process,
    name: string,
    readonly life: number | undefined,
  ) {
    super(name, process.state);
    this.id = process.id;
    this.parentId = process.outer?.process.id;
    this.#process = process;
  }

  ended(duration: number): void {
    this.totalDuration = duration;
    this.#process.hasOutcome = true;
    this.#process.core.states.close(this.context);
  }
}
