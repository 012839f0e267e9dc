import { aBoolean, anObjectOf, aValue } from '../shared/validate.js';
import { ascii, type Symbols, unicode } from './layout/symbols.js';
import type { Filter } from './watch.js';

/**
 * Options of `showProgress`. The defaults suit scripts: progress on standard error, live in a terminal, plain lines in
 * CI and in files.
 *
 * @example
 * showProgress({ filter: 'import', interval: 500, summary: false });
 */
export interface ProgressOptions {
  /** Stream that progress is written to. Default: `process.stderr`, which leaves standard output to the script. */
  readonly stream?: NodeJS.WritableStream | undefined;
  /**
   * If true, lines change in place; if false, each line is written once. Default: true if the stream is a terminal,
   * `TERM` is not `dumb`, and `CI` is not set.
   */
  readonly interactive?: boolean | undefined;
  /**
   * If true, the output has colours. Default: decided by `NO_COLOR`, then by `FORCE_COLOR`. If neither is set, true if
   * the stream is a terminal with colours.
   */
  readonly colour?: boolean | undefined;
  /**
   * Selects the processes to show, with everything inside them: by name, or by a predicate of the process record. The
   * name of a process is the name of its orchestrator unless `run` sets another. Default: all processes of the program.
   */
  readonly filter?: string | Filter | undefined;
  /**
   * Milliseconds between two updates of the display, or between two lines about the same counted tasks, from 10 to
   * 60000. Default: 80 if lines change in place, else 1000.
   */
  readonly interval?: number | undefined;
  /** If true, a summary is written at the end. Default: true. */
  readonly summary?: boolean | undefined;
}

/** Settings of a display: its options with the defaults filled in. */
export interface Setting {
  readonly stream: Stream;
  readonly isInteractive: boolean;
  readonly colour: boolean;
  readonly filter: Filter | undefined;
  readonly interval: number;
  readonly hasSummary: boolean;
  readonly symbols: Symbols;
}

/** A stream that may be a terminal. */
export type Stream = NodeJS.WritableStream &
  Partial<Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'rows' | 'hasColors' | 'getWindowSize'>>;

type Environment = Readonly<Record<string, string | undefined>>;

const readProgressOptions = anObjectOf<ProgressOptions>({
  stream: aValue<Stream>('a writable stream', (value) => typeof (value as Stream | null)?.write === 'function'),
  interactive: aBoolean,
  colour: aBoolean,
  filter: aValue<string | Filter>(
    'a non-empty string or a function',
    (value) => typeof value === 'function' || (typeof value === 'string' && value !== ''),
  ),
  interval: aValue<number>(
    'a number of milliseconds from 10 to 60000',
    (value) => typeof value === 'number' && value >= 10 && value <= 60_000,
  ),
  summary: aBoolean,
});

/**
 * Validates the options and fills in the defaults.
 *
 * @throws {ValidationError} if an option is not valid; the message names the field
 */
export function settingOf(given: unknown = {}, environment: Environment = process.env): Setting {
  const read = readProgressOptions(given);
  const stream = (read.stream ?? process.stderr) as Stream;
  const isInteractive = read.interactive ?? isTerminal(stream, environment);
  return {
    stream,
    isInteractive,
    colour: read.colour ?? hasColours(stream, environment),
    filter: filterOf(read.filter),
    interval: read.interval ?? (isInteractive ? 80 : 1_000),
    hasSummary: read.summary ?? true,
    symbols: environment.TERM === 'linux' ? ascii : unicode,
  };
}

/** Returns true if lines that were written to the stream can be overwritten. */
function isTerminal({ isTTY }: Stream, { CI, TERM }: Environment): boolean {
  return isTTY === true && TERM !== 'dumb' && TERM !== '' && isOff(CI);
}

function hasColours(stream: Stream, { NO_COLOR, FORCE_COLOR }: Environment): boolean {
  // See https://no-color.org: any value other than the empty string switches colours off.
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR === '' || !isOff(FORCE_COLOR);
  return stream.isTTY === true && stream.hasColors?.() === true;
}

function isOff(variable: string | undefined): boolean {
  return variable === undefined || variable === '' || variable === '0' || variable === 'false';
}

function filterOf(filter: string | Filter | undefined): Filter | undefined {
  return typeof filter === 'string' ? ({ name }) => name === filter : filter;
}
