import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, holderOf, type Lock, sweepLock, takeLock } from '../../shared/directory-lock.js';
import type { Holder } from '../../shared/lock-protocol.js';
import { LockedError } from '../errors.js';

/** Milliseconds that one who wants a run waits while others write it without holding it, and between two looks. */
const patience = 10_000;
const moment = 3;

/** Milliseconds for which a hold that was looked at is not looked at again. */
const certain = 1_000;

/** Where the lock of a run is, and what is told about it. */
export interface Locked {
  readonly runId: string;
  /** Path of the lock. */
  readonly path: string;
}

/**
 * The holds that a program has on runs in files. The lock of a run is a file that says whose it is, and that knows whether
 * its holder lives. Who writes without a hold takes the lock for that write.
 */
export class FileHolds {
  readonly #holds = new Map<string, FileHold>();

  /** @throws {LockedError} while anybody else has the run */
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
   * Does something that only the holder of a run may do: with the token of a hold, or without where nobody has the run.
   *
   * @throws {LockedError} where the token is not that of the present hold, or somebody has the run
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

/** A hold of this program. */
export class FileHold {
  #seen = { monotonic: performance.now(), wall: Date.now() };

  constructor(
    private readonly lock: Lock,
    private readonly forget: () => void,
  ) {}

  get token(): string {
    return this.lock.id;
  }

  /** A hold is lost no sooner than after half a minute in which its program stood still. Both clocks tell whether it did. */
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

/** Takes the lock; those who have it for one write are waited for. */
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

/** Does something in a directory, which is made where it is not there. */
async function inDirectory<Value>(path: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (Object(error).code !== 'ENOENT') throw error;
    await mkdir(dirname(path), { recursive: true });
    return work();
  }
}

/** Removes what a holder that has died has left: its signs, and a snapshot that it was writing. */
async function cleanUp(path: string, { id }: Holder): Promise<void> {
  await sweepLock(path);
  if (id !== undefined) await rm(besideOf(path, id), { force: true });
}

/** Where the holder of a lock writes what is to take the place of a file. */
export function besideOf(path: string, id: string): string {
  return `${path}.${id}.new`;
}

function refusal({ runId }: Locked, present: Awaited<ReturnType<typeof holderOf>>): LockedError {
  return present?.isAlive ? new LockedError(runId, describe(present.by), present.by.since) : new LockedError(runId);
}
