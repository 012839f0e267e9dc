import type { JournalEntry, JournalTail } from '../contracts.js';
import { isSameRun } from '../journal/incarnation.js';

/** How many bytes of entries an engine is asked for at once: no answer grows with the run. */
export const pageBytes = 8 * 2 ** 20;

/**
 * Reads a journal page by page.
 *
 * @param readPage - gives what there is behind an entry, or behind the snapshot where that entry is not kept any more: as
 *   many entries as have about the given number of bytes, at least one
 * @param after - the entry up to which the journal is known; -1 for nothing
 * @param maxBytes - how many bytes are read. Default: all
 */
export async function readInPages(
  readPage: (after: number, bytes: number) => Promise<JournalTail | undefined>,
  after = -1,
  maxBytes = Infinity,
): Promise<JournalTail | undefined> {
  let first: JournalTail | undefined;
  let snapshot: JournalTail['snapshot'];
  let entries: JournalEntry[] = [];
  for (let known = after, left = maxBytes; ; ) {
    const tail = await readPage(known, Math.min(left, pageBytes));
    if (tail === undefined) return undefined;
    first ??= tail;
    // Another has begun under its id.
    if (!isSameRun(first.record, tail.record)) return readInPages(readPage, -1, maxBytes);
    // It was compacted beyond what was read so far.
    if (tail.snapshot !== undefined) {
      snapshot = tail.snapshot;
      entries = [];
      left = maxBytes;
      known = snapshot.seq;
    }
    for (const entry of tail.entries) {
      entries.push(entry);
      if (maxBytes !== Infinity) left -= Buffer.byteLength(entry.text);
      known = entry.seq;
    }
    if (known >= tail.seq || tail.entries.length === 0) return { ...tail, snapshot, entries };
    if (left <= 0) return { ...tail, snapshot, entries, more: true };
  }
}
