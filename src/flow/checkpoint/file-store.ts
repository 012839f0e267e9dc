import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { aName, invalid } from '../../shared/validate.js';
import { CheckpointFile, type Paths, readCheckpoint } from './checkpoint-file.js';
import { FileHolds } from './file-holds.js';
import { aSeq, aText } from './refusals.js';
import type { Checkpoint, CheckpointStore, Claim } from './store.js';

/** What the name of a run's file ends in; in version 0.6 and before, it ended in the latter. */
const extension = '.run';
const formerExtension = '.checkpoint';

/** The longest name that an id may give, in bytes: file systems take 255, and version 0.6 wrote names of 15 more. */
const longestName = 240;

/** The longest name that a lock is called by as it is; a longer one is cut, and told from others by its hash. */
const longestLockName = 150;

/**
 * Keeps checkpoints in a directory, a file for each run. Each text has its number and a checksum, so that damage is an
 * error that names file and entry; what a crash has cut off at the end is left out, and cut away before the file is
 * written again. A snapshot is written beside the file, synced, and takes its place; an entry is appended and synced, and
 * those that come meanwhile are written together.
 *
 * A run that is held has a lock file beside its file. The hold of a program that has died is free at once; that of one on
 * another machine after thirty seconds without a sign of life. Files of version 0.5 and 0.6 are read, and written anew
 * when they are next written.
 */
export class FileCheckpointStore implements CheckpointStore {
  readonly #files = new Map<string, CheckpointFile>();
  readonly #holds = new FileHolds();

  /** @param directory - where the files are; it is made where it is not there */
  constructor(private readonly directory: string) {
    aName(directory, 'directory');
  }

  async claim(runId: string, holder?: string): Promise<Claim> {
    const { lock } = this.#pathsOf(runId);
    const hold = await this.#holds.claim({ runId, path: lock }, holder);
    const release = async () => {
      const file = this.#files.get(runId);
      await file?.settled();
      await hold.release();
      if (this.#files.get(runId) === file) this.#files.delete(runId);
    };
    return { token: hold.token, release };
  }

  async save(runId: string, snapshot: string, seq: number, token?: string): Promise<void> {
    await this.#fileOf(runId).save(aText(snapshot, 'snapshot'), aSeq(seq, 'seq'), token);
  }

  async append(runId: string, seq: number, entry: string, token?: string): Promise<void> {
    await this.#fileOf(runId).append(aSeq(seq, 'seq'), aText(entry, 'entry'), token);
  }

  async load(runId: string): Promise<Checkpoint | undefined> {
    return readCheckpoint(this.#pathsOf(runId));
  }

  async delete(runId: string, token?: string): Promise<void> {
    await this.#fileOf(runId).remove(token);
  }

  async list(): Promise<string[]> {
    const names = await readdir(this.directory).catch((error) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    return [...new Set(names.flatMap((name) => runIdOf(name) ?? []))];
  }

  #fileOf(runId: string): CheckpointFile {
    let file = this.#files.get(runId);
    if (file === undefined) {
      file = new CheckpointFile(this.#pathsOf(runId), this.#holds);
      this.#files.set(runId, file);
    }
    return file;
  }

  #pathsOf(runId: string): Paths {
    const name = fileNameOf(aName(runId, 'runId'));
    if (name === undefined || name.length > longestName)
      throw invalid('runId', `an id of at most ${longestName} bytes as a file name, of whole characters`, runId);
    const isShort = name.length <= longestLockName;
    const lock = isShort ? name : `${name.slice(0, longestLockName - 33)}~${hashOf(name)}`;
    const path = (file: string) => join(this.directory, file);
    return {
      runId,
      file: path(name + extension),
      former: path(name + formerExtension),
      lock: path(`${lock}${extension}.lock`),
    };
  }
}

function hashOf(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32);
}

/** A name that every file system takes; nothing for an id that has half a character in it. */
function fileNameOf(runId: string): string | undefined {
  try {
    return encodeURIComponent(runId).replaceAll('*', '%2A').replaceAll('.', '%2E');
  } catch {
    return undefined;
  }
}

/** The id of a run by its file; nothing for a file that is none. */
function runIdOf(name: string): string | undefined {
  const end = [extension, formerExtension].find((ending) => name.endsWith(ending));
  if (end === undefined || name === end) return undefined;
  try {
    const runId = decodeURIComponent(name.slice(0, -end.length));
    return fileNameOf(runId) + end === name ? runId : undefined;
  } catch {
    return undefined;
  }
}
