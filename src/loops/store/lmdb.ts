import { mkdir, open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type * as Lmdb from 'lmdb';
import { lockDirectory } from '../../directory-lock.js';
import { loadPeers } from '../../peers.js';
import { aName } from '../../validate.js';
import { LoopStoreError } from '../errors.js';
import type { DeadLetter } from '../health.js';
import type { Message } from '../node.js';
import { fromWire, toWire, type WireError } from '../wire.js';
import type { DesiredState, LoopStore, Stored } from './contracts.js';

/** The part of lmdb that is used here. */
interface Database {
  put(key: unknown[], value: unknown): Promise<boolean>;
  remove(key: unknown[]): Promise<boolean>;
  getRange(options: {
    readonly start: unknown[];
    readonly end: unknown[];
  }): Iterable<{ readonly key: unknown[]; readonly value: unknown }>;
  readonly flushed: Promise<unknown>;
  close(): Promise<void>;
}

type StoredLetter = Omit<DeadLetter, 'error'> & { readonly error: WireError };

/**
 * A store in a directory, on LMDB: writes of one turn of the event loop go to the disk together, in order. Needs the
 * package `lmdb`. One program at a time has it open, from the first start of its workflow until that is closed; where a
 * program was killed, the next may open it at once.
 *
 * @param directory - made when it is not there
 * @throws {ValidationError} for what is no path
 *
 * @example
 * const orchestrator = new WorkflowOrchestrator({ store: lmdbStore('./data/loops') });
 */
export function lmdbStore(directory: string): LoopStore {
  return new LmdbStore(aName(directory, 'directory'));
}

class LmdbStore implements LoopStore {
  #database: Database | undefined = undefined;
  #unlock: (() => Promise<void>) | undefined = undefined;
  #last: Promise<unknown> = Promise.resolve();
  /** The first write that has failed: nothing behind it counts. */
  #failure: LoopStoreError | undefined = undefined;

  constructor(private readonly directory: string) {}

  async open(): Promise<Stored> {
    const { lmdb } = await loadPeers<{ lmdb: typeof Lmdb }>('a store of loops', ['lmdb']);
    try {
      await mkdir(this.directory, { recursive: true });
      // However it is called, it is locked once.
      this.#unlock = await lockDirectory(await realpath(this.directory));
      await assertDatabase(join(this.directory, 'data.mdb'));
      // Values keep what the structured clone keeps: maps, sets, errors, typed arrays.
      const options = { path: this.directory, noSubdir: false, encoder: { structuredClone: true } };
      this.#database = lmdb.open(options as never) as unknown as Database;
      return this.#read();
    } catch (thrown) {
      await this.#release();
      if (Object(thrown).code === 'ERR_LOCKED') throw thrown;
      throw new LoopStoreError(this.directory, `cannot be opened: ${String(Object(thrown).message)}`, {
        cause: thrown,
      });
    }
  }

  putMessage(queue: string, { id, ...message }: Message): void {
    this.#write((database) => database.put(['message', queue, id], message));
  }

  removeMessage(queue: string, id: number): void {
    this.#write((database) => database.remove(['message', queue, id]));
  }

  putLastId(queue: string, id: number): void {
    this.#write((database) => database.put(['last', queue], id));
  }

  putCursor(loopId: string, value: unknown): void {
    this.#write((database) => database.put(['cursor', loopId], value));
  }

  putDesired(loopId: string, state: DesiredState): void {
    this.#write((database) => database.put(['desired', loopId], state));
  }

  putDeadLetter(letter: DeadLetter): void {
    const stored: StoredLetter = { ...letter, error: toWire(letter.error, letter.nodeId) };
    this.#write((database) => {
      try {
        return database.put(['letter', letter.id], stored);
      } catch {
        // A payload that cannot be stored is left out.
        return database.put(['letter', letter.id], { ...stored, value: undefined });
      }
    });
  }

  removeDeadLetter(id: number): void {
    this.#write((database) => database.remove(['letter', id]));
  }

  async flushed(): Promise<void> {
    // `flushed` of lmdb is about what is written: that comes first.
    await this.#last;
    await this.#database?.flushed;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async close(): Promise<void> {
    try {
      await this.flushed();
    } finally {
      await this.#release();
    }
  }

  async #release(): Promise<void> {
    const [database, unlock] = [this.#database, this.#unlock];
    this.#database = undefined;
    this.#unlock = undefined;
    try {
      await database?.close();
    } finally {
      await unlock?.();
    }
  }

  #write(work: (database: Database) => Promise<boolean>): void {
    if (this.#database === undefined) return;
    try {
      this.#last = work(this.#database).catch((error) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(cause: unknown): void {
    this.#failure ??= new LoopStoreError(this.directory, `cannot be written: ${String(Object(cause).message)}`, {
      cause,
    });
  }

  #read(): Stored {
    return {
      messages: this.#messages(),
      lastIds: new Map(this.#entries('last') as [string, number][]),
      cursors: new Map(this.#entries('cursor')),
      desired: new Map(this.#entries('desired') as [string, DesiredState][]),
      deadLetters: this.#entries('letter').map(([, letter]) => letterFrom(letter as StoredLetter)),
    };
  }

  #entries(kind: string): [string, unknown][] {
    return [...this.#range(kind)].map(({ key, value }) => [String(key[1]), value]);
  }

  #messages(): Map<string, Message[]> {
    const messages = new Map<string, Message[]>();
    for (const { key, value } of this.#range('message')) {
      const queue = String(key[1]);
      const list = messages.get(queue) ?? [];
      list.push({ ...(value as Omit<Message, 'id'>), id: Number(key[2]) });
      messages.set(queue, list);
    }
    return messages;
  }

  #range(kind: string) {
    return this.#database?.getRange({ start: [kind], end: [kind, last] }) ?? [];
  }
}

/** Behind all names. */
const last = '\uffff';

/** Where LMDB has its magic number, and what that is. What is something else would crash the program that opens it. */
const magic = { at: 24, value: 0xbeefc0de };

async function assertDatabase(path: string): Promise<void> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return;
  try {
    const head = Buffer.alloc(magic.at + 4);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    if (bytesRead === 0 || (bytesRead === head.length && head.readUInt32LE(magic.at) === magic.value)) return;
  } finally {
    await file.close();
  }
  throw new Error(`"${path}" is no LMDB database`);
}

function letterFrom({ error, ...letter }: StoredLetter): DeadLetter {
  return { ...letter, error: fromWire(error) };
}
