import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { aName, invalid } from '../../shared/validate.js';
import { CheckpointFile, type Paths, readCheckpoint } from './checkpoint-file.js';
import { FileHolds } from './file-holds.js';
import { aSeq, aText } from './refusals.js';
import type { Checkpoint, CheckpointStore, Claim } from './store.js';

/** Extension of a run's file, and the extension that was used up to version 0.6. */
const extension = '.run';
const formerExtension = '.checkpoint';

/**
 * Maximum length of an encoded run id, in bytes. File systems allow names of 255 bytes, and version 0.6 appended up to
 * 15 bytes to the id.
 */
const longestName = 240;

/**
 * Maximum length of the run's name within the name of its lock. Longer names are truncated, and a hash keeps them
 * distinct.
 */
const longestLockName = 150;

/**
 * Stores checkpoints in a directory, with one file for each run. Every snapshot and entry has a number and a checksum,
 * so that damage is detected and reported as a `CheckpointError` that names the file and the entry. If a crash has cut
 * off the last entry of a file, that entry is ignored. Snapshots and entries are synced to the disk before their calls
 * resolve.
 *
 * A run that is held has a lock file. If the holder's program dies, programs on the same machine can take the lock
 * immediately, and programs on other machines after 30 seconds without a sign of life. Files of versions 0.5 and 0.6
 * can be read; they are converted on the next write.
 *
 * @example
 * const checkpoint = new FileCheckpointStore('./runs');
 * const result = await flow.run({ orderId: '42' }, { id: 'order-42', checkpoint });
 */
export class FileCheckpointStore implements CheckpointStore {
  readonly #files = new Map<string, CheckpointFile>();
  readonly #holds = new FileHolds();

  /**
   * @param directory - path of the directory; it is created if it is missing
   * @throws {ValidationError} if the path is not a non-empty string
   */
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
      throw invalid(
        'runId',
        `an id of whole characters that is at most ${longestName} bytes long as a file name`,
        runId,
      );
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

/**
 * Encodes a run id as a file name that every file system allows. Returns `undefined` for an id with an unpaired
 * surrogate, which has no encoding.
 */
function fileNameOf(runId: string): string | undefined {
  try {
    return encodeURIComponent(runId).replaceAll('*', '%2A').replaceAll('.', '%2E');
  } catch {
    return undefined;
  }
}

/** Returns the id of the run that a file belongs to, or `undefined` if the file is not a checkpoint. */
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
