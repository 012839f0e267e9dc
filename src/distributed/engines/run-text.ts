import type { RunRecord } from '../run-info.js';

/** Converts the ASCII letters of a text to lower case, for comparisons. All other characters are unchanged. */
export function folded(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Returns true if the text contains `part`, which must be folded. */
export function contains(text: string | undefined, part: string): boolean {
  return text !== undefined && folded(text).includes(part);
}

/** Returns true if the id or the error of a run contains `part`, which must be folded. */
export function hasText({ runId, error }: Pick<RunRecord, 'runId' | 'error'>, part: string): boolean {
  return contains(runId, part) || contains(error, part);
}
