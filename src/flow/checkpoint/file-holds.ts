import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, holderOf, type Lock, sweepLock, takeLock } from '../../shared/directory-lock.js';
import type { Holder } from '../../shared/lock-protocol.js';
import { LockedError } from '../errors.js';

/**
 * The maximum time to wait for a lock that another program holds for a single write, and the interval between two
 * attempts to take the lock, in milliseconds.
 */
const patience = 10_000;
const moment = 3;

/** Milliseconds after a check during which a hold is trusted without another check. */
const certain = 1_000;

/** A run and the path of its lock. */
export interface Locked {
  readonly runId: string;
  /** Path of the lock file. */
  readonly path: string;
}

/**
 * The holds of this program on runs that are stored in files. The lock of a run is a file that names its holder and
 * shows if the holder is alive. For a write without a hold, the lock is taken only for the duration of that write.
 */
export class FileHolds {
  readonly #holds = new Map<string, FileHold>();

  /** @throws {LockedError} if another holder has the run */
  async claim(locked: Locked, name: string | undefined): Promise<FileHold> {
    const before = await holderOf(locked.path);
    const lock = await taken(locked, { name, since: Date.now() });
    if (before?.isAlive === false) await cleanUp(locked.path, before.by);
    const hold = new FileHold(lock, () => this.#holds.delete(lock.id));
    this.#holds.set(lock.id, hold);
    return hold;
  }

  has(token: string): boolean {
    return this.#holds.has(token);
  }

  /**
   * Runs `work`, which only the holder of the run may do. Without a token, the run is locked while `work` runs.
   *
   * @param token - the token of a hold; `undefined` if no program holds the run
   * @param work - receives the id of the lock
   * @throws {LockedError} if the token does not belong to the current hold, or if another program holds the run
   */
  async during<Value>(locked: Locked, token: string | undefined, work: (id: string) => Promise<Value>): Promise<Value> {
    if (token === undefined) return briefly(locked, work);
    const hold = this.#holds.get(token);
    if (hold === undefined || !(await hold.isOwn())) {
      this.#holds.delete(token);
      throw refusal(locked, await holderOf(locked.path));
    }
    return work(token);
  }
}

/** A hold of this program on a run. */
export class FileHold {
  #seen = { monotonic: performance.now(), wall: Date.now() };

  constructor(
    private readonly lock: Lock,
    private readonly forget: () => void,
  ) {}

  get token(): string {
    return this.lock.id;
  }

  /**
   * Returns true if the run is still held. A hold can be lost only if the program was suspended for 30 seconds. Two
   * clocks are compared, because either of them may stop while the machine sleeps.
   */
  async isOwn(): Promise<boolean> {
    const { monotonic, wall } = this.#seen;
    const now = { monotonic: performance.now(), wall: Date.now() };
    const isCertain = now.monotonic - monotonic < certain && Math.abs(now.wall - wall) < certain;
    if (isCertain) return true;
    const isOwn = await this.lock.isOwn();
    if (isOwn) this.#seen = now;
    return isOwn;
  }

  async release(): Promise<void> {
    this.forget();
    await this.lock.release();
  }
}

async function briefly<Value>(locked: Locked, work: (id: string) => Promise<Value>): Promise<Value> {
  const lock = await taken(locked, { since: Date.now(), isBrief: true });
  try {
    return await work(lock.id);
  } finally {
    await lock.release();
  }
}

/** Takes the lock. Waits if another program has the lock for a single write. */
async function taken(locked: Locked, about: Pick<Holder, 'name' | 'since' | 'isBrief'>): Promise<Lock> {
  const deadline = performance.now() + patience;
  for (;;) {
    const { lock, by } = await inDirectory(locked.path, () => takeLock(locked.path, about));
    if (lock !== undefined) return lock;
    const isBrief = by === undefined || by.isBrief === true;
    if (!isBrief || performance.now() > deadline) throw new LockedError(locked.runId, describe(by), by?.since);
    await wait(moment);
  }
}

/** Runs `work`, and creates the directory of `path` if it is missing. */
async function inDirectory<Value>(path: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (Object(error).code !== 'ENOENT') throw error;
    await mkdir(dirname(path), { recursive: true });
    return work();
  }
}

/** Removes the files that a dead holder left behind: its lock files and an unfinished snapshot. */
async function cleanUp(path: string, { id }: Holder): Promise<void> {
  await sweepLock(path);
  if (id !== undefined) await rm(besideOf(path, id), { force: true });
}

/** Returns the path of the file in which the holder of a lock prepares a replacement. */
export function besideOf(path: string, id: string): string {
  return `${path}.${id}.new`;
}

function refusal({ runId }: Locked, present: Awaited<ReturnType<typeof holderOf>>): LockedError {
  return present?.isAlive ? new LockedError(runId, describe(present.by), present.by.since) : new LockedError(runId);
}
