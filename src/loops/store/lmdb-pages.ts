import { readSync } from 'node:fs';
import { DamageError, headerSize, numberAt, type Snapshot } from './lmdb-meta.js';

/** Flags of a page: exactly one of them is set. */
export const pageKinds = { branch: 0x01, leaf: 0x02, overflow: 0x04 } as const;

/** A page of a tree. */
export interface Page {
  readonly number: number;
  readonly bytes: Buffer;
  readonly kind: number;
}

/** The pages of one snapshot. Reads pages, and records which pages are used or free. */
export class Pages {
  readonly pageSize: number;
  readonly #lastPage: number;
  readonly #transaction: number;
  /** A bit for each page, set if the page is used or free. */
  readonly #known = new Map<number, Uint8Array>();

  constructor(
    private readonly fd: number,
    private readonly size: number,
    { pageSize, lastPage, transaction }: Snapshot,
  ) {
    this.pageSize = pageSize;
    this.#lastPage = lastPage;
    this.#transaction = transaction;
  }

  /** Reads a page of a tree and checks its header. */
  page(number: number): Page {
    this.#use(number, 1);
    const bytes = this.#read(number, this.pageSize);
    const kind = bytes.readUInt16LE(18);
    this.#checkHeader(bytes, number);
    if (kind !== pageKinds.branch && kind !== pageKinds.leaf)
      throw new DamageError(`page ${number} is damaged: its kind`);
    return { number, bytes, kind };
  }

  /**
   * Checks the pages of a value that is too large for a page of a tree.
   *
   * @returns the bytes of the value, if `isAsked` is true
   */
  overflow(number: number, count: number, length: number, isAsked: boolean): Buffer | undefined {
    // A value that replaced a larger value keeps the pages of the larger value.
    if (count < Math.floor((headerSize - 1 + length) / this.pageSize) + 1)
      throw new DamageError(`a value of ${length} bytes on page ${number} has a wrong page count, ${count}`);
    this.#use(number, count);
    const header = this.#read(number, headerSize);
    this.#checkHeader(header, number);
    if (header.readUInt16LE(18) !== pageKinds.overflow || header.readUInt32LE(20) !== count)
      throw new DamageError(`page ${number} is damaged: its header does not match its large value`);
    if ((number + count) * this.pageSize > this.size) throw this.#cutOff(number + count - 1);
    if (!isAsked) return undefined;
    return this.#read(number, headerSize + length).subarray(headerSize);
  }

  /** Records that pages are free. */
  free(number: number, count: number): void {
    this.#use(number, count);
  }

  #use(number: number, count: number): void {
    const last = number + count - 1;
    if (!(number >= 2 && count >= 1 && last <= this.#lastPage))
      throw new DamageError(
        `it refers to page ${number}${count > 1 ? ` and ${count - 1} more` : ''}, but its last page is ${this.#lastPage}`,
      );
    for (let page = number; page <= last; page++) {
      const [block, bit] = [page >> 15, page & 0x7fff];
      let known = this.#known.get(block);
      if (known === undefined) {
        known = new Uint8Array(4_096);
        this.#known.set(block, known);
      }
      const before = known[bit >> 3] as number;
      if ((before & (1 << (bit & 7))) !== 0) throw new DamageError(`page ${page} is used for two things`);
      known[bit >> 3] = before | (1 << (bit & 7));
    }
  }

  #read(number: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    const at = number * this.pageSize;
    if (at + length > this.size || readSync(this.fd, bytes, 0, length, at) < length) throw this.#cutOff(number);
    return bytes;
  }

  #checkHeader(bytes: Buffer, number: number): void {
    const transaction = numberAt(bytes, 8);
    if (numberAt(bytes, 0) !== number) throw new DamageError(`page ${number} is damaged: it has another number`);
    if (transaction === undefined || transaction > this.#transaction)
      throw new DamageError(`page ${number} is damaged: it is newer than the database`);
  }

  #cutOff(number: number): DamageError {
    return new DamageError(`it is cut off: page ${number} is behind its end, which is at byte ${this.size}`);
  }
}
