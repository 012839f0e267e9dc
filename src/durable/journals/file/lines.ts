import { crc32 } from 'node:zlib';
import type { JournalStatus } from '../../journal.js';

/*
 * The format of a journal's file: a JSON array on each line. The first line has the header.
 *
 *     [{"format":1,"id":"order-42","name":"order","created":1764000000000},"5f0a12bc"]
 *     [{"a":"record"},"8f3a09c2"]
 *     [{"the":"last"},"1b2c3d4e","completed"]
 *
 * A line has a text, a checksum, and the status of the run from this line on, if the status is not `running`. The
 * checksum covers the text and the status, and continues the checksum of the line before. So a line that is missing,
 * repeated or out of place is noticed, too.
 *
 * A crash can cut off the last write: the last line then has no line break, or the file ends with zeros, which some
 * file systems leave there. The bytes after the last good line are ignored in this case. Any other deviation is damage.
 */

/** The lines of a journal, and its end. */
export interface Scanned {
  readonly header: string;
  readonly records: readonly string[];
  readonly status: JournalStatus;
  /** Position after the last good line, in bytes. */
  readonly end: number;
  /** Checksum of the last good line, with which the next line begins. */
  readonly sum: number;
}

/** Thrown if a line differs from what was written. */
export class DamagedLine extends Error {
  /**
   * @param number - number of the line, from 1
   * @param at - position of the line, in bytes
   */
  constructor(
    readonly number: number,
    readonly at: number,
  ) {
    super(`line ${number} differs from what was written`);
  }
}

const lineBreak = 0x0a;

/** The end of a line, without the line break: the checksum and the status. */
const ending = /,"([0-9a-f]{8})"(?:,"(completed|failed|cancelled)")?\]$/;
/** Length of the longest ending. */
const longestEnding = 24;

/** Encodes a line, which includes the line break. */
export function encode(
  text: string,
  status: JournalStatus,
  before: number,
): { readonly line: string; readonly sum: number } {
  const sum = sumOf(text, status, before);
  const end = status === 'running' ? ']\n' : `,"${status}"]\n`;
  return { line: `[${text},"${hex(sum)}"${end}`, sum };
}

/**
 * Reads all lines of a journal.
 *
 * @throws {DamagedLine} if a line differs from what was written and was not cut off by a crash
 */
export function scan(bytes: Buffer): Scanned {
  const texts: string[] = [];
  let status: JournalStatus = 'running';
  let sum = 0;
  let end = 0;
  for (;;) {
    const to = bytes.indexOf(lineBreak, end);
    if (to === -1) break;
    const line = parse(bytes.subarray(end, to));
    const next = line && sumOf(line.body, line.status, sum);
    if (line === undefined || next === undefined || hex(next) !== line.sum) {
      if (bytes.at(-1) === 0) break;
      throw new DamagedLine(texts.length + 1, end);
    }
    texts.push(line.body.toString('utf8'));
    status = line.status;
    sum = next;
    end = to + 1;
  }
  const [header, ...records] = texts;
  // A journal is put in place with its header, so a file without one has lost it.
  if (header === undefined) throw new DamagedLine(1, 0);
  return { header, records, status, end, sum };
}

/** Reads the first line of a journal, without its line break. Returns `undefined` if the line is damaged. */
export function headerIn(bytes: Buffer): string | undefined {
  const line = parse(bytes);
  const isGood = line !== undefined && hex(sumOf(line.body, line.status, 0)) === line.sum;
  return isGood ? line.body.toString('utf8') : undefined;
}

/**
 * Reads the status of a line, without its line break. Returns `undefined` if the line is damaged, as far as a line shows
 * that without the lines before.
 */
export function statusIn(bytes: Buffer): JournalStatus | undefined {
  return parse(bytes)?.status;
}

function parse(line: Buffer) {
  const [end, sum, status = 'running'] =
    ending.exec(line.toString('latin1', Math.max(0, line.length - longestEnding))) ?? [];
  if (end === undefined || line[0] !== 0x5b) return undefined;
  return { body: line.subarray(1, line.length - end.length), sum, status: status as JournalStatus };
}

function sumOf(text: string | Buffer, status: JournalStatus, before: number): number {
  const sum = crc32(text, before);
  return status === 'running' ? sum : crc32(status, sum);
}

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}
