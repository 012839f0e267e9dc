import { randomUUID } from 'node:crypto';
import { ValidationError } from '../shared/errors.js';
import { aFunction, aLimit, aName, anObjectOf, anyState, aSignal } from '../shared/validate.js';
import { Cancellation, cancellationOf } from './cancellation.js';
import { processChannel } from './channels.js';
import type { ProcessRecord } from './events.js';
import { isWatched, watched } from './instrumentation.js';
import { live, Running } from './lifecycle.js';
import { type Core, currentScope, enter, Process, type Scope } from './process.js';

/** What `orchestrator.run` takes. */
export interface RunOptions<State> {
  /** Name of the process. Default: that of the orchestrator. */
  readonly name?: string | undefined;
  /** Id of the process. Default: a new UUID. */
  readonly id?: string | undefined;
  /** Set over the initial state, for this run only. Not with `sharedState`. Default: nothing. */
  readonly state?: Partial<State> | undefined;
  /** Aborts the run: what is pending rejects with its reason, nothing new starts. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Limit of the whole run, in milliseconds; at its end the run is aborted with a `TimeoutError`. `null`, 0 or Infinity for
   * none. Default: none.
   */
  readonly timeout?: number | null | undefined;
}

const readRunOptions = anObjectOf<RunOptions<object>, ReadRunOptions>({
  name: aName,
  id: aName,
  state: anyState,
  signal: aSignal,
  timeout: aLimit,
});

/** What the function of `run` gets: what code in the process finds by the async context, for code that has none. */
export interface CurrentProcess<State = unknown> {
  /** The `id` given to `run`, else a UUID. */
  readonly id: string;
  /** The state of the process, to read and to change: the object that hooks get. */
  readonly context: State;
  /** Aborts when the run is aborted, or reaches its limit. It is made when it is first read. */
  readonly signal: AbortSignal;
}

/** Options as they are read: Infinity for no limit. */
type ReadRunOptions = RunOptions<object> & { readonly timeout?: number | undefined };

/**
 * Runs `work` as a process.
 *
 * @param given - the object that is to be its state. Default: a copy of the initial state
 */
export async function run<Result>(
  core: Core,
  work: (process: CurrentProcess) => Result,
  options: unknown = {},
  given?: object,
): Promise<Awaited<Result>> {
  aFunction(work, 'run');
  const read = readRunOptions(options);
  const { name = core.name, id = randomUUID(), state, signal, timeout = Infinity } = read;
  if (state !== undefined && core.states.isShared) throw sharesState();
  const initial = given ?? core.states.open(state);
  signal?.throwIfAborted();
  const around = currentScope();
  around?.cancellation.throwIfAborted();
  const outer = parentOf(around);

  const sources = [around?.cancellation, signal && cancellationOf(signal)];
  const cancellation = new Cancellation(sources, timeout < Infinity);
  if (timeout < Infinity) cancellation.limit(name, timeout);
  const process = new Process(core, id, initial, cancellation, outer);
  process.begin();

  const { onProcessBegin, onProcessCompletion } = core.hooks;
  const record = new RunningProcess(process, name);
  const scope = { process, cancellation, outer };
  const entered = () =>
    enter(scope, () =>
      live(record, process, scope, onProcessBegin, onProcessCompletion, () => work(new Current(process)), cancellation),
    );
  return (
    isWatched(processChannel) ? watched('process', processChannel, record, entered) : entered()
  ) as Awaited<Result>;
}

/** The scope of the run that a new one is a child of: a process that has its outcome is nobody's parent. */
function parentOf(scope: Scope | undefined): Scope | undefined {
  let parent = scope;
  while (parent?.process.hasOutcome) parent = parent.process.outer;
  return parent;
}

function sharesState(): ValidationError {
  return new ValidationError(
    'state cannot be given to a run with sharedState, because all runs work on one object: call setState(), or leave sharedState out',
  );
}

/** One run, as its function sees it. Where it is printed or sent by mistake, it gives nothing away. */
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

/** One run, as hooks see it. */
class RunningProcess extends Running implements ProcessRecord {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly time = Date.now();
  totalDuration = 0;
  readonly #process: Process;

  constructor(process: Process, name: string) {
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
