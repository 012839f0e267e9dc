import { DamageError } from './lmdb-meta.js';
import type { Pages } from './lmdb-pages.js';

/** One record of the list of free pages: how many numbers it has, and the numbers. */
export type FreePages = Buffer;

/**
 * Checks that free pages are there, and used for nothing else: LMDB writes into them. A number is that of a page; one below 0
 * says how many pages there are from the page behind it on; 0 stands for nothing.
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
