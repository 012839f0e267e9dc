import { crc32 } from 'node:zlib';

/*
 * A file of records: a snapshot, then the entries behind it.
 *
 *     s 0000000000000041 000000000017 8f3a09c2 51b0e7d4⏎   kind, number, bytes of the text, its checksum, that of this line
 *     {"the":"snapshot"}⏎
 *     e 0000000000000042 000000000015 ...⏎
 *     {"an":"entry"}⏎
 *
 * A record that a crash has cut off is shorter than it says, by a line that is whole, or its line is: that is the end of
 * the file. Some file systems leave zeros there. Everything else that is not as it says is damage: a bit that flips makes
 * no record shorter, because the line says by its own checksum how long the record is.
 */

/** A record of a file, by the bytes of its text. */
export interface Place {
  readonly seq: number;
  readonly isEscaped: boolean;
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

/** The records of a file, and where the next one goes. */
export interface Scanned {
  readonly places: readonly [Place, ...Place[]];
  readonly end: number;
}

/** A record is not what was written. */
export class DamagedRecord extends Error {
  /**
   * @param seq - its number; `undefined` for the snapshot
   * @param at - where it begins
   */
  constructor(
    readonly seq: number | undefined,
    readonly at: number,
  ) {
    super('a record is damaged');
  }
}

const kinds = { snapshot: 's', entry: 'e' } as const;
export type Kind = keyof typeof kinds;

const lineEnd = 0x0a;
const header = /^([sSeE]) (\d{16}) (\d{12}) ([0-9a-f]{8}) ([0-9a-f]{8})\n$/;
/** Bytes of a header, and of the part that its own checksum is of. */
const headerLength = 50;
const checkedLength = 41;

/** A record as it is written. */
export function recordOf(kind: Kind, seq: number, text: string): Buffer {
  // UTF-8 has no half characters: a text that has some is escaped, which the letter's case says.
  const isEscaped = /\p{Surrogate}/u.test(text);
  const body = isEscaped ? JSON.stringify(text) : text;
  const length = Buffer.byteLength(body);
  const record = Buffer.allocUnsafe(headerLength + length + 1);
  record.write(body, headerLength);
  const letter = isEscaped ? kinds[kind].toUpperCase() : kinds[kind];
  const sum = hex(crc32(record.subarray(headerLength, headerLength + length)));
  const checked = `${letter} ${digits(seq, 16)} ${digits(length, 12)} ${sum} `;
  record.write(`${checked}${hex(crc32(checked))}\n`, 0, 'latin1');
  record[headerLength + length] = lineEnd;
  return record;
}

/** The text of a record. */
export function textAt(bytes: Buffer, { from, to, isEscaped }: Place): string {
  const text = bytes.toString('utf8', from, to);
  return isEscaped ? JSON.parse(text) : text;
}

/**
 * Finds the records of a file.
 *
 * @throws {DamagedRecord} for one that is not as it was written, and is not the cut end of the file
 */
export function scan(bytes: Buffer): Scanned {
  const first = placeAt(bytes, 0, undefined);
  if (first === undefined) throw new DamagedRecord(undefined, 0);
  const places: [Place, ...Place[]] = [first];
  let end = first.to + 1;
  while (end < bytes.length) {
    const place = placeAt(bytes, end, first.seq + places.length);
    if (place === undefined) break;
    places.push(place);
    end = place.to + 1;
  }
  return { places, end };
}

/** @returns `undefined` where the file ends: nothing comes, or what was cut off */
function placeAt(bytes: Buffer, at: number, expected: number | undefined): Place | undefined {
  if (bytes.length - at < headerLength) return undefined;
  const line = bytes.toString('latin1', at, at + headerLength);
  const [, letter = '', seq, length, sum, own] = header.exec(line) ?? [];
  if (own !== hex(crc32(line.slice(0, checkedLength)))) return cutOrDamaged(bytes, at, expected);
  const from = at + headerLength;
  const to = from + Number(length);
  if (to >= bytes.length) return undefined;
  const isWhole = sum === hex(crc32(bytes.subarray(from, to)));
  if (!isWhole) return cutOrDamaged(bytes, at, expected);
  const isKind = letter.toLowerCase() === (expected === undefined ? kinds.snapshot : kinds.entry);
  const isNext = expected === undefined || Number(seq) === expected;
  if (!isKind || !isNext || bytes[to] !== lineEnd) throw new DamagedRecord(expected, at);
  return { seq: Number(seq), isEscaped: letter !== letter.toLowerCase(), at, from, to };
}

/** A whole record ends with a line end, so zeros at the end of the file are what a crash has left of one. */
function cutOrDamaged(bytes: Buffer, at: number, expected: number | undefined): undefined {
  if (bytes.at(-1) !== 0) throw new DamagedRecord(expected, at);
  return undefined;
}

function digits(value: number, length: number): string {
  return String(value).padStart(length, '0');
}

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}
