import { rm } from 'node:fs/promises';
import { describe, holderOf, type Lock, sweepLock } from '../../shared/directory-lock.js';
import { HeldLock, takeLockInTurn } from '../../shared/held-lock.js';
import type { Holder } from '../../shared/lock-protocol.js';
import { LockedError } from '../errors.js';

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
  readonly #lock: HeldLock;

  constructor(
    lock: Lock,
    private readonly forget: () => void,
  ) {
    this.#lock = new HeldLock(lock);
  }

  get token(): string {
    return this.#lock.id;
  }

  isOwn(): Promise<boolean> {
    return this.#lock.isOwn();
  }

  async release(): Promise<void> {
    this.forget();
    await this.#lock.release();
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
  const { lock, by } = await takeLockInTurn(locked.path, about);
  if (lock === undefined) throw new LockedError(locked.runId, describe(by), by?.since);
  return lock;
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
