import { constants, type Stats, statSync } from 'node:fs';
import { rename, rm, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { orRemove, syncDirectory, writeAndSync } from '../../../shared/files.js';
import { JournalError } from '../../errors.js';
import type { JournalSignal } from '../../journal.js';
import { lastLine, part, withFile } from './ends.js';
import type { Paths } from './paths.js';

/*
 * The format of a file of signals: a JSON array with text, number and checksum on each line.
 *
 *     [{"name":"approved","value":{"by":"eve"}},1,"0d9f43aa"]
 *
 * Any program may change the file while it holds the lock of the signals. Programs read the file without the lock: a
 * last line without a line break is still being written, or was cut off by a crash, and the next writer removes it.
 */

const lineBreak = 0x0a;
const ending = /,(\d+),"([0-9a-f]{8})"\]$/;
/** Length of the longest ending: a number of 16 digits and a checksum. */
const longestEnding = 29;

/**
 * Appends signals. The caller holds the lock of the signals.
 *
 * @param after - the numbers begin after this one, and after the last number in the file
 * @returns the number of the first signal
 */
export async function appendSignals(paths: Paths, texts: readonly string[], after: number): Promise<number> {
  const path = paths.signals;
  const before = await withFile(path, lastLine);
  const last = before?.line && parse(before.line);
  if (before?.line !== undefined && last === undefined) throw damaged(paths);
  if (before !== undefined && before.end < before.size) await truncate(path, before.end);
  const first = Math.max(after, last?.number ?? 0) + 1;
  const lines = texts.map((text, index) => encode({ number: first + index, text })).join('');
  await writeAndSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, Buffer.from(lines));
  if (before === undefined) await syncDirectory(dirname(path));
  return first;
}

/**
 * Removes signals up to and including a number. The caller holds the lock of the signals.
 *
 * @param beside - path of the file that replaces the present one
 */
export async function removeSignals(paths: Paths, consumed: number, beside: string): Promise<void> {
  const signals = await readSignals(paths, 0);
  const kept = signals.filter(({ number }) => number > consumed);
  if (kept.length === signals.length) return;
  if (kept.length === 0) return rm(paths.signals, { force: true });
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
  await orRemove(beside, async () => {
    await writeAndSync(beside, flags, Buffer.from(kept.map(encode).join('')));
    await rename(beside, paths.signals);
  });
}

/**
 * Reads the signals after a number.
 *
 * @throws {JournalError} if the file is damaged
 */
export async function readSignals(paths: Paths, after: number): Promise<readonly JournalSignal[]> {
  const bytes = await withFile(paths.signals, (file) => file.readFile());
  const { signals, damage } = scan(bytes ?? Buffer.alloc(0));
  if (damage !== undefined) throw damaged(paths, damage);
  return signals.filter(({ number }) => number > after);
}

/** Reads signals as they arrive. Each call of `look` reports the new ones. */
export class SignalReader {
  #inode = 0;
  /** Position after the last line that was read, in bytes. */
  #end = 0;
  #looking: Promise<void> | undefined = undefined;

  /** @param last - signals up to and including this number are known */
  constructor(
    private readonly path: string,
    private last: number,
    private readonly onSignal: (signal: JournalSignal) => void,
  ) {}

  /** Reads new signals, if there are any. Errors are ignored, because the next call tries again. */
  async look(): Promise<void> {
    const found = statOf(this.path);
    if (found === undefined || (found.ino === this.#inode && found.size === this.#end)) return;
    this.#looking ??= this.#read(found.ino)
      .catch(() => undefined)
      .finally(() => {
        this.#looking = undefined;
      });
    await this.#looking;
  }

  /** Reads the whole file the next time, because it was replaced. */
  restart(): void {
    this.#inode = 0;
  }

  async #read(inode: number): Promise<void> {
    const start = inode === this.#inode ? this.#end : 0;
    const read = await withFile(this.path, async (file) =>
      part(file, start, Math.max(0, (await file.stat()).size - start)),
    );
    const { signals, end, damage } = scan(read ?? Buffer.alloc(0));
    // A file with the same inode may be another one.
    if (damage !== undefined && start > 0) return this.restart();
    this.#inode = inode;
    this.#end = start + end;
    for (const signal of signals) {
      if (signal.number <= this.last) continue;
      this.last = signal.number;
      this.onSignal(signal);
    }
  }
}

/** Looks at a file synchronously, which takes a few microseconds. An asynchronous look takes several times as long. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Finds the complete lines. Damaged lines are left out, and the number of the first one is in `damage`. */
function scan(bytes: Buffer) {
  const signals: JournalSignal[] = [];
  let damage: number | undefined;
  let end = 0;
  for (let number = 1; ; number++) {
    const to = bytes.indexOf(lineBreak, end);
    if (to === -1) return { signals, end, damage };
    const signal = parse(bytes.subarray(end, to));
    if (signal === undefined) damage ??= number;
    else signals.push(signal);
    end = to + 1;
  }
}

function encode({ number, text }: JournalSignal): string {
  return `[${text},${number},"${sumOf(text, number)}"]\n`;
}

function parse(line: Buffer): JournalSignal | undefined {
  const [end, number, sum] = ending.exec(line.toString('latin1', Math.max(0, line.length - longestEnding))) ?? [];
  if (end === undefined || line[0] !== 0x5b) return undefined;
  const text = line.toString('utf8', 1, line.length - end.length);
  return sumOf(text, Number(number)) === sum ? { number: Number(number), text } : undefined;
}

function sumOf(text: string, number: number): string {
  return crc32(text, crc32(`${number}:`))
    .toString(16)
    .padStart(8, '0');
}

function damaged({ id, signals }: Paths, line?: number): JournalError {
  const where = line === undefined ? 'the last line' : `line ${line}`;
  return new JournalError(
    id,
    `has damaged signals in "${signals}": ${where} differs from what was written; restore the file from a backup, or ` +
      'remove the line (its signal is lost) and start the run again',
  );
}
