import type { RunRecord } from '../run-info.js';

/** A text as it is compared: its ASCII letters in lower case, and nothing else changed. */
export function folded(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Whether a text contains one that is folded. */
export function contains(text: string | undefined, part: string): boolean {
  return text !== undefined && folded(text).includes(part);
}

/** Whether the id or the error of a run contains a text that is folded. */
export function hasText({ runId, error }: Pick<RunRecord, 'runId' | 'error'>, part: string): boolean {
  return contains(runId, part) || contains(error, part);
}
