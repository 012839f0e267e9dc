import { open, rm, stat, statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Write } from './batches.js';

const kilobyte = 1_024;
/** Bytes that have to be free beside what is written: more where records become more, so that there is room to remove them. */
const margin = { toAdd: 512 * kilobyte, toChange: 64 * kilobyte };
/** Bytes that an empty database takes at most. */
const roomToBegin = 64 * kilobyte;
/** Most bytes that one probe writes. */
const longestProbe = 4 * kilobyte * kilobyte;
/** Milliseconds for which a look at the disk holds, as long as so many times the need is left of what was free. */
const look = { holds: 1_000, times: 8 };
/** Milliseconds until the next try: what LMDB failed to write is given to it more and more seldom. */
const pause = { ofCheck: 1_000, ofWrite: 1_000, longest: 300_000 };

/**
 * The room for a database on its disk. LMDB must not run out of it: lmdb 3 puts its text for a failed write of a page into
 * a buffer that is too small, which damages the program's memory. So there is a look at the disk ahead of writes, and what
 * LMDB failed to write goes to it again only after a probe of the same size was written beside its file.
 */
export class Room {
  #free = 0;
  #until = 0;
  #failedWrites = 0;
  #isCheckFailed = false;

  constructor(private readonly directory: string) {}

  /** Makes sure that there is room for a new database: lmdb crashes if LMDB fails to open. @throws the system's error */
  static async assertForNew(directory: string): Promise<void> {
    if ((await sizeOf(directory)) === 0) await probe(directory, roomToBegin, 0);
  }

  /**
   * @param inside - gives the bytes of free pages in the database's file
   * @throws an error as of the system where there is less room than the writes may take
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

  /** Takes down how LMDB's write ended. */
  wrote(result: 'well' | 'badly'): void {
    this.#failedWrites = result === 'well' ? 0 : this.#failedWrites + 1;
  }

  /** Describes a failed write. */
  async explain(cause: unknown): Promise<string> {
    await this.#look();
    const room = Number.isFinite(this.#free) ? ` (${Math.floor(this.#free / kilobyte)} kB are free on its disk)` : '';
    return `cannot be written: ${Object(cause).message ?? cause}${room}; it is tried again, and loops wait: make room`;
  }

  /** Resolves when another try makes sense, or when the signal aborts. */
  async untilRetry(signal: AbortSignal): Promise<void> {
    const ofWrite = Math.min(pause.ofWrite * 2 ** (this.#failedWrites - 1), pause.longest);
    const time = this.#isCheckFailed ? pause.ofCheck : ofWrite;
    await sleep(time, undefined, { signal, ref: false }).catch(() => undefined);
  }

  /** Where the system does not say, there is room. */
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

/** Bytes that have to be free on the disk for a batch, and those that have to be free there and in the file together. */
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

/** Writes so many bytes to a file of its own where LMDB would write: limits of files and quotas hit it too. */
async function probe(directory: string, bytes: number, at: number): Promise<void> {
  const path = `${directory}/data.mdb.room`;
  const content = Buffer.alloc(Math.min(bytes, longestProbe));
  // Windows fills the gap, and has no limit for files.
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
