import { createHash, randomUUID } from 'node:crypto';
import { link, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { OrchestratorError } from './errors.js';
import { acquire, type Holder, holderFrom, type LockFiles, sweep } from './lock-protocol.js';
import { exists, spaceOfPids, statusOf } from './other-processes.js';

/**
 * Thrown when a directory is in use by another process, because only one process at a time can open it. `directory` is
 * its path, and `holder` describes the process, such as `process 42 on host-1`.
 */
export class LockedError extends OrchestratorError {
  override readonly name = 'LockedError';
  readonly code = 'ERR_LOCKED';

  constructor(
    readonly directory: string,
    readonly holder: string,
  ) {
    super(`"${directory}" is in use by ${holder}: stop the other process, or use another directory`);
  }
}

/**
 * Interval at which the holder touches its lock, and the silence after which a holder on another machine counts as
 * dead. Both in milliseconds.
 */
const touched = 5_000;
const silent = 30_000;

/** Milliseconds between two attempts while other processes compete for the lock. */
const moment = 5;

/**
 * Locks a directory for this process. The lock is a file beside the directory that names its holder. A lock is taken
 * over if its holder has died: at once if this machine can see that the holder has died, or after thirty seconds of
 * silence if the holder was on another machine. A container that restarts counts as another machine, because its host
 * name or pids may differ. Files that dead processes left beside the lock are removed.
 *
 * @returns a function that releases the lock
 * @throws {LockedError} if another process holds the lock; the message names the holder
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = `${directory}.lock`;
  const taken = await takeLock(path);
  if (taken.lock === undefined) throw new LockedError(directory, describe(taken.by));
  await sweepLock(path);
  return () => taken.lock.release();
}

/** A lock that this process has taken. */
export interface Lock {
  readonly id: string;
  /**
   * Returns true if this process still holds the lock. A process that is silent for thirty seconds loses it to another
   * machine.
   */
  isOwn(): Promise<boolean>;
  /** Releases the lock, if this process still holds it. */
  release(): Promise<void>;
}

/**
 * The result of an attempt to take a lock: the lock, or its holder. `by` is `undefined` if many processes compete for
 * the lock.
 */
export type Taken =
  | { readonly lock: Lock; readonly by?: undefined }
  | { readonly lock?: undefined; readonly by: Holder | undefined };

/** Tries to take the lock at `path`, with the rules of `lockDirectory`. */
export async function takeLock(path: string, about: Pick<Holder, 'name' | 'since' | 'isBrief'> = {}): Promise<Taken> {
  const files = new Disk(path);
  const id = randomUUID();
  const started = (await statusOf(process.pid))?.started;
  const holder = { pid: process.pid, host: hostname(), space: spaceOfPids(), started, id, ...about };
  const claim = { lock: files.lock, name: `${files.lock}.${nameOf(holder)}`, holder };
  const refused = await acquire(files, claim);
  return refused === undefined ? { lock: held(files, id) } : { by: refused.by };
}

/**
 * Removes the files that dead processes left beside a lock. Errors are ignored: nothing depends on these files, and the
 * next call tries again.
 */
export async function sweepLock(path: string): Promise<void> {
  const files = new Disk(path);
  await sweep(files, files.lock).catch(() => undefined);
}

/** Returns the holder of a lock and whether its process is alive, or `undefined` if there is no lock. */
export async function holderOf(path: string): Promise<{ readonly by: Holder; readonly isAlive: boolean } | undefined> {
  const files = new Disk(path);
  const by = holderFrom((await files.read(files.lock)) ?? '');
  return by && { by, isAlive: await files.isAlive(by, files.lock) };
}

/** Describes a holder for messages. */
export function describe(holder: Holder | undefined): string {
  if (holder === undefined) return 'several processes that are starting';
  return holder.name ?? `process ${holder.pid} on ${holder.host}`;
}

/** Creates the lock object, and touches the lock's file at an interval to show that the holder is alive. */
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

/** Ids of locks that this process has released but whose files it could not remove. They count as free. */
const givenBack = new Set<string>();

function removeLater(files: Disk, id: string, isOwn: () => Promise<boolean>): void {
  givenBack.add(id);
  const timer = setInterval(async () => {
    try {
      if (await isOwn()) await files.remove(files.lock);
      clearInterval(timer);
      givenBack.delete(id);
    } catch {
      // The next interval tries again.
    }
  }, touched);
  timer.unref();
}

/** The folder that contains a lock. */
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
    // The name contains only a hash of the host, which is enough to recognise this host.
    const isHere = host === hashOf(hostname()) || host === hashOf(placeOf(hostname()));
    return { pid: Number(pid), host: isHere ? hostname() : 'elsewhere', started: started || undefined };
  }

  async isAlive({ pid, host, space, started, id }: Holder, name: string): Promise<boolean> {
    // Containers and machines that share the folder may have the same host name, but their processes are not visible
    // here.
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

/** Suffix of a claim's name: pid, start time, hash of the host, id. */
const claimName = /^(\d+)-(\d*)-([0-9a-f]{16})-[0-9a-f-]{36}(?:\.take)?$/;
/** Suffix of a claim's name in version 0.5 and earlier. */
const formerName = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

function nameOf({ pid, host, started = '', id }: Holder): string {
  return `${pid}-${started}-${hashOf(placeOf(host))}-${id}`;
}

/**
 * The host and the pid space, in the form that is hashed in a claim's name. Version 0.6 and earlier hashed the host
 * name alone.
 */
function placeOf(host: string): string {
  return `${host} ${spaceOfPids()}`;
}

function hashOf(host: string): string {
  return createHash('sha256').update(host).digest('hex').slice(0, 16);
}

/** Returns true if the file belongs to the lock. Other files whose names begin alike must not be removed. */
function isOf(lock: string, name: string): boolean {
  if (!name.startsWith(lock)) return false;
  const end = name.slice(lock.length);
  return end === '' || end === '.guard' || claimName.test(end.slice(1)) || formerName.test(end.slice(1));
}
