import { crc32 } from 'node:zlib';

/*
 * The file format of a checkpoint: a record for the snapshot, followed by one record for each entry.
 *
 *     s 0000000000000041 000000000017 8f3a09c2 51b0e7d4⏎
 *     {"the":"snapshot"}⏎
 *     e 0000000000000042 000000000015 ...⏎
 *     {"an":"entry"}⏎
 *
 * The header line of a record has its kind, its number, the length of the text in bytes, the checksum of the text, and
 * the checksum of the header line itself.
 *
 * A record that a crash has cut off has an incomplete header line, or fewer bytes than its header says, or zeros in
 * place of its end, which some file systems leave there. Such a record and the bytes after it are ignored. Any other
 * deviation is damage. Because the header line has its own checksum, a flipped bit cannot make a record look cut off.
 */

/** The place of a record in a file. `from` and `to` delimit the bytes of its text. */
export interface Place {
  readonly seq: number;
  readonly isEscaped: boolean;
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

/** The records of a file, and the position for the next record. */
export interface Scanned {
  readonly places: readonly [Place, ...Place[]];
  readonly end: number;
}

/** Thrown if a record differs from what was written. */
export class DamagedRecord extends Error {
  /**
   * @param seq - the number of the record; `undefined` for the snapshot
   * @param at - the byte position at which the record begins
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
/** The length of a header line, and of the section that its own checksum covers, in bytes. */
const headerLength = 50;
const checkedLength = 41;

/** Encodes a record as bytes. */
export function recordOf(kind: Kind, seq: number, text: string): Buffer {
  // UTF-8 cannot encode an unpaired surrogate. A text that contains one is escaped as JSON, and an upper-case letter
  // for the kind marks the escaping.
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

/** Returns the text of a record. */
export function textAt(bytes: Buffer, { from, to, isEscaped }: Place): string {
  const text = bytes.toString('utf8', from, to);
  return isEscaped ? JSON.parse(text) : text;
}

/**
 * Finds the records of a file.
 *
 * @throws {DamagedRecord} if a record differs from what was written and is not simply cut off at the end of the file
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

/**
 * Reads the record at a position.
 *
 * @returns `undefined` at the end of the file, or if the record was cut off
 */
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

/**
 * Decides if an invalid record was cut off by a crash. A complete record ends with a line break, so zeros at the end of
 * the file show that the last write was interrupted.
 *
 * @throws {DamagedRecord} if the record is damaged
 */
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
