import type { RunRecord } from '../run-info.js';

/** Converts the ASCII letters of a text to lower case, for comparisons. All other characters stay as they are. */
export function folded(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** If true, the text contains `part`. `part` must be folded. */
export function contains(text: string | undefined, part: string): boolean {
  return text !== undefined && folded(text).includes(part);
}

/** If true, the id or the error of a run contains `part`. `part` must be folded. */
export function hasText({ runId, error }: Pick<RunRecord, 'runId' | 'error'>, part: string): boolean {
  return contains(runId, part) || contains(error, part);
}
