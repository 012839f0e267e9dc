import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Lock, type Taken, takeLock } from './directory-lock.js';
import type { Holder } from './lock-protocol.js';

/**
 * The maximum time to wait for a lock that another program holds for a single write, and the interval between two
 * attempts to take the lock, in milliseconds.
 */
const patience = 10_000;
const moment = 3;

/** Milliseconds after a check during which a lock is trusted without another check. */
const certain = 1_000;

/**
 * Takes the lock at `path`. Waits up to ten seconds while other programs hold the lock for a single write. Creates the
 * directory of the lock if it is missing.
 */
export async function takeLockInTurn(path: string, about: Pick<Holder, 'name' | 'since' | 'isBrief'>): Promise<Taken> {
  const deadline = performance.now() + patience;
  for (;;) {
    const taken = await inDirectory(path, () => takeLock(path, about));
    if (taken.lock !== undefined) return taken;
    const isBrief = taken.by === undefined || taken.by.isBrief === true;
    if (!isBrief || performance.now() > deadline) return taken;
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

/** A lock that is held for a long time, and checked before each write. */
export class HeldLock {
  #seen = { monotonic: performance.now(), wall: Date.now() };

  constructor(private readonly lock: Lock) {}

  get id(): string {
    return this.lock.id;
  }

  /**
   * If true, the last check is recent enough to be trusted. A lock can be lost only if the program was suspended for 30
   * seconds. Two clocks are compared, because either of them may stop while the machine sleeps.
   */
  get isCertain(): boolean {
    const { monotonic, wall } = this.#seen;
    return performance.now() - monotonic < certain && Math.abs(Date.now() - wall) < certain;
  }

  /** Returns true if the lock is still held. */
  async isOwn(): Promise<boolean> {
    if (this.isCertain) return true;
    const now = { monotonic: performance.now(), wall: Date.now() };
    const isOwn = await this.lock.isOwn();
    if (isOwn) this.#seen = now;
    return isOwn;
  }

  release(): Promise<void> {
    return this.lock.release();
  }
}
