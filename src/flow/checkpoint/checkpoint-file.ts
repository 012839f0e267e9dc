import { constants } from 'node:fs';
import { readFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { copy, orRemove, syncDirectory, undefinedIfMissing, writeAndSync } from '../../shared/files.js';
import { CheckpointError } from '../errors.js';
import { besideOf, type FileHolds } from './file-holds.js';
import { DamagedRecord, recordOf, type Scanned, scan, textAt } from './records.js';
import { checkSnapshot, refusals } from './refusals.js';
import type { Checkpoint } from './store.js';

/** The paths of a run's files. */
export interface Paths {
  readonly runId: string;
  readonly file: string;
  /**
   * File of the run in the format of version 0.6 and earlier: the snapshot in the first line, followed by one line for
   * each entry.
   */
  readonly former: string;
  readonly lock: string;
}

/** The remembered content of a file. Valid as long as the inode and the size of the file are unchanged. */
interface Known {
  readonly inode: number;
  /** The number of the snapshot. */
  readonly seq: number;
  /** The byte positions at which the snapshot and each following entry end. */
  readonly ends: number[];
  /** If true, the file may have bytes after the last entry, left by a write that failed or was interrupted. */
  isDirty: boolean;
}

/** An entry that is waiting to be written. */
interface Pending {
  readonly seq: number;
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The file of one run. Operations on the file run one at a time. Entries that arrive during an operation are written
 * and synced together. A snapshot is written to a second file while entries are still appended to the first. The later
 * entries are then copied to the second file, which replaces the first.
 */
export class CheckpointFile {
  #batch: { readonly token: string | undefined; readonly pending: Pending[] } | undefined = undefined;
  #busy: Promise<unknown> = Promise.resolve();
  #saving: Promise<void> | undefined = undefined;
  #known: Known | undefined = undefined;

  constructor(
    private readonly paths: Paths,
    private readonly holds: FileHolds,
  ) {}

  /** Resolves when all operations that have been started so far have ended. */
  async settled(): Promise<void> {
    await this.#saving;
    await this.#busy;
  }

  append(seq: number, text: string, token: string | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = { seq, text, resolve, reject };
      if (this.#batch?.token === token && this.#batch !== undefined) this.#batch.pending.push(entry);
      else this.#begin({ token, pending: [entry] });
    });
  }

  save(snapshot: string, seq: number, token: string | undefined): Promise<void> {
    return this.#inTurn(() => {
      // The first snapshot is written in one exclusive operation, so that entries sent immediately afterwards find the
      // run.
      const isBeside = this.#known !== undefined && token !== undefined && this.holds.has(token);
      if (!isBeside)
        return this.#exclusively(token, async (id) => this.#replace(await this.#beside(snapshot, seq, id), seq, id));
      return this.#beside(snapshot, seq, token).then((length) =>
        this.#exclusively(token, (id) => this.#replace(length, seq, id)),
      );
    });
  }

  remove(token: string | undefined): Promise<void> {
    return this.#inTurn(() =>
      this.#exclusively(token, async () => {
        this.#known = undefined;
        await rm(this.paths.file, { force: true });
        await rm(this.paths.former, { force: true });
        await syncDirectory(dirname(this.paths.file));
      }),
    );
  }

  /** Runs saves and removals one after another. Only appended entries may overtake them. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#saving === undefined ? work() : this.#saving.then(work);
    const saving = done
      .catch(() => undefined)
      .then(() => {
        if (this.#saving === saving) this.#saving = undefined;
      });
    this.#saving = saving;
    return done;
  }

  #begin(batch: { readonly token: string | undefined; readonly pending: Pending[] }): void {
    const written = this.#exclusively(batch.token, () => {
      if (this.#batch === batch) this.#batch = undefined;
      return this.#write(batch.pending);
    });
    this.#batch = batch;
    written.then(
      (settled) => {
        for (const settle of settled) settle();
      },
      (error: unknown) => {
        if (this.#batch === batch) this.#batch = undefined;
        for (const { reject } of batch.pending) reject(error);
      },
    );
  }

  #exclusively<Value>(token: string | undefined, work: (id: string) => Promise<Value>): Promise<Value> {
    // An entry that is appended after this operation must not join a batch that started before it.
    this.#batch = undefined;
    const { runId, lock } = this.paths;
    const done = this.#busy.then(() => this.holds.during({ runId, path: lock }, token, work));
    this.#busy = done.catch(() => undefined);
    return done;
  }

  /**
   * Writes the entries that are not in the file yet.
   *
   * @returns functions that settle the promises of all given entries
   */
  async #write(pending: readonly Pending[]): Promise<readonly (() => void)[]> {
    const { runId } = this.paths;
    const known = await this.#open();
    if (known === undefined) throw refusals.unknown(runId);
    const fresh: Pending[] = [];
    const settled: (() => void)[] = [];
    const last = lastOf(known);
    for (const entry of pending) {
      const { seq, text } = entry;
      const next = last + fresh.length + 1;
      if (seq === next) fresh.push(entry);
      else if (seq > next) settled.push(() => entry.reject(refusals.gap(runId, seq, next - 1)));
      else {
        const there = seq > last ? fresh[seq - last - 1]?.text : await this.#textOf(known, seq);
        if (there !== text) settled.push(() => entry.reject(refusals.taken(runId, seq, next - 1)));
        else settled.push(entry.resolve);
      }
    }
    if (fresh.length > 0) await this.#add(known, fresh);
    return [...settled, ...fresh.map(({ resolve }) => resolve)];
  }

  async #add(known: Known, fresh: readonly Pending[]): Promise<void> {
    const { file } = this.paths;
    const records = fresh.map(({ seq, text }) => recordOf('entry', seq, text));
    if (known.isDirty) await truncate(file, endOf(known));
    known.isDirty = true;
    await writeAndSync(file, constants.O_WRONLY | constants.O_APPEND, Buffer.concat(records));
    known.isDirty = false;
    for (const { length } of records) known.ends.push(endOf(known) + length);
  }

  /**
   * Writes a snapshot to a second file.
   *
   * @returns the length of the snapshot's record in bytes
   */
  async #beside(snapshot: string, seq: number, id: string): Promise<number> {
    const record = recordOf('snapshot', seq, snapshot);
    const beside = besideOf(this.paths.lock, id);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
    await orRemove(beside, () => writeAndSync(beside, flags, record));
    return record.length;
  }

  /** Copies the entries after the snapshot to the second file, which then replaces the first. */
  async #replace(length: number, seq: number, id: string): Promise<void> {
    const { runId, file, former, lock } = this.paths;
    const beside = besideOf(lock, id);
    await orRemove(beside, async () => {
      const known = await this.#open();
      if (known !== undefined) checkSnapshot(runId, { seq: known.seq, last: lastOf(known) }, seq);
      const kept = known?.ends.slice(seq - known.seq) ?? [0];
      const [start = 0] = kept;
      if (kept.length > 1) await copy(file, beside, start, kept.at(-1) as number);
      const { ino } = await stat(beside);
      await rename(beside, file);
      await syncDirectory(dirname(file));
      this.#known = { inode: ino, seq, ends: kept.map((end) => end - start + length), isDirty: false };
      await rm(former, { force: true });
    });
  }

  /**
   * Reads the numbers and positions of the records. If the file was written by an earlier version, it is converted
   * first.
   */
  async #open(): Promise<Known | undefined> {
    const { runId, file } = this.paths;
    const found = await stat(file).catch(undefinedIfMissing);
    if (found === undefined) return this.#convert();
    const known = this.#known;
    if (known?.inode === found.ino && (known.isDirty || endOf(known) === found.size)) return known;
    const bytes = await readFile(file);
    const { places, end } = scanned(runId, file, bytes);
    const ends = places.map(({ to }) => to + 1);
    this.#known = { inode: found.ino, seq: places[0].seq, ends, isDirty: end !== bytes.length };
    return this.#known;
  }

  async #convert(): Promise<Known | undefined> {
    const { file, former, lock } = this.paths;
    this.#known = undefined;
    const checkpoint = formerCheckpoint(await readFile(former).catch(undefinedIfMissing));
    if (checkpoint === undefined) return undefined;
    const beside = `${lock}.former.new`;
    const records = [recordOf('snapshot', 0, checkpoint.snapshot)];
    for (const [index, entry] of checkpoint.entries.entries()) records.push(recordOf('entry', index + 1, entry));
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
    await orRemove(beside, () => writeAndSync(beside, flags, Buffer.concat(records)));
    await rename(beside, file);
    await syncDirectory(dirname(file));
    await rm(former, { force: true });
    return this.#open();
  }

  async #textOf(known: Known, seq: number): Promise<string | undefined> {
    if (seq <= known.seq) return undefined;
    const checkpoint = await readCheckpoint(this.paths);
    return checkpoint?.entries[seq - known.seq - 1];
  }
}

