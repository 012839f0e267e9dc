import { textOf } from '../../shared/errors.js';
import { cleaned, isClean } from '../../shared/text.js';
import { aValue } from '../../shared/validate.js';

/** Texts that users give, which engines keep: bounded, since lists of runs carry them, and such that every database takes them. */

/** The longest id, version or name of an event, and the longest text that is looked for in runs, in characters. */
const longestText = 500;

/** The longest reason of a cancel, in characters: each page of runs carries those of its runs. */
const longestReason = 2_000;

export const aText = aTextOf(longestText);
export const aReason = aTextOf(longestReason);

/** The reason of an abort, as one of a cancel. */
export function reasonFrom(reason: unknown): string {
  return cleaned(textOf(reason), longestReason) || 'cancelled';
}

function aTextOf(longest: number) {
  return aValue<string>(
    `a non-empty string of at most ${longest} characters, without half surrogates and NUL`,
    (value) => typeof value === 'string' && value !== '' && value.length <= longest && isClean(value),
  );
}
