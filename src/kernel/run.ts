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
  /** Limit of the whole run, in milliseconds; at its end the run is aborted with a `TimeoutError`. Default: none. */
  readonly timeout?: number | undefined;
}

const readRunOptions = anObjectOf<RunOptions<object>>({
  name: aName,
  id: aName,
  state: anyState,
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
    enter(scope, () => live(record, process, scope, onProcessBegin, onProcessCompletion, () => work(), cancellation));
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
