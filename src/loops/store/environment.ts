import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Write } from './batches.js';
import { Room } from './room.js';

/** The part of lmdb that is used here. */
interface Lmdb {
  open(options: object): Database;
  asBinary(bytes: Buffer): unknown;
}

interface Database {
  readonly encoder: { encode(value: unknown): Buffer; decode(bytes: Buffer): unknown };
  batch(work: () => void): Promise<unknown>;
  put(key: readonly unknown[], value: unknown): unknown;
  remove(key: readonly unknown[]): unknown;
  getKeys(options: { readonly start: unknown[]; readonly end: unknown[] }): Iterable<unknown[]>;
  getBinary(key: readonly unknown[]): Buffer | undefined;
  getStats(): { readonly root: TreeStats; readonly free: TreeStats; readonly lastPageNumber: number };
  close(): Promise<void>;
  _endWrites?: unknown;
}

interface TreeStats {
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

/** An LMDB database in a directory. Batches are atomic, and written outside the event loop. */
export class Environment {
  #database: Database;
  #hasFailed = false;
  readonly room: Room;

  private constructor(
    private readonly lmdb: Lmdb,
    private readonly directory: string,
  ) {
    this.room = new Room(directory);
    this.#database = this.#open();
  }

  /** Opens the database. Check its file first: see `checkDatabase`. */
  static async open(lmdb: unknown, directory: string): Promise<Environment> {
    await reserveLock(join(directory, 'lock.mdb'));
    await Room.assertForNew(directory);
    return new Environment(lmdb as Lmdb, directory);
  }

  encode(value: unknown): Buffer {
    return this.#database.encoder.encode(value);
  }

  decode(bytes: Buffer): unknown {
    return this.#database.encoder.decode(bytes);
  }

  /** Yields the keys that begin with `name`, in order, with their records. */
  *entries(name: string): Iterable<readonly [key: readonly unknown[], record: Buffer]> {
    for (const key of this.#database.getKeys({ start: [name], end: [name, '\uffff'] })) {
      const record = this.#database.getBinary(key);
      if (record !== undefined) yield [key, record];
    }
  }

  /**
   * Writes all changes or none. Resolves when they are on disk.
   *
   * @throws the system error
   */
  async commit(writes: readonly Write[]): Promise<void> {
    await this.room.assertFor(writes, () => this.#freeInside());
    // After a failed write of a meta page, LMDB is unusable and lmdb would hang. Therefore the database is reopened
    // after any failure.
    if (this.#hasFailed) await this.#reopen();
    const database = this.#database;
    try {
      await database.batch(() => {
        for (const { key, value } of writes) {
          if (value === undefined) database.remove(key);
          else database.put(key, this.lmdb.asBinary(value));
        }
      });
      this.room.wrote('well');
    } catch (error) {
      this.#hasFailed = true;
      this.room.wrote('badly');
      throw await causeOf(error);
    }
  }

  async close(): Promise<void> {
    // After a failed write, lmdb would wait forever for its flush.
    if (this.#hasFailed) this.#database._endWrites = undefined;
    await this.#database.close();
  }

  /** Returns the size of unused pages in the file, in bytes. */
  #freeInside(): number {
    const { root, free, lastPageNumber } = this.#database.getStats();
    const used = [root, free].reduce(
      (pages, tree) => pages + tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages,
      0,
    );
    return Math.max(lastPageNumber - 1 - used, 0) * root.pageSize;
  }

  async #reopen(): Promise<void> {
    await this.close();
    this.#database = this.#open();
    this.#hasFailed = false;
  }

  #open(): Database {
    return this.lmdb.open({
      path: this.directory,
      noSubdir: false,
      // Values keep everything that a structured clone keeps: maps, sets, errors, typed arrays.
      encoder: { structuredClone: true },
      // `Batches` groups the writes.
      eventTurnBatching: false,
    });
  }
}

/** Returns the cause of an error of lmdb. The error contains the cause as a rejected promise. */
async function causeOf(error: unknown): Promise<unknown> {
  try {
    await Object(error).commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}

/**
 * Allocates LMDB's lock file. LMDB maps the file into memory and writes to it. If the disk were full, that write would
 * end the program with SIGBUS.
 *
 * @throws the system error
 */
async function reserveLock(path: string): Promise<void> {
  const file = await open(path, 'a+');
  try {
    const { size } = await file.stat();
    if (size < lockSize) await file.appendFile(Buffer.alloc(lockSize - size));
  } finally {
    await file.close();
  }
}

/** Room for the locks of a few hundred readers, in whole pages. */
const lockSize = 12_288;
