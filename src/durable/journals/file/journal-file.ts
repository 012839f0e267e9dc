import * as fs from 'node:fs';
import { constants } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { orRemove, syncDirectory } from '../../../shared/files.js';
import { JournalError } from '../../errors.js';
import type { JournalHeader, JournalStatus } from '../../journal.js';
import { encodeHeader } from './header.js';
import { encode } from './lines.js';
import type { Paths } from './paths.js';
import { problem } from './problems.js';
import type { Journal } from './read.js';

/*
 * Descriptors and callbacks instead of `FileHandle`: a step costs one write and one sync, and each promise in between
 * would be felt.
 */
const openFile = promisify(fs.open);
const closeFile = promisify(fs.close);
const truncateFile = promisify(fs.ftruncate);
const syncFile = promisify(fs.fsync);

/** Number of characters of a new journal after which they are written. */
const longestWrite = 2 ** 20;

/**
 * When a text counts as stored. `machine`: after `fdatasync`, so that it survives a loss of power. `process`: after it
 * was handed to the system, so that it survives a crash of the program.
 */
export type Sync = 'machine' | 'process';

/** The part of a journal's lock that a file needs. */
export interface Hold {
  readonly isCertain: boolean;
  /** @throws {SupersededError} if the run has another owner */
  check(): Promise<void>;
}

/**
 * The file of a run that this program owns. The file stays open.
 *
 * The first failure is final: the file is cut back to the last texts that were stored, and every later call rejects with
 * the same error.
 */
export class JournalFile {
  #writing: Promise<void> | undefined = undefined;
  #failure: { readonly error: unknown } | undefined = undefined;
  /** If true, somebody else has changed the file. */
  #isShared = false;
  #status: JournalStatus;
  #sum: number;
  /** Position after the last text that was stored, in bytes. */
  #end: number;
  /** Signals up to and including this number are no longer needed. */
  #consumed: number;

  private constructor(
    private readonly paths: Paths,
    private readonly sync: Sync,
    private readonly hold: Hold,
    private descriptor: number,
    journal: Pick<Journal, 'header' | 'status' | 'sum' | 'end'>,
  ) {
    this.#status = journal.status;
    this.#sum = journal.sum;
    this.#end = journal.end;
    this.#consumed = journal.header.consumed;
  }

  /** Opens the file of a run for its owner, and removes what a crash has left at its end. */
  static async open(paths: Paths, sync: Sync, hold: Hold, journal: Journal): Promise<JournalFile> {
    const descriptor = await openFile(paths.file, constants.O_WRONLY | constants.O_APPEND);
    try {
      if (journal.end < journal.size) await truncateFile(descriptor, journal.end);
    } catch (error) {
      await closeFile(descriptor).catch(() => undefined);
      throw error;
    }
    return new JournalFile(paths, sync, hold, descriptor, journal);
  }

  /** Appends texts. Nothing else is being written. */
  append(texts: readonly string[], status: JournalStatus = this.#status): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    this.#writing = this.#append(texts, status);
    return this.#writing;
  }

  /** Replaces the file. Nothing else is being written. */
  async rewrite(header: JournalHeader, records: readonly string[], consumed: number, beside: string): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      await this.hold.check();
      await orRemove(beside, async () => {
        // Signals that an earlier call has excluded may still be in their file.
        const excluded = Math.max(consumed, this.#consumed);
        const written = await writeJournal(beside, header, records, excluded);
        const descriptor = await openFile(beside, constants.O_WRONLY | constants.O_APPEND);
        try {
          await this.hold.check();
          await replace(beside, this.paths.file);
        } catch (error) {
          await closeFile(descriptor).catch(() => undefined);
          throw error;
        }
        const former = this.descriptor;
        this.descriptor = descriptor;
        this.#status = 'running';
        this.#sum = written.sum;
        this.#end = written.end;
        this.#consumed = excluded;
        await closeFile(former).catch(() => undefined);
      });
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Waits for writes in progress, and closes the file. Never rejects. */
  async close(): Promise<void> {
    const writing = this.#writing;
    this.#failure ??= { error: new JournalError(this.paths.id, 'is closed: start it again') };
    await writing?.catch(() => undefined);
    await closeFile(this.descriptor).catch(() => undefined);
  }

  /** Makes every later call reject with the error. */
  refuse(error: unknown): void {
    this.#failure ??= { error };
  }

  async #append(texts: readonly string[], status: JournalStatus): Promise<void> {
    try {
      if (!this.hold.isCertain) await this.hold.check();
      await this.#write(texts, status);
    } catch (error) {
      const failure = this.#fail(error);
      await this.#cutBack().catch(() => undefined);
      throw failure;
    }
  }

