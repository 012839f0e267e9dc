import type { TracingChannel } from 'node:diagnostics_channel';
import { isPromiseLike } from '../shared/promise-like.js';
import { aFunction, anObjectOf } from '../shared/validate.js';
import type { GroupRecord, ProcessRecord, TaskRecord } from './events.js';

/** What goes with work to where it is carried out, as text: trace context (`traceparent`) and the like. */
export type Carrier = Readonly<Record<string, string>>;

/**
 * What is around all work of the program, whichever orchestrator it is of, and whether it is called, or a node of a flow,
 * a worker or a loop: for tracing and the like, which must be around the work and not beside it. Where nobody has to be
 * around it, hooks and `node:diagnostics_channel` are cheaper.
 *
 * Each of the first three is called with a record and with the work, which it calls at once, in whatever context the
 * work is to have. When the work has settled, the record is complete. It observes: what it returns and throws is
 * dropped, and where it does not call the work, that is done all the same.
 */
export interface Instrumentation {
  /** Around a process, its hooks among it. */
  process?(record: ProcessRecord, work: () => Promise<unknown>): unknown;
  /** Around a task, its hooks, middleware and attempts among it. */
  task?(record: TaskRecord, work: () => Promise<unknown>): unknown;
  /** Around what `parallel` and `map` have running side by side. */
  group?(record: GroupRecord, work: () => Promise<unknown>): unknown;
  /** What is to go with work that leaves: a run that is started on a fleet, a message between loops. Default: nothing. */
  capture?(): Carrier | undefined;
  /** Calls work that has come with a carrier, in the context that this tells of; an empty one means none. */
  restore?<Result>(carrier: Carrier, work: () => Result): Result;
}

const readInstrumentation = anObjectOf<Instrumentation>({
  process: aFunction,
  task: aFunction,
  group: aFunction,
  capture: aFunction,
  restore: aFunction,
});

/** The first is the outermost. A list is replaced, never changed. */
let installed: readonly Instrumentation[] = [];

/**
 * Puts an instrumentation around all work of the program that begins from now on.
 *
 * @returns a function that takes it away again
 * @throws {ValidationError} for a field that is unknown or no function
 * @example
 * const remove = instrument({
 *   task: (record, work) => storage.run(record.id, work),
 * });
 */
export function instrument(instrumentation: Instrumentation): () => void {
  const read = readInstrumentation(instrumentation, 'instrumentation');
  installed = [...installed, read];
  return () => {
    installed = installed.filter((other) => other !== read);
  };
}

/** Whether anybody is around the work. */
export function isInstrumented(): boolean {
  return installed.length > 0;
}

/** What is to go with work that leaves. */
export function captured(): Carrier | undefined {
  let carrier: Carrier | undefined;
  for (const { capture } of installed) carrier = merged(carrier, capture);
  return carrier;
}

function merged(carrier: Carrier | undefined, capture: Instrumentation['capture']): Carrier | undefined {
  try {
    const own = capture?.();
    return own === undefined ? carrier : { ...carrier, ...own };
  } catch {
    return carrier;
  }
}

/** Calls work in the context that it has come with. */
export function restored<Result>(carrier: Carrier, work: () => Result): Result {
  let call = work;
  for (let index = installed.length - 1; index >= 0; index--) {
    const restore = installed[index]?.restore;
    if (restore !== undefined) call = enclosed(restore as Around<Carrier, Result>, carrier, call);
  }
  return call();
}

/** Whether somebody is told of work of a kind, or is around it. */
export function isWatched({ hasSubscribers }: { readonly hasSubscribers: boolean }): boolean {
  return hasSubscribers || installed.length > 0;
}

/** Carries out work that is watched. Who is told of it stands inside of those who are around it: what they note belongs there. */
export function watched<Record extends object>(
  kind: 'process' | 'task' | 'group',
  channel: TracingChannel<Record>,
  record: Record,
  work: () => unknown,
): Promise<unknown> {
  const start = async () => work();
  let call = start;
  if (channel.hasSubscribers) call = () => channel.tracePromise(start, record);
  for (let index = installed.length - 1; index >= 0; index--) {
    const around = installed[index]?.[kind];
    if (around !== undefined) call = enclosed(around as Around<Record, Promise<unknown>>, record, call);
  }
  const pending = call();
  // A promise of its own: who is around the work has handled the other, and a failure that nobody handles must be heard of.
  return call === start ? pending : pending.then();
}

type Around<Given, Result> = (given: Given, work: () => Result) => unknown;

/** Whatever the one around it does, the work is done once, and gives or throws what it does. */
function enclosed<Given, Result>(around: Around<Given, Result>, given: Given, work: () => Result): () => Result {
  return () => {
    let outcome: (() => Result) | undefined;
    const once = () => {
      outcome ??= outcomeOf(work);
      return outcome();
    };
    const returned = observed(() => around(given, once));
    const result = once();
    if (returned !== result) observed(() => isPromiseLike(returned) && returned.then(undefined, () => {}));
    return result;
  };
}

/** What others do who only look on. */
function observed(call: () => unknown): unknown {
  try {
    return call();
  } catch {
    return undefined;
  }
}

function outcomeOf<Result>(work: () => Result): () => Result {
  try {
    const result = work();
    return () => result;
  } catch (thrown) {
    return () => {
      throw thrown;
    };
  }
}
