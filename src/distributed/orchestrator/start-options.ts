import { anObjectOf, aValue } from '../../validate.js';
import { aRetention, longestWait } from '../options.js';

/** What `startRun` takes besides context and input. */
export interface StartOptions {
  /**
   * An id of one's own, at most 500 characters: a run that has it already is not started again, so a start can be
   * repeated. Default: a new UUID.
   */
  readonly runId?: string | undefined;
  /** Id of the workflow: one that the builder was given, or whose graph is on the engine. Default: the builder's first. */
  readonly workflow?: string | undefined;
  /** Its version. Default: the one that the builder was given last, else the one that came to the engine last. */
  readonly version?: string | undefined;
  /** Milliseconds before it starts, up to 100 years (3155760000000): a whole number. Default: 0. */
  readonly delay?: number | undefined;
  /** From 0, which goes first, to 2097151. Default: 0. */
  readonly priority?: number | undefined;
  /** Limit of the run in milliseconds, from its start, up to 100 years or Infinity; at its end it is cancelled. Default: none. */
  readonly timeout?: number | undefined;
  /** For how many milliseconds it is kept when it is over. Default: that of the builder, else for ever. */
  readonly retention?: number | undefined;
}

/** The longest id that a user may choose, and the longest text that is looked for in ids. */
const longestText = 500;

/** Text that every database takes. */
export const aText = aValue<string>('a non-empty string without half surrogates and NUL', isStorable);

export const aStorableText = aValue<string>(
  `a non-empty string of at most ${longestText} characters, without half surrogates and NUL`,
  (value) => isStorable(value) && value.length <= longestText,
);

export const readStartOptions = anObjectOf<StartOptions>({
  runId: aStorableText,
  workflow: aText,
  version: aText,
  delay: aValue(
    `a whole number of milliseconds from 0 to ${longestWait} (100 years)`,
    (value) => Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= longestWait,
  ),
  priority: aValue(
    'a whole number from 0 to 2097151',
    (value) => Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 21,
  ),
  timeout: aValue(
    `a number of milliseconds above 0, up to ${longestWait} (100 years) or Infinity`,
    (value) => typeof value === 'number' && value > 0 && (value <= longestWait || value === Infinity),
  ),
  retention: aRetention,
});

function isStorable(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && isWellFormed(value) && !value.includes('\0');
}

/** Databases keep text as UTF-8, in which half a surrogate pair has no place. */
function isWellFormed(text: string): boolean {
  return Buffer.from(text, 'utf8').toString('utf8') === text;
}
