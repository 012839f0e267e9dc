import { open, rm, stat, statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Write } from './batches.js';

const kilobyte = 1_024;
/**
 * Bytes that must stay free in addition to the written data. Writes that add records need more, so that there is room
 * to remove records later.
 */
const margin = { toAdd: 512 * kilobyte, toChange: 64 * kilobyte };
/** Maximum size of an empty database, in bytes. */
const roomToBegin = 64 * kilobyte;
/** Maximum number of bytes that one probe writes. */
const longestProbe = 4 * kilobyte * kilobyte;
/**
 * Limits for reusing a measurement: for at most `holds` milliseconds, and only if the free space is at least `times`
 * times the needed space.
 */
const look = { holds: 1_000, times: 8 };
/** Milliseconds before the next attempt. Attempts after a failed write of LMDB become less and less frequent. */
const pause = { ofCheck: 1_000, ofWrite: 1_000, longest: 300_000 };

/**
 * Free space on the disk of a database. LMDB must never run out of space: lmdb 3 writes its error message for a failed
 * page write into a buffer that is too small, which damages the memory of the program. So the free space is checked
 * before each write. After a failed write, LMDB gets nothing more to write until a probe file of the same size could be
 * written beside its own file.
 */
export class Room {
  #free = 0;
  #until = 0;
  #failedWrites = 0;
  #isCheckFailed = false;

  constructor(private readonly directory: string) {}

  /**
   * Checks that there is room for a new database, because lmdb crashes if LMDB fails to open.
   *
   * @throws the system error
   */
  static async assertForNew(directory: string): Promise<void> {
    if ((await sizeOf(directory)) === 0) await probe(directory, roomToBegin, 0);
  }

  /**
   * Checks that there is room for the given writes.
   *
   * @param inside - returns the size of free pages in the file of the database, in bytes
   * @throws an error like the error of a full disk, if there is less room than the writes may need
   */
  async assertFor(writes: readonly Write[], inside: () => number): Promise<void> {
    this.#isCheckFailed = true;
    const { toChange, toAdd } = needOf(writes);
    if (this.#failedWrites > 0) await probe(this.directory, toChange, await sizeOf(this.directory));
    else {
      if (performance.now() > this.#until || look.times * toAdd > this.#free) await this.#look();
      const need = toChange > this.#free ? toChange : toAdd;
      if (need > this.#free && (need === toChange || need > this.#free + inside())) {
        const message = `ENOSPC: no space left on device, ${Math.ceil(need / kilobyte)} kB are needed`;
        throw Object.assign(new Error(message), { code: 'ENOSPC' });
      }
      this.#free -= toAdd;
    }
    this.#isCheckFailed = false;
  }

  /** Records the result of a write by LMDB. */
  wrote(result: 'well' | 'badly'): void {
    this.#failedWrites = result === 'well' ? 0 : this.#failedWrites + 1;
  }

  /** Describes a failed write. */
  async explain(cause: unknown): Promise<string> {
    await this.#look();
    const room = Number.isFinite(this.#free) ? ` (${Math.floor(this.#free / kilobyte)} kB are free on its disk)` : '';
    return `cannot be written: ${Object(cause).message ?? cause}${room}; it is retried while loops wait: free space on the disk`;
  }

  /** Resolves when another attempt makes sense, or when the signal aborts. */
  async untilRetry(signal: AbortSignal): Promise<void> {
    const ofWrite = Math.min(pause.ofWrite * 2 ** (this.#failedWrites - 1), pause.longest);
    const time = this.#isCheckFailed ? pause.ofCheck : ofWrite;
    await sleep(time, undefined, { signal, ref: false }).catch(() => undefined);
  }

  /** Reads the free space of the disk. If the system does not report the free space, it counts as unlimited. */
  async #look(): Promise<void> {
    try {
      const { blocks, bavail, bsize } = await statfs(this.directory);
      this.#free = blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
    } catch {
      this.#free = Number.POSITIVE_INFINITY;
    }
    this.#until = performance.now() + look.holds;
  }
}

/**
 * Returns the bytes that a batch needs: `toChange` bytes have to be free on the disk, and `toAdd` bytes on the disk and
 * in the file together.
 */
function needOf(writes: readonly Write[]): { readonly toChange: number; readonly toAdd: number } {
  let bytes = 0;
  let more = 0;
  for (const { value, isNew } of writes) {
    bytes += 2 * (value?.length ?? 0);
    if (value === undefined) more--;
    else if (isNew) more++;
  }
  const toChange = bytes + margin.toChange;
  return { toChange, toAdd: more > 0 ? bytes + margin.toAdd : toChange };
}

async function sizeOf(directory: string): Promise<number> {
  return (await stat(`${directory}/data.mdb`).catch(() => undefined))?.size ?? 0;
}

/**
 * Writes a test file with data at the offsets that LMDB would write to, so that file size limits and quotas also apply.
 */
async function probe(directory: string, bytes: number, at: number): Promise<void> {
  const path = `${directory}/data.mdb.room`;
  const content = Buffer.alloc(Math.min(bytes, longestProbe));
  // On Windows, the probe starts at offset 0: the space before a higher offset would be filled on disk, and there is no
  // file size limit to test.
  const position = process.platform === 'win32' ? 0 : at + bytes - content.length;
  try {
    const file = await open(path, 'w');
    try {
      for (let done = 0; done < content.length; )
        done += (await file.write(content, done, content.length - done, position + done)).bytesWritten;
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await rm(path, { force: true });
  }
}
