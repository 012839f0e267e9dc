import { aValue } from '../../shared/validate.js';
import { CheckpointError } from '../errors.js';

/** Reads the number of an entry. */
export const aSeq = aValue<number>(
  'a whole number of at least 0',
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
);

/** Reads the text of a snapshot or an entry. */
export const aText = aValue<string>('a string', (value) => typeof value === 'string');

/** The errors for refused calls, so that all stores use the same messages. */
export const refusals = {
  /** An entry was sent for a run that has no snapshot. */
  unknown: (runId: string): CheckpointError =>
    new CheckpointError(runId, 'has no checkpoint to add to; save a snapshot first'),
  /** An entry would leave a gap in the numbers. */
  gap: (runId: string, seq: number, last: number): CheckpointError =>
    new CheckpointError(
      runId,
      `has entries up to ${last}, so entry ${seq} would leave a gap; append entry ${last + 1}`,
    ),
  /** The number of an entry is already in use for another text, or is covered by the snapshot. */
  taken: (runId: string, seq: number, last: number): CheckpointError =>
    new CheckpointError(
      runId,
      `already has another entry ${seq} (its last is ${last}): load the run again and continue from there`,
    ),
  /** A snapshot includes entries that the store does not have. */
  ahead: (runId: string, seq: number, last: number): CheckpointError =>
    new CheckpointError(
      runId,
      `has entries up to ${last}, so a snapshot of entry ${seq} is too early: append the missing entries first`,
    ),
  /** A snapshot is older than the last one. */
  behind: (runId: string, seq: number, kept: number): CheckpointError =>
    new CheckpointError(
      runId,
      `already has a snapshot of entry ${kept}, which is newer than entry ${seq}: load the run again and continue from there`,
    ),
};

/** The numbers of a stored run. New numbers are checked against them. */
export interface Kept {
  /** The number of the snapshot. */
  readonly seq: number;
  /** The number of the last entry; the number of the snapshot if there are no entries. */
  readonly last: number;
}

/**
 * Checks the number of an entry.
 *
 * @param textOf - returns the text of a stored entry that is later than the snapshot
 * @returns true if the entry is new; false if the same entry was sent before
 * @throws {CheckpointError} if the number is in use for another text, or leaves a gap
 */
export function isNewEntry(
  runId: string,
  { seq: kept, last }: Kept,
  [seq, text]: readonly [seq: number, text: string],
  textOf: (seq: number) => string | undefined,
): boolean {
  if (seq === last + 1) return true;
  if (seq > last) throw refusals.gap(runId, seq, last);
  if (seq <= kept || textOf(seq) !== text) throw refusals.taken(runId, seq, last);
  return false;
}

/**
 * Checks the number of a snapshot.
 *
 * @throws {CheckpointError} if the number is lower than that of the last snapshot, or higher than that of the last
 * entry
 */
export function checkSnapshot(runId: string, { seq: kept, last }: Kept, seq: number): void {
  if (seq < kept) throw refusals.behind(runId, seq, kept);
  if (seq > last) throw refusals.ahead(runId, seq, last);
}
