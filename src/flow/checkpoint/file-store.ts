import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { aName, invalid } from '../../validate.js';
import type { Checkpoint, CheckpointStore } from './store.js';

const extension = '.checkpoint';

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

  /** @param directory - where the files are; it is made where it is not there */
  constructor(private readonly directory: string) {
    aName(directory, 'directory');
  }

  async save(runId: string, snapshot: string): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    await this.#log(runId).replace(asLine(snapshot));
    await syncDirectory(this.directory);
  }

  async append(runId: string, entry: string): Promise<void> {
    await this.#log(runId).append(asLine(entry));
  }

  async load(runId: string): Promise<Checkpoint | undefined> {
    const text = wholeLines(await readIfThere(this.#path(runId)));
    const [snapshot, ...entries] = text.split('\n').slice(0, -1).map(fromLine);
    return snapshot === undefined ? undefined : { snapshot, entries };
  }

  async delete(runId: string): Promise<void> {
    await this.#log(runId).remove();
    this.#logs.delete(runId);
  }

  async list(): Promise<string[]> {
    const names = await readdir(this.directory).catch((error) => {
      if (isMissing(error)) return [];
      throw error;
    });
    return names
      .filter((name) => name.endsWith(extension))
      .map((name) => decodeURIComponent(name.slice(0, -extension.length)));
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
    const name = encodeURIComponent(aName(runId, 'runId')).replaceAll('*', '%2A') + extension;
    if (name.length > longestName)
      throw invalid('runId', `an id of at most ${longestName} bytes as a file name`, runId);
    return join(this.directory, name);
  }
}

/** One file, to which one thing is done at a time. */
class Log {
  #waiting: string[] = [];
  #flush: Promise<void> | undefined = undefined;
  #busy: Promise<unknown> = Promise.resolve();
  /** Whether the file is known to end with a whole line. */
  #isWhole = false;

  constructor(private readonly path: string) {}

  replace(line: string): Promise<void> {
    return this.#exclusively(async () => {
      await writeFileAtomic(this.path, line);
      this.#isWhole = true;
    });
  }

  /** Adds a line; lines that wait for the same sync are written together. */
  append(line: string): Promise<void> {
    this.#waiting.push(line);
    this.#flush ??= this.#exclusively(() => {
      const lines = this.#waiting.join('');
      this.#waiting = [];
      this.#flush = undefined;
      return this.#write(lines);
    });
    return this.#flush;
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
    const file = await open(this.path, 'r+');
    try {
      if (!this.#isWhole) await file.truncate(Buffer.byteLength(wholeLines(await file.readFile('utf8'))));
      this.#isWhole = false;
      const { size } = await file.stat();
      await file.write(lines, size);
      await file.datasync();
      this.#isWhole = true;
    } finally {
      await file.close();
    }
  }
}

/** Up to the last line end: what comes after it was cut off by a crash. */
function wholeLines(text: string): string {
  return text.slice(0, text.lastIndexOf('\n') + 1);
}

/** A text is a line already, unless a serializer of somebody else's has put line ends into it. */
function asLine(text: string): string {
  return `${text.includes('\n') || text.startsWith('"') ? JSON.stringify(text) : text}\n`;
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
