import { tracingChannel } from 'node:diagnostics_channel';
import type { RunEndEvent } from '../flow/index.js';
import type { ProcessRecord, TaskRecord, TaskRetryEvent } from '../index.js';
import type { Logger, LogLevel } from '../shared/logger.js';
import { messageFirst } from '../shared/logger.js';
import { aBoolean, aFunction, anObjectOf, aValue, type Schema } from '../shared/validate.js';
import { listenToRetries, listenToRunEnds, together } from './meters.js';
import { ProcessNames } from './process-names.js';
import { quietly } from './quietly.js';

/**
 * Names of the events that `logTo` logs: the beginning, completion, failure and cancellation of a process or task, and
 * the retry of a task. `LogOptions.levels` sets the level of each event.
 */
export type LogEvent = 'begin' | 'completion' | 'retry' | 'failure' | 'cancellation';

/**
 * Options of `logTo`. By default, processes and tasks are both logged, and the level of a line depends on its event.
 *
 * @example
 * logTo(console, { levels: { begin: false, completion: 'debug' }, tasks: false });
 */
export interface LogOptions {
  /**
   * Level for each kind of event. The level is also the name of the logger's method; `false` turns the event off.
   * Default: begin `debug`, completion `info`, retry `warn`, failure `error`, cancellation `warn`.
   */
  readonly levels?: Partial<Readonly<Record<LogEvent, LogLevel | false>>> | undefined;
  /** If true, processes are logged. Default: true. */
  readonly processes?: boolean | undefined;
  /** If true, tasks are logged. Default: true. */
  readonly tasks?: boolean | undefined;
  /**
   * Order of the logger's arguments: details first (`pino`) or message first (`console`). Default: `pino` for loggers
   * of pino or bunyan, else `console`.
   */
  readonly style?: 'pino' | 'console' | undefined;
}

type Levels = Readonly<Record<LogEvent, LogLevel | false>>;

const defaultLevels: Levels = {
  begin: 'debug',
  completion: 'info',
  retry: 'warn',
  failure: 'error',
  cancellation: 'warn',
};
const levelNames: readonly unknown[] = ['trace', 'debug', 'info', 'warn', 'error', false];
const aLevel = aValue<LogLevel | false>('trace, debug, info, warn, error or false', (value) =>
  levelNames.includes(value),
);
const readLevels = anObjectOf<Levels, Partial<Levels>>(
  Object.fromEntries(Object.keys(defaultLevels).map((event) => [event, aLevel])) as Schema<Levels>,
);

const readOptions = anObjectOf<LogOptions>({
  levels: readLevels,
  processes: aBoolean,
  tasks: aBoolean,
  style: aValue<LogOptions['style']>('pino or console', (value) => value === 'pino' || value === 'console'),
});

/** Writes a log line. */
type Write = (event: LogEvent, details: object, message: string) => void;

/**
 * Logs a line when a process or task begins, when it ends, and for each retry, in all orchestrators of this thread.
 * Lines contain names, ids, durations and errors, but no arguments, results or state. Errors that the logger throws are
 * ignored.
 *
 * @param logger - pino, console, or a logger with the same methods; needs the methods that `levels` names
 * @returns a function that stops the logging
 * @throws {ValidationError} if the logger lacks a method that `levels` names, or an option is unknown or has the
 *   wrong type
 *
 * @example
 * const stop = logTo(pino(), { levels: { begin: false } });
 */
export function logTo(logger: Partial<Logger>, options: LogOptions = {}): () => void {
  const { levels: given, processes = true, tasks = true, style } = readOptions(options);
  const levels = { ...defaultLevels, ...given };
  for (const level of Object.values(levels)) if (level !== false) aFunction(Object(logger)[level], `logger.${level}`);
  const target = messageFirst(logger as Logger, style);
  const write: Write = (event, details, message) => {
    const level = levels[event];
    if (level !== false) quietly(() => target[level]?.(message, details));
  };
  const ends: (() => void)[] = [];
  if (processes) ends.push(listen('orchestrator:process', processLines(write)), listenToRunEnds(runLine(write)));
  if (tasks) {
    const names = new ProcessNames();
    ends.push(listen('orchestrator:process', names));
    ends.push(listen('orchestrator:task', taskLines(write, names)), listenToRetries(retryLine(write, names)));
  }
  return together(...ends);
}