/**
 * Reads the checkpoint of a run, ignoring a last record that was cut off by a crash.
 *
 * @throws {CheckpointError} if the file is damaged
 */
export async function readCheckpoint(paths: Paths): Promise<Checkpoint | undefined> {
  const { runId, file, former } = paths;
  const bytes = await readFile(file).catch(undefinedIfMissing);
  if (bytes !== undefined) {
    const { places } = scanned(runId, file, bytes);
    const [first, ...entries] = places;
    return {
      snapshot: textAt(bytes, first),
      seq: first.seq,
      entries: entries.map((place) => textAt(bytes, place)),
    };
  }
  const checkpoint = formerCheckpoint(await readFile(former).catch(undefinedIfMissing));
  if (checkpoint !== undefined) return checkpoint;
  // Another program may have converted the file in the meantime.
  return (await stat(file).catch(undefinedIfMissing)) && readCheckpoint(paths);
}

function scanned(runId: string, file: string, bytes: Buffer): Scanned {
  try {
    return scan(bytes);
  } catch (error) {
    if (!(error instanceof DamagedRecord)) throw error;
    throw new CheckpointError(runId, damageOf(file, error), { cause: error });
  }
}

function damageOf(file: string, { seq, at }: DamagedRecord): string {
  const what = seq === undefined ? 'its snapshot' : `entry ${seq} (at byte ${at})`;
  const cut =
    seq === undefined
      ? ''
      : `, cut the file to ${at} bytes to continue from entry ${seq - 1} (nodes that completed later are executed again)`;
  return `is damaged in "${file}": ${what} differs from what was written; restore the file from a backup${cut}, or delete the run and start it again`;
}

/**
 * Reads a file of version 0.6 or earlier. Its entries are numbered from 1. A last line without a line break was cut off
 * by a crash and is ignored.
 */
function formerCheckpoint(bytes: Buffer | undefined): Checkpoint | undefined {
  const text = bytes?.toString('utf8') ?? '';
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  const [snapshot, ...entries] = lines.slice(0, -1).map((line) => (line.startsWith('"') ? JSON.parse(line) : line));
  return snapshot === undefined ? undefined : { snapshot, seq: 0, entries };
}

function lastOf({ seq, ends }: Known): number {
  return seq + ends.length - 1;
}

function endOf({ ends }: Known): number {
  return ends.at(-1) as number;
}
