import { DamageError } from './lmdb-meta.js';
import type { Pages } from './lmdb-pages.js';

/** A record of the list of free pages: the number of entries, followed by the entries. */
export type FreePages = Buffer;

/**
 * Checks that free pages exist and are used for nothing else, because LMDB writes into them. A positive entry is the
 * number of a page. A negative entry is the length of a block that starts at the page in the next entry. A zero has no
 * meaning.
 */
export function checkFree(pages: Pages, records: readonly FreePages[]): void {
  for (const record of records) {
    const numbers = record.length >>> 3;
    const length = numbers === 0 ? 0 : Number(record.readBigInt64LE(0));
    if (record.length % 8 !== 0 || !(length >= 0 && length < numbers))
      throw new DamageError('the list of free pages is damaged: a length');
    for (let index = 1; index <= length; index++) {
      const number = Number(record.readBigInt64LE(8 * index));
      if (number === 0) continue;
      if (number > 0) {
        pages.free(number, 1);
        continue;
      }
      index++;
      if (index > length) throw new DamageError('the list of free pages is damaged: it ends within a block');
      pages.free(Number(record.readBigInt64LE(8 * index)), -number);
    }
  }
}