/** Callbacks for the beginning and the end of a process or task. */
interface Lines<Record> {
  begin(record: Record): void;
  end(record: Record): void;
}

function listen<Record extends object>(name: string, lines: Lines<Record>): () => void {
  const { start, asyncEnd } = tracingChannel<string, Record>(name);
  const begin = (record: unknown) => quietly(() => lines.begin(record as Record));
  const end = (record: unknown) => quietly(() => lines.end(record as Record));
  start.subscribe(begin);
  asyncEnd.subscribe(end);
  return () => {
    start.unsubscribe(begin);
    asyncEnd.unsubscribe(end);
  };
}

function processLines(write: Write): Lines<ProcessRecord> {
  const detailsOf = ({ id, parentId, name, life, replayed }: ProcessRecord) => ({
    processId: id,
    ...(parentId !== undefined && { parentId }),
    process: name,
    ...(life !== undefined && { life }),
    ...(replayed > 0 && { replayed }),
  });
  return {
    begin: (record) => write('begin', detailsOf(record), `process ${record.name} begins`),
    end: (record) => writeEnd(write, `process ${record.name}`, detailsOf(record), record, record.totalDuration),
  };
}

function taskLines(write: Write, names: ProcessNames): Lines<TaskRecord> {
  const detailsOf = (record: TaskRecord) => taskDetails(record, names);
  return {
    begin: (record) => write('begin', detailsOf(record), `task ${record.name} begins`),
    end: (record) => {
      const { name, attempts, duration } = record;
      // The retry already has a line.
      if (record.isRetried) return;
      writeEnd(write, `task ${name}`, { ...detailsOf(record), attempts }, record, duration);
    },
  };
}

function retryLine(write: Write, names: ProcessNames): (event: TaskRetryEvent) => void {
  return (event) => {
    const { name, attempt, retriesLeft, delay, error } = event;
    const details = { ...taskDetails(event, names), attempt, retriesLeft, delay, err: error };
    write('retry', details, `task ${name} failed attempt ${attempt}, again in ${delay} ms: ${error.message}`);
  };
}

/**
 * Logs the end of a run on a fleet, whose processes are single jobs. A run in this process is already covered by the
 * line of its process.
 */
function runLine(write: Write): (event: RunEndEvent) => void {
  return ({ runId, workflow, status, duration: milliseconds, error, engine }) => {
    if (engine === undefined) return;
    const duration = Math.round(milliseconds);
    const reason = error === undefined ? '' : `: ${error}`;
    const event = status === 'completed' ? 'completion' : status === 'cancelled' ? 'cancellation' : 'failure';
    const details = { runId, workflow, engine, status, duration, ...(error !== undefined && { reason: error }) };
    write(event, details, `run ${runId} of ${workflow} ${status} after ${duration} ms${reason}`);
  };
}

type TaskIds = Pick<TaskRecord, 'id' | 'processId' | 'name'>;

function taskDetails({ id, processId, name }: TaskIds, names: ProcessNames): object {
  const process = names.of(processId);
  return process === undefined ? { taskId: id, processId, task: name } : { taskId: id, processId, process, task: name };
}

function writeEnd(
  write: Write,
  subject: string,
  details: object,
  { status, error }: Pick<ProcessRecord, 'status' | 'error'>,
  milliseconds: number,
): void {
  const duration = Math.round(milliseconds * 1000) / 1000;
  const message = `${subject} ${status} after ${duration} ms`;
  const ended = { ...details, status, duration };
  if (status === 'completed') write('completion', ended, message);
  else {
    const reason = (error as { readonly message?: unknown } | undefined)?.message ?? error;
    write(status === 'failed' ? 'failure' : 'cancellation', { ...ended, err: error }, `${message}: ${reason}`);
  }
}
