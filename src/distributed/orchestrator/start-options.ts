import { aLimitUpTo, anObjectOf, aValue } from '../../shared/validate.js';
import { aText } from '../engines/texts.js';
import { aRetention, longestWait } from '../run/options.js';

/** What `startRun` takes besides context and input. */
export interface StartOptions {
  /**
   * An id of one's own, at most 500 characters: a run that has it already is not started again, so a start can be
   * repeated (`start` says which it was). It can be used again once its run is deleted. Default: a new UUID.
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
  /**
   * Limit of the run in milliseconds, from its start, up to 100 years; at its end it is cancelled. `null`, 0 or Infinity for
   * none. Default: none.
   */
  readonly timeout?: number | null | undefined;
  /** For how many milliseconds it is kept when it is over. Default: that of the builder, else for ever. */
  readonly retention?: number | undefined;
}

/** Options as they are read: Infinity for no limit. */
type ReadStartOptions = StartOptions & { readonly timeout?: number | undefined };

export const readStartOptions = anObjectOf<StartOptions, ReadStartOptions>({
  runId: aText,
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
  timeout: aLimitUpTo(longestWait, `${longestWait} (100 years)`),
  retention: aRetention,
});
