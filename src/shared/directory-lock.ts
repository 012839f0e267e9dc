import { createHash, randomUUID } from 'node:crypto';
import { link, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { OrchestratorError } from './errors.js';
import { acquire, type Holder, holderFrom, type LockFiles, sweep } from './lock-protocol.js';
import { exists, spaceOfPids, statusOf } from './other-processes.js';

/** A directory is in use by another process. */
export class LockedError extends OrchestratorError {
  override readonly name = 'LockedError';
  readonly code = 'ERR_LOCKED';

  constructor(
    readonly directory: string,
    readonly holder: string,
  ) {
    super(`"${directory}" is in use by ${holder}; one process at a time can open it`);
  }
}

/** Milliseconds between two signs of life, and after how many without one a holder on another machine has died. */
const touched = 5_000;
const silent = 30_000;

/** Milliseconds between two looks while others are at it. */
const moment = 5;

/**
 * Makes a directory this process's own. The lock is a file beside it that says whose it is; one whose process has died is
 * taken over: at once where that can be seen, after thirty seconds of silence where it was on another machine (a container
 * that comes back has another name, or other process ids). What dead processes have left beside it is removed.
 *
 * @returns what gives it back
 * @throws {LockedError} that names the holder
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = `${directory}.lock`;
  const taken = await takeLock(path);
  if (taken.lock === undefined) throw new LockedError(directory, describe(taken.by));
  await sweepLock(path);
  return () => taken.lock.release();
}

/** A lock that was taken. */
export interface Lock {
  readonly id: string;
  /** Whether it is still had. One that was silent for thirty seconds loses it to another machine. */
  isOwn(): Promise<boolean>;
  /** Gives it back, if it is still had. */
  release(): Promise<void>;
}

/** A lock, or who has it: `undefined` where many want it at the same time. */
export type Taken =
  | { readonly lock: Lock; readonly by?: undefined }
  | { readonly lock?: undefined; readonly by: Holder | undefined };

/** Takes the lock that a file is, as `lockDirectory` does. */
export async function takeLock(path: string, about: Pick<Holder, 'name' | 'since' | 'isBrief'> = {}): Promise<Taken> {
  const files = new Disk(path);
  const id = randomUUID();
  const started = (await statusOf(process.pid))?.started;
  const holder = { pid: process.pid, host: hostname(), space: spaceOfPids(), started, id, ...about };
  const claim = { lock: files.lock, name: `${files.lock}.${nameOf(holder)}`, holder };
  const refused = await acquire(files, claim);
  return refused === undefined ? { lock: held(files, id) } : { by: refused.by };
}

/** Removes what dead processes have left beside a lock. What stays nevertheless is left for the next; nothing depends on it. */
export async function sweepLock(path: string): Promise<void> {
  const files = new Disk(path);
  await sweep(files, files.lock).catch(() => undefined);
}

/** Whose a lock is, and whether that process lives; `undefined` where there is none. */
export async function holderOf(path: string): Promise<{ readonly by: Holder; readonly isAlive: boolean } | undefined> {
  const files = new Disk(path);
  const by = holderFrom((await files.read(files.lock)) ?? '');
  return by && { by, isAlive: await files.isAlive(by, files.lock) };
}

/** A holder, for messages. */
export function describe(holder: Holder | undefined): string {
  if (holder === undefined) return 'processes that are just being started';
  return holder.name ?? `process ${holder.pid} on ${holder.host}`;
}

/** Says now and then that the holder lives. */
function held(files: Disk, id: string): Lock {
  const isOwn = async () => {
    const text = await files.read(files.lock);
    return text?.includes(`"${id}"`) === true;
  };
  const isStillOwn = () => isOwn().catch(() => false);
  const timer = setInterval(() => {
    void isStillOwn().then((own) => (own ? files.touch(files.lock) : clearInterval(timer)));
  }, touched);
  timer.unref();
  return {
    id,
    isOwn,
    release: async () => {
      clearInterval(timer);
      if (!(await isStillOwn())) return;
      await files.remove(files.lock).catch((error) => {
        removeLater(files, id, isOwn);
        throw error;
      });
    },
  };
}

/** The locks that this process has given back, and whose files it could not remove: it has them no more. */
const givenBack = new Set<string>();

function removeLater(files: Disk, id: string, isOwn: () => Promise<boolean>): void {
  givenBack.add(id);
  const timer = setInterval(async () => {
    try {
      if (await isOwn()) await files.remove(files.lock);
      clearInterval(timer);
      givenBack.delete(id);
    } catch {
      // Perhaps the next time.
    }
  }, touched);
  timer.unref();
}

/** The folder in which a lock is. */
class Disk implements LockFiles {
  readonly lock: string;
  readonly #folder: string;

  constructor(path: string) {
    this.#folder = dirname(path);
    this.lock = basename(path);
  }

  async create(name: string, content: string): Promise<void> {
    await writeFile(this.#path(name), content, { flag: 'wx' });
  }

  async link(from: string, to: string): Promise<boolean> {
    try {
      await link(this.#path(from), this.#path(to));
      return true;
    } catch (error) {
      if (Object(error).code === 'EEXIST') return false;
      throw error;
    }
  }

  async read(name: string): Promise<string | undefined> {
    try {
      return await readFile(this.#path(name), 'utf8');
    } catch (error) {
      if (Object(error).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  remove(name: string): Promise<void> {
    return rm(this.#path(name), { force: true });
  }

  async list(): Promise<string[]> {
    const names = await readdir(this.#folder);
    return names.filter((name) => isOf(this.lock, name));
  }

  claimantOf(name: string): Holder | undefined {
    const [, pid, started, host] = claimName.exec(name.slice(this.lock.length + 1)) ?? [];
    if (pid === undefined) return undefined;
    // The name has a hash of the host: it is this one, or another.
    const isHere = host === hashOf(hostname()) || host === hashOf(placeOf(hostname()));
    return { pid: Number(pid), host: isHere ? hostname() : 'elsewhere', started: started || undefined };
  }

  async isAlive({ pid, host, space, started, id }: Holder, name: string): Promise<boolean> {
    // Containers, and machines that share the folder, may have one name; their processes cannot be seen here.
    const isHere = host === hostname() && (space === undefined || space === spaceOfPids());
    if (!isHere) return (await this.#silenceOf(name)) < silent;
    if (pid === process.pid && id !== undefined && givenBack.has(id)) return false;
    if (pid !== process.pid && !exists(pid)) return false;
    const status = await statusOf(pid);
    if (status?.isOver) return false;
    return started === status?.started || (started === undefined && pid !== process.pid);
  }

  pause(): Promise<void> {
    return wait(moment);
  }

  async touch(name: string): Promise<void> {
    const now = new Date();
    await utimes(this.#path(name), now, now).catch(() => undefined);
  }

  async #silenceOf(name: string): Promise<number> {
    try {
      return Date.now() - (await stat(this.#path(name))).mtimeMs;
    } catch (error) {
      if (Object(error).code === 'ENOENT') return 0;
      throw error;
    }
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

/** What a claim's name ends in: process, its start, host, id. */
const claimName = /^(\d+)-(\d*)-([0-9a-f]{16})-[0-9a-f-]{36}(?:\.take)?$/;
/** What it ended in in version 0.5 and before. */
const formerName = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

function nameOf({ pid, host, started = '', id }: Holder): string {
  return `${pid}-${started}-${hashOf(placeOf(host))}-${id}`;
}

/** Version 0.6 and before went by the name of the host alone. */
function placeOf(host: string): string {
  return `${host} ${spaceOfPids()}`;
}

function hashOf(host: string): string {
  return createHash('sha256').update(host).digest('hex').slice(0, 16);
}

/** Other files may have names that begin alike: they are nobody's to remove. */
function isOf(lock: string, name: string): boolean {
  if (!name.startsWith(lock)) return false;
  const end = name.slice(lock.length);
  return end === '' || end === '.guard' || claimName.test(end.slice(1)) || formerName.test(end.slice(1));
}
