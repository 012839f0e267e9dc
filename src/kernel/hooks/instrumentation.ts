import type { TracingChannel } from 'node:diagnostics_channel';
import { isPromiseLike } from '../../shared/promise-like.js';
import { aFunction, anObjectOf } from '../../shared/validate.js';
import type { GroupRecord, ProcessRecord, TaskRecord } from './events.js';

/**
 * Trace context (`traceparent`) and similar context, as text, that travels with work to the worker or loop that
 * executes the work. Created by `Instrumentation.capture` and applied by `Instrumentation.restore`.
 */
export type Carrier = Readonly<Record<string, string>>;

/**
 * Wraps all work of the program, in every orchestrator: called actions, nodes of a flow, work of a fleet's workers, and
 * loops. Meant for tracing and similar uses that must surround the work. If observing is enough, hooks and
 * `node:diagnostics_channel` are cheaper.
 *
 * `process`, `task` and `group` receive a record and the work. They must call the work synchronously, in the context in
 * which the work should run. When the work has settled, the record is complete. An instrumentation cannot change the
 * work: its results and errors are ignored, and work that it does not call is called anyway.
 */
export interface Instrumentation {
  /** Surrounds a process, including its hooks. */
  process?(record: ProcessRecord, work: () => Promise<unknown>): unknown;
  /** Surrounds a task, including its hooks, middleware and attempts. */
  task?(record: TaskRecord, work: () => Promise<unknown>): unknown;
  /** Surrounds the concurrent actions of a call of `parallel`, `map` or `any`, or of an iteration of `each`. */
  group?(record: GroupRecord, work: () => Promise<unknown>): unknown;
  /**
   * Returns the context to send along with work that leaves the program, such as a run on a fleet or a message between
   * loops. Default: none.
   */
  capture?(): Carrier | undefined;
  /**
   * Calls `work` in the context that the carrier describes. An empty carrier means no context. Default: calls `work`
   * directly.
   */
  restore?<Result>(carrier: Carrier, work: () => Result): Result;
}

const readInstrumentation = anObjectOf<Instrumentation>({
  process: aFunction,
  task: aFunction,
  group: aFunction,
  capture: aFunction,
  restore: aFunction,
});

/** Installed instrumentations, outermost first. The list is replaced on every change. */
let installed: readonly Instrumentation[] = [];

/**
 * Installs an instrumentation around all work of the program that begins from now on. The instrumentation installed
 * first is the outermost.
 *
 * @param instrumentation - the functions to call around work; all are optional
 * @returns a function that removes the instrumentation
 * @throws {ValidationError} if a field is unknown or not a function
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

/** Returns true if an instrumentation is installed. */
export function isInstrumented(): boolean {
  return installed.length > 0;
}

/** Returns the merged context of all instrumentations, for work that leaves the program. */
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

/** Calls work in the context that was sent with it. */
export function restored<Result>(carrier: Carrier, work: () => Result): Result {
  return within(installed, 'restore', carrier, work);
}

/** Returns true if work of this kind has subscribers or an instrumentation. */
export function isWatched({ hasSubscribers }: { readonly hasSubscribers: boolean }): boolean {
  return hasSubscribers || installed.length > 0;
}

/**
 * Runs observed work. Subscribers are called inside the instrumentations, so that everything they record belongs to the
 * context set up by the instrumentations.
 */
export function watched<Record extends object>(
  kind: 'process' | 'task' | 'group',
  channel: TracingChannel<Record>,
  record: Record,
  work: () => unknown,
): Promise<unknown> {
  const start = () => promiseOf(work);
  const call = channel.hasSubscribers ? () => channel.tracePromise(start, record) : start;
  // Observers handle rejections of their promise, so a new promise is returned: a failure that the caller does not
  // handle must still be reported as unhandled.
  return within(installed, kind, record, call).then();
}

/** Returns the promise of the work. If the work throws, the promise is rejected. */
function promiseOf(work: () => unknown): Promise<unknown> {
  try {
    return Promise.resolve(work());
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

type Around<Given, Result> = (given: Given, work: () => Result) => unknown;

/** Calls work inside the instrumentations from the given index on that have a function of this kind. */
function within<Given, Result>(
  instrumentations: readonly Instrumentation[],
  kind: 'process' | 'task' | 'group' | 'restore',
  given: Given,
  work: () => Result,
  from = 0,
): Result {
  for (let index = from; index < instrumentations.length; index++) {
    const around = instrumentations[index]?.[kind] as Around<Given, Result> | undefined;
    if (around === undefined) continue;
    return enclosed(around, given, () => within(instrumentations, kind, given, work, index + 1));
  }
  return work();
}

/** Runs work exactly once, and settles with the work's own outcome, regardless of the instrumentation. */
function enclosed<Given, Result>(around: Around<Given, Result>, given: Given, work: () => Result): Result {
  let outcome: Outcome<Result> | undefined;
  const once = () => {
    outcome ??= outcomeOf(work);
    if ('thrown' in outcome) throw outcome.thrown;
    return outcome.result;
  };
  let returned: unknown;
  try {
    returned = around(given, once);
  } catch {}
  const result = once();
  if (returned !== result) ignoreFailure(returned);
  return result;
}

type Outcome<Result> = { readonly result: Result } | { readonly thrown: unknown };

function outcomeOf<Result>(work: () => Result): Outcome<Result> {
  try {
    return { result: work() };
  } catch (thrown) {
    return { thrown };
  }
}

/** Ignores the rejection of what an instrumentation has returned. Reading `then` of the value may throw. */
function ignoreFailure(returned: unknown): void {
  try {
    if (isPromiseLike(returned)) returned.then(undefined, () => {});
  } catch {}
}
