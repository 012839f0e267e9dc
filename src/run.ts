import { randomUUID } from 'node:crypto';
import { Cancellation, cancellationOf } from './cancellation.js';
import { processChannel } from './channels.js';
import type { ProcessRecord } from './events.js';
import { isWatched, watched } from './instrumentation.js';
import { live, Running } from './lifecycle.js';
import { type Core, currentScope, enter, Process } from './process.js';
import { aFunction, aLimit, aName, anObjectOf, aSignal, aState } from './validate.js';

/** What `orchestrator.run` takes. */
export interface RunOptions<State> {
  /** Name of the process. Default: that of the orchestrator. */
  readonly name?: string | undefined;
  /** Id of the process. Default: a new UUID. */
  readonly id?: string | undefined;
  /** Set over the initial state, for this run only. Default: nothing. */
  readonly state?: Partial<State> | undefined;
  /** Aborts the run: what is pending rejects with its reason, nothing new starts. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /** Limit of the whole run, in milliseconds; at its end the run is aborted with a `TimeoutError`. Default: none. */
  readonly timeout?: number | undefined;
}

const readRunOptions = anObjectOf<RunOptions<object>>({
  name: aName,
  id: aName,
  state: aState,
  signal: aSignal,
  timeout: aLimit,
});

/**
 * Runs `work` as a process.
 *
 * @param given - the object that is to be its state. Default: a copy of the initial state
 */
export async function run<Result>(
  core: Core,
  work: () => Result,
  options: unknown = {},
  given?: object,
): Promise<Awaited<Result>> {
  aFunction(work, 'run');
  const read = readRunOptions(options);
  const { name = core.name, id = randomUUID(), state, signal, timeout = Infinity } = read;
  const initial = given ?? core.states.open(state);
  signal?.throwIfAborted();
  const outer = currentScope();
  outer?.cancellation.throwIfAborted();

  const sources = [outer?.cancellation, signal && cancellationOf(signal)];
  const cancellation = new Cancellation(sources, timeout < Infinity);
  if (timeout < Infinity) cancellation.limit(name, timeout);
  const process = new Process(core, id, initial, cancellation, outer);
  process.begin();

  const { onProcessBegin, onProcessCompletion } = core.hooks;
  const record = new RunningProcess(process, name);
  const scope = { process, cancellation, outer };
  const entered = () =>
    enter(scope, () => live(record, process, scope, onProcessBegin, onProcessCompletion, () => work(), cancellation));
  return (
    isWatched(processChannel) ? watched('process', processChannel, record, entered) : entered()
  ) as Awaited<Result>;
}

/** One run, as hooks see it. */
class RunningProcess extends Running implements ProcessRecord {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly time = Date.now();
  totalDuration = 0;
  readonly #states: Core['states'];

  constructor({ id, outer, core, state }: Process, name: string) {
    super(name, state);
    this.id = id;
    this.parentId = outer?.process.id;
    this.#states = core.states;
  }

  ended(duration: number): void {
    this.totalDuration = duration;
    this.#states.close(this.context);
  }
}