  /** Removes what a failed write has left. A file that somebody else has changed is left alone. */
  async #cutBack(): Promise<void> {
    await this.hold.check();
    if (this.#isShared) return;
    await truncateFile(this.descriptor, this.#end);
  }

  async #write(texts: readonly string[], status: JournalStatus): Promise<void> {
    const last = texts.length - 1;
    let lines = '';
    let sum = this.#sum;
    for (const [index, text] of texts.entries()) {
      const encoded = encode(text, index === last ? status : this.#status, sum);
      lines += encoded.line;
      sum = encoded.sum;
    }
    const bytes = Buffer.from(lines);
    await write(this.descriptor, bytes);
    if (this.sync === 'machine') await syncData(this.descriptor);
    this.#checkFile(this.#end + bytes.length);
    this.#end += bytes.length;
    this.#sum = sum;
    this.#status = status;
  }

  /**
   * Notices that the file was removed, replaced or changed by somebody else: nothing that is written to it then would be
   * found again.
   */
  #checkFile(size: number): void {
    const { nlink, size: found } = fs.fstatSync(this.descriptor);
    const { id, file } = this.paths;
    if (nlink === 0)
      throw new JournalError(
        id,
        `has lost "${file}", which was removed or replaced: leave the files of open runs alone`,
      );
    if (found === size) return;
    this.#isShared = true;
    throw new JournalError(
      id,
      `shares "${file}" with a program that has changed it: leave the files of open runs alone`,
    );
  }

  #fail(error: unknown): unknown {
    this.#failure ??= { error: problem(this.paths.id, this.paths.file, 'recorded', error) };
    return this.#failure.error;
  }
}

/**
 * Writes and syncs a whole journal.
 *
 * @returns the end of the file, and the checksum of its last line
 */
export async function writeJournal(
  path: string,
  header: JournalHeader,
  records: readonly string[],
  consumed: number,
): Promise<{ readonly end: number; readonly sum: number }> {
  const descriptor = await openFile(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o666);
  let sum = 0;
  let end = 0;
  let lines = '';
  const flush = async () => {
    const bytes = Buffer.from(lines);
    lines = '';
    await write(descriptor, bytes);
    end += bytes.length;
  };
  try {
    for (const text of [encodeHeader(header, consumed), ...records]) {
      const encoded = encode(text, 'running', sum);
      lines += encoded.line;
      sum = encoded.sum;
      if (lines.length > longestWrite) await flush();
    }
    await flush();
    await syncFile(descriptor);
  } finally {
    await closeFile(descriptor);
  }
  return { end, sum };
}

/** Puts a file in the place of another one, so that a crash leaves one of them. */
export async function replace(beside: string, path: string): Promise<void> {
  await rename(beside, path);
  await syncDirectory(dirname(path));
}

/** Writes all bytes. The system may write less than it was given. */
function write(descriptor: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = (from: number) => {
      fs.write(descriptor, bytes, from, bytes.length - from, null, (error, written) => {
        if (error) reject(error);
        else if (from + written < bytes.length) next(from + written);
        else resolve();
      });
    };
    next(0);
  });
}

function syncData(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(descriptor, (error) => (error ? reject(error) : resolve()));
  });
}
