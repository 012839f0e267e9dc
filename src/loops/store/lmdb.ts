import { mkdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type * as Lmdb from 'lmdb';
import { lockDirectory } from '../../shared/directory-lock.js';
import { loadPeers } from '../../shared/peers.js';
import { aName } from '../../shared/validate.js';
import { LoopStoreError } from '../errors.js';
import type { DeadLetter } from '../health.js';
import type { Message } from '../node.js';
import type { Deliveries } from '../queues/queue-store.js';
import { fromWire, toWire, type WireError } from '../wire.js';
import { Batches } from './batches.js';
import type { DesiredState, LoopStore, Stored } from './contracts.js';
import { Environment } from './environment.js';
import { checkDatabase, markAsBegun, removeMark } from './lmdb-file.js';
import { DamageError } from './lmdb-meta.js';
import { isSealed, sealed, unsealed } from './records.js';

type StoredLetter = Omit<DeadLetter, 'error'> & { readonly error: WireError };

interface StoredDeliveries {
  readonly upTo: number;
  readonly counts: readonly (readonly [id: number, count: number])[];
}

type Key = readonly [kind: string, ...names: readonly unknown[]];

/**
 * Creates a store in a directory, based on LMDB. Needs the package `lmdb`. Writes of one turn of the event loop go to
 * the disk together, in order. Only one program at a time can open the directory, from the first start of its workflow
 * until the workflow is closed. After a crash, the next program can open the directory at once.
 *
 * The file is checked before LMDB opens it, and each record has a checksum. Damage is reported with a `LoopStoreError`
 * when the workflow starts. While the store cannot be written, for example on a full disk, it keeps all changes in
 * memory and retries.
 *
 * @param directory - path of the directory, which is created if it is missing
 * @throws {ValidationError} if `directory` is not a path
 *
 * @example
 * const orchestrator = new WorkflowOrchestrator({ store: lmdbStore('./data/loops') });
 */
export function lmdbStore(directory: string): LoopStore {
  return new LmdbStore(aName(directory, 'directory'));
}

/**
 * Maximum length of the name of a queue or loop, in bytes. With this limit, the whole key stays below the limit of
 * LMDB.
 */
const longestName = 1_900;

/** Key that marks a store whose records all have checksums. Missing in stores of versions before 0.6. */
const format: Key = ['format', 'checksums'];

class LmdbStore implements LoopStore {
  #environment: Environment | undefined = undefined;
  #batches: Batches | undefined = undefined;
  #unlock: (() => Promise<void>) | undefined = undefined;

  constructor(private readonly directory: string) {}

  async open(onFailure: (failure: LoopStoreError | undefined) => void = () => {}): Promise<Stored> {
    const { lmdb } = await loadPeers<{ lmdb: typeof Lmdb }>('a store of loops', ['lmdb']);
    const path = join(this.directory, 'data.mdb');
    let isNew = false;
    try {
      await mkdir(this.directory, { recursive: true });
      // Lock the real path, so that all names of the directory share one lock.
      this.#unlock = await lockDirectory(await realpath(this.directory));
      isNew = (await checkDatabase(path)) === 'new';
      if (isNew) await markAsBegun(path);
      this.#environment = await Environment.open(lmdb, this.directory);
      await removeMark(path);
      this.#batches = this.#newBatches(this.#environment, onFailure);
      return this.#read();
    } catch (thrown) {
      await this.#release();
      if (Object(thrown).code === 'ERR_LOCKED') throw thrown;
      // Remove a file whose creation failed, for example on a full disk.
      if (isNew) await rm(path, { force: true });
      throw this.#openError(thrown);
    }
  }

  putMessage(queue: string, { id, ...message }: Message): void {
    this.#put(['message', queue, id], message, { isNew: true });
  }

  removeMessage(queue: string, id: number): void {
    this.#remove(['message', queue, id]);
  }

  putLastId(queue: string, id: number): void {
    this.#put(['last', queue], id);
  }

  async putDeliveries(queue: string, { upTo, counts }: Deliveries): Promise<void> {
    this.#put(['deliveries', queue], { upTo, counts: [...counts] });
    await this.#batches?.flushed();
  }

  putCursor(loopId: string, value: unknown): void {
    this.#put(['cursor', loopId], value);
  }

  putDesired(loopId: string, state: DesiredState): void {
    this.#put(['desired', loopId], state);
  }

  putDeadLetter(letter: DeadLetter): void {
    const stored: StoredLetter = { ...letter, error: toWire(letter.error, letter.nodeId) };
    try {
      this.#put(['letter', letter.id], stored, { isNew: true });
    } catch {
      // The value cannot be stored, so store the dead letter without its value.
      this.#put(['letter', letter.id], { ...stored, value: undefined }, { isNew: true });
    }
  }

  removeDeadLetter(id: number): void {
    this.#remove(['letter', id]);
  }

  async flushed(): Promise<void> {
    await this.#batches?.flushed();
  }

  async close(): Promise<void> {
    try {
      await this.#batches?.end();
    } finally {
      await this.#release();
    }
  }

  async #release(): Promise<void> {
    const [environment, unlock] = [this.#environment, this.#unlock];
    this.#environment = undefined;
    this.#batches = undefined;
    this.#unlock = undefined;
    try {
      await environment?.close();
    } finally {
      await unlock?.();
    }
  }

  #newBatches(environment: Environment, onFailure: (failure: LoopStoreError | undefined) => void): Batches {
    const { room } = environment;
    return new Batches({
      commit: (writes) => environment.commit(writes),
      explain: async (cause) => new LoopStoreError(this.directory, await room.explain(cause), { cause }),
      untilRetry: (signal) => room.untilRetry(signal),
      onFailure: (failure) => onFailure(failure as LoopStoreError | undefined),
    });
  }

  #put(key: Key, value: unknown, { isNew = false }: { readonly isNew?: boolean } = {}): void {
    const environment = this.#environment;
    if (environment === undefined) return;
    if (Buffer.byteLength(String(key[1])) > longestName)
      throw new LoopStoreError(
        this.directory,
        `takes names of up to ${longestName} bytes, got ${String(key[1]).length}`,
      );
    this.#batches?.add({ key, value: sealed(key, environment.encode(value)), isNew });
  }

  #remove(key: Key): void {
    this.#batches?.add({ key, value: undefined, isNew: false });
  }

  #read(): Stored {
    const isMarked = this.#values(format, { isMarked: true }).length > 0;
    const read = (kind: string) => this.#values([kind], { isMarked });
    const stored = {
      messages: messagesOf(read('message')),
      lastIds: new Map(named<number>(read('last'))),
      deliveries: new Map(
        named<StoredDeliveries>(read('deliveries')).map(([queue, { upTo, counts }]) => [
          queue,
          { upTo, counts: new Map(counts) },
        ]),
      ),
      cursors: new Map(named<unknown>(read('cursor'))),
      desired: new Map(named<DesiredState>(read('desired'))),
      deadLetters: read('letter').map(([, letter]) => letterFrom(letter as StoredLetter)),
    };
    if (!isMarked) this.#put(format, true);
    return stored;
  }

  /**
   * Reads the records of one kind.
   *
   * @throws {DamageError} for a damaged record
   */
  #values([kind]: Key, { isMarked }: { readonly isMarked: boolean }): [Key, unknown][] {
    const environment = this.#environment as Environment;
    return [...environment.entries(kind)].map(([given, record]) => {
      const key = given as Key;
      const bytes = isMarked ? unsealed(key, record) : isSealed(record) ? undefined : record;
      if (bytes === undefined) throw damaged(key);
      let value: unknown;
      try {
        value = environment.decode(bytes);
      } catch (cause) {
        throw damaged(key, cause);
      }
      // Write the record again, with a checksum.
      if (!isMarked) this.#put(key, value);
      return [key, value];
    });
  }

  #openError(cause: unknown): LoopStoreError {
    const { message, code } = Object(cause);
    if (cause instanceof DamageError) {
      const advice = 'replace the directory with a copy, or move it away to start with an empty store';
      return new LoopStoreError(this.directory, `is damaged, and was left as it is: ${message}; ${advice}`, { cause });
    }
    const advice = code === 'ENOSPC' ? '; free space on its disk' : '';
    return new LoopStoreError(this.directory, `cannot be opened: ${message ?? cause}${advice}`, { cause });
  }
}

function damaged(key: Key, cause?: unknown): DamageError {
  return new DamageError(`its record ${JSON.stringify(key)} is damaged`, { cause });
}

function named<Value>(entries: readonly [Key, unknown][]): [string, Value][] {
  return entries.map(([[, name], value]) => [String(name), value as Value]);
}

function messagesOf(entries: readonly [Key, unknown][]): Map<string, Message[]> {
  const messages = new Map<string, Message[]>();
  for (const [[, name, id], value] of entries) {
    const queue = String(name);
    const list = messages.get(queue) ?? [];
    list.push({ ...(value as Omit<Message, 'id'>), id: Number(id) });
    messages.set(queue, list);
  }
  return messages;
}

function letterFrom({ error, ...letter }: StoredLetter): DeadLetter {
  return { ...letter, error: fromWire(error) };
}
