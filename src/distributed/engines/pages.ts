import type { JournalEntry, JournalTail } from '../contracts.js';
import { isSameRun } from '../journal/incarnation.js';

/** Bytes of entries per request to the engine. Limits the size of an answer, regardless of the size of the run. */
export const pageBytes = 8 * 2 ** 20;

/**
 * Reads a journal page by page.
 *
 * @param readPage - reads the entries after an entry. If the journal was compacted beyond that entry, reads the
 *   snapshot and the entries after it. Returns about the given number of bytes, but at least one entry
 * @param after - the last entry that the caller knows; -1 if the caller knows none
 * @param maxBytes - approximate number of bytes of entries to read. Default: all
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
    // In the meantime, another run has started under the same id.
    if (!isSameRun(first.record, tail.record)) return readInPages(readPage, -1, maxBytes);
    // The journal was compacted beyond the entries read so far.
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
