import { constants } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { aName, invalid } from '../../validate.js';
import { Holds } from './holds.js';
import { aSeq, checkSnapshot, isNewEntry, refusals } from './refusals.js';
import type { Checkpoint, CheckpointStore, Claim } from './store.js';

const extension = '.checkpoint';

/** What the name of a file ends in that is written beside another, to take its place. */
const beside = '.new';

/** The longest file name that common file systems take, in bytes. */
const longestName = 255;

/**
 * Keeps checkpoints in a directory, a file for each run: the snapshot in the first line, an entry in each after it.
 *
 * A snapshot replaces the file as a whole (written beside it, synced, renamed). An entry is appended and synced; a line
 * that a crash has cut off has no line end, and is left out when the file is read and cut away before it is written
 * again. Entries that come while one is being synced are written together.
 *
 * A run is to be saved by one program at a time.
 */
export class FileCheckpointStore implements CheckpointStore {
  readonly #logs = new Map<string, Log>();
  readonly #holds = new Holds();

  /** @param directory - where the files are; it is made where it is not there */
  constructor(private readonly directory: string) {
    aName(directory, 'directory');
  }

  async claim(runId: string, holder?: string): Promise<Claim> {
    return this.#holds.claim(aName(runId, 'runId'), holder);
  }

  async save(runId: string, snapshot: string, seq: number, token?: string): Promise<void> {
    const log = this.#log(runId);
    this.#holds.check(runId, token);
    await log.save(runId, snapshot, aSeq(seq, 'seq'));
  }

  async append(runId: string, seq: number, entry: string, token?: string): Promise<void> {
    const log = this.#log(runId);
    this.#holds.check(runId, token);
    await log.append(runId, aSeq(seq, 'seq'), entry);
  }

  async load(runId: string): Promise<Checkpoint | undefined> {
    return readCheckpoint(await readIfThere(this.#path(runId)));
  }

  async delete(runId: string, token?: string): Promise<void> {
    const log = this.#log(runId);
    this.#holds.check(runId, token);
    await log.remove();
    this.#logs.delete(runId);
  }

  async list(): Promise<string[]> {
    const names = await readdir(this.directory).catch((error) => {
      if (isMissing(error)) return [];
      throw error;
    });
    return names.map(runIdOf).filter((runId) => runId !== undefined && runId !== '') as string[];
  }

  #log(runId: string): Log {
    let log = this.#logs.get(runId);
    if (log === undefined) {
      log = new Log(this.#path(runId));
      this.#logs.set(runId, log);
    }
    return log;
  }

  #path(runId: string): string {
    const name = fileNameOf(aName(runId, 'runId'));
    const isFit = name !== undefined && name.length + beside.length <= longestName;
    if (!isFit)
      throw invalid(
        'runId',
        `an id of at most ${longestName - extension.length - beside.length} bytes as a file name, of whole characters`,
        runId,
      );
    return join(this.directory, name);
  }
}

/** One file, to which one thing is done at a time. */
class Log {
  #busy: Promise<unknown> = Promise.resolve();

  constructor(private readonly path: string) {}

  save(runId: string, snapshot: string, seq: number): Promise<void> {
    return this.#exclusively(async () => {
      await mkdir(dirname(this.path), { recursive: true });
      const kept = readCheckpoint(await readIfThere(this.path));
      if (kept !== undefined) checkSnapshot(runId, numbersOf(kept), seq);
      const lines = [`${seq} ${snapshot}`, ...(kept?.entries.slice(seq - kept.seq) ?? [])].map(asLine);
      await writeAndSync(
        this.path + beside,
        constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC,
        lines.join(''),
      );
      await rename(this.path + beside, this.path);
      await syncDirectory(dirname(this.path));
    });
  }

  append(runId: string, seq: number, entry: string): Promise<void> {
    return this.#exclusively(async () => {
      const kept = readCheckpoint(await readIfThere(this.path));
      if (kept === undefined) throw refusals.unknown(runId);
      const textOf = (number: number) => kept.entries[number - kept.seq - 1];
      if (isNewEntry(runId, numbersOf(kept), [seq, entry], textOf)) await this.#write(asLine(entry));
    });
  }

  remove(): Promise<void> {
    return this.#exclusively(() => rm(this.path, { force: true }));
  }

  #exclusively(work: () => Promise<void>): Promise<void> {
    const done = this.#busy.then(work);
    this.#busy = done.catch(() => undefined);
    return done;
  }

  async #write(lines: string): Promise<void> {
    await truncate(this.path, Buffer.byteLength(wholeLines(await readFile(this.path, 'utf8'))));
    await writeAndSync(this.path, constants.O_WRONLY | constants.O_APPEND, lines);
  }
}

function readCheckpoint(text: string): Checkpoint | undefined {
  const [first, ...entries] = wholeLines(text).split('\n').slice(0, -1).map(fromLine);
  if (first === undefined) return undefined;
  const [, seq = '0', snapshot = ''] = /^(?:(\d+) )?(.*)$/s.exec(first) ?? [];
  return { snapshot, seq: Number(seq), entries };
}

function numbersOf({ seq, entries }: Checkpoint) {
  return { seq, last: seq + entries.length };
}

/** All of a text, or an error: a handle's `writeFile` goes on where a write was cut short. */
async function writeAndSync(path: string, flags: number, text: string): Promise<void> {
  const file = await open(path, flags);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** Up to the last line end: what comes after it was cut off by a crash. */
function wholeLines(text: string): string {
  return text.slice(0, text.lastIndexOf('\n') + 1);
}

/** A text is a line already, unless a serializer of somebody else's has put line ends or half characters into it. */
function asLine(text: string): string {
  return `${text.includes('\n') || text.startsWith('"') || /\p{Surrogate}/u.test(text) ? JSON.stringify(text) : text}\n`;
}

function fromLine(line: string): string {
  return line.startsWith('"') ? JSON.parse(line) : line;
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** A new name lasts once its directory is synced. Not every system can; there the rename has to do. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => undefined);
  await directory?.sync().catch(() => undefined);
  await directory?.close();
}

/** A name that every file system takes; nothing for an id that has half a character in it. */
function fileNameOf(runId: string): string | undefined {
  try {
    return encodeURIComponent(runId).replaceAll('*', '%2A').replaceAll('.', '%2E') + extension;
  } catch {
    return undefined;
  }
}

/** The id of a run by its file; nothing for a file that is none. */
function runIdOf(name: string): string | undefined {
  if (!name.endsWith(extension)) return undefined;
  try {
    const runId = decodeURIComponent(name.slice(0, -extension.length));
    return fileNameOf(runId) === name ? runId : undefined;
  } catch {
    return undefined;
  }
}
