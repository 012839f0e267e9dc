import { aBoolean, anObjectOf, aValue } from '../shared/validate.js';
import { ascii, type Symbols, unicode } from './layout/symbols.js';
import type { Filter } from './watch.js';

/** What `showProgress` takes. */
export interface ProgressOptions {
  /** Where it is shown. Default: `process.stderr`; standard output stays the script's. */
  readonly stream?: NodeJS.WritableStream | undefined;
  /**
   * Whether lines change in place, or each is written once. Default: the first where the stream is a terminal, `TERM`
   * is not `dumb`, and `CI` is not set.
   */
  readonly interactive?: boolean | undefined;
  /**
   * Whether there are colours. Default: what `NO_COLOR` and then `FORCE_COLOR` say, else whether the stream is a terminal
   * that has them.
   */
  readonly colour?: boolean | undefined;
  /**
   * Which processes are shown, with all that is in them: by name, which is that of the orchestrator unless `run` is given
   * another, or what a predicate says of its record. Default: all of the program.
   */
  readonly filter?: string | Filter | undefined;
  /**
   * Milliseconds between two pictures, or between two lines about what is counted, from 10 to 60,000.
   * Default: 80 where lines change in place, else 1000.
   */
  readonly interval?: number | undefined;
  /** Whether there is a summary in the end. Default: true. */
  readonly summary?: boolean | undefined;
}

/** Options as they hold for one display. */
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

/** @throws {ValidationError} that names the field */
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

/** Whether what was written to a stream can be written over. */
function isTerminal({ isTTY }: Stream, { CI, TERM }: Environment): boolean {
  return isTTY === true && TERM !== 'dumb' && TERM !== '' && isOff(CI);
}

function hasColours(stream: Stream, { NO_COLOR, FORCE_COLOR }: Environment): boolean {
  // https://no-color.org: where it is set to anything, there are none.
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
