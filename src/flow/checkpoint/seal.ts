import { crc32 } from 'node:zlib';
import { CheckpointError } from '../errors.js';
import type { Checkpoint } from './store.js';

/*
 * Each text is stored with a checksum in front, which covers the text and its number. If a store returns a different
 * text, or texts in a different order, the run is refused instead of continuing from wrong data. Versions up to 0.6
 * wrote no checksums.
 */

const mark = 'crc32:';
const form = /^crc32:([0-9a-f]{8}):/;

/** Puts a checksum in front of a text. */
export function seal(seq: number, text: string): string {
  return `${mark}${sumOf(seq, text)}:${text}`;
}

/**
 * Verifies and removes the checksums of a checkpoint.
 *
 * @throws {CheckpointError} if a text differs from what was written
 */
export function unseal(runId: string, checkpoint: Checkpoint): Checkpoint {
  const { snapshot, seq, entries } = checkpoint;
  const isSealed = isMarked(snapshot) || entries.some(isMarked);
  if (!isSealed) return checkpoint;
  return {
    snapshot: opened(runId, seq, snapshot, 'its snapshot'),
    seq,
    entries: entries.map((entry, index) => opened(runId, seq + index + 1, entry, `entry ${seq + index + 1}`)),
  };
}

function opened(runId: string, seq: number, sealed: string, what: string): string {
  const [start, sum] = form.exec(sealed) ?? [''];
  const text = sealed.slice(start.length);
  if (sum !== sumOf(seq, text)) throw damaged(runId, `${what} differs from what was written (wrong checksum)`);
  return text;
}

/** Returns true if a text has a checksum, even if up to two characters of its mark are damaged. */
function isMarked(text: string): boolean {
  let same = 0;
  for (let index = 0; index < mark.length; index++) if (text[index] === mark[index]) same++;
  return same >= mark.length - 2;
}

function sumOf(seq: number, text: string): string {
  return crc32(text, crc32(`${seq}:`))
    .toString(16)
    .padStart(8, '0');
}

/** Makes the error for a checkpoint that differs from what was written. */
export function damaged(runId: string, problem: string): CheckpointError {
  return new CheckpointError(
    runId,
    `has a damaged checkpoint: ${problem}; restore it from a backup, or delete it and run the flow again`,
  );
}
