import { textOf } from '../../shared/errors.js';
import { cleaned, isClean } from '../../shared/text.js';
import { aValue } from '../../shared/validate.js';

/**
 * Checks of user-supplied texts that engines store. The texts must be short, because lists of runs contain them, and
 * must consist of characters that every database accepts.
 */

/** Maximum number of characters of an id, a version, an event name or a search text. */
const longestText = 500;

/**
 * Maximum number of characters of the reason of a cancellation. Limited because each page of a list of runs contains
 * the reasons of its runs.
 */
const longestReason = 2_000;

export const aText = aTextOf(longestText);
export const aReason = aTextOf(longestReason);

/** Converts the reason of an abort to a reason for a cancellation. */
export function reasonFrom(reason: unknown): string {
  return cleaned(textOf(reason), longestReason) || 'cancelled';
}

function aTextOf(longest: number) {
  return aValue<string>(
    `a non-empty string of at most ${longest} characters, without half surrogates and NUL`,
    (value) => typeof value === 'string' && value !== '' && value.length <= longest && isClean(value),
  );
}
