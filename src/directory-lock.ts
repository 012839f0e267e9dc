import { randomUUID } from 'node:crypto';
import { link, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';

/** A directory is in use by another process. */
export class LockedError extends Error {
  override readonly name = 'LockedError';
  readonly code = 'ERR_LOCKED';

  constructor(
    readonly directory: string,
    readonly holder: string,
  ) {
    super(`"${directory}" is in use by ${holder}; one process at a time can open it`);
  }
}

/** Who holds a directory. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process was started, as the system has it: another process may get the same number later. */
  readonly started: string | undefined;
}

/** How often to try again where others try at the same moment. */
const tries = 20;

/** Milliseconds between two signs of life, and after how many without one a holder on another machine has died. */
const touched = 5_000;
const silent = 30_000;

/**
 * Makes a directory this process's own. The lock is a file beside it that says whose it is; one whose process has died is
 * taken over: at once where that can be seen, after thirty seconds of silence where it was on another machine (a container
 * that comes back has another name).
 *
 * @returns what gives it back
 * @throws {LockedError} that names the holder
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = `${directory}.lock`;
  const own = `${path}.${randomUUID()}`;
  const me: Holder = { pid: process.pid, host: hostname(), started: await startOf(process.pid) };
  await writeFile(own, JSON.stringify(me));
  try {
    for (let left = tries; left > 0; left--) {
      if (await isLinked(own, path)) return held(path);
      const holder = await holderOf(path);
      if (holder === undefined) continue;
      if (await lives(holder, path)) throw new LockedError(directory, `process ${holder.pid} on ${holder.host}`);
      await takeAway(path, own, holder);
    }
    throw new LockedError(directory, 'processes that are just being started');
  } finally {
    await rm(own, { force: true });
  }
}

/** @returns what gives the lock back */
function held(path: string): () => Promise<void> {
  const timer = setInterval(() => {
    const now = new Date();
    void utimes(path, now, now).catch(() => undefined);
  }, touched);
  timer.unref();
  return () => {
    clearInterval(timer);
    return rm(path, { force: true });
  };
}

/** A link is made by one alone, whoever tries at the same moment; and the file is complete from the first moment on. */
async function isLinked(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (Object(error).code === 'EEXIST') return false;
    throw error;
  }
}

/** A lock that says nothing was being written when the machine lost its power. */
const nobody: Holder = { pid: 0, host: hostname(), started: 'never' };

async function holderOf(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch (error) {
    if (error instanceof SyntaxError) return nobody;
    if (Object(error).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function lives({ pid, host, started }: Holder, path: string): Promise<boolean> {
  if (host !== hostname()) return (await silenceOf(path)) < silent;
  if (pid === process.pid) return started === (await startOf(pid));
  try {
    process.kill(pid, 0);
  } catch (error) {
    return Object(error).code === 'EPERM';
  }
  return started === undefined || started === (await startOf(pid));
}

async function silenceOf(path: string): Promise<number> {
  try {
    return Date.now() - (await stat(path)).mtimeMs;
  } catch (error) {
    if (Object(error).code === 'ENOENT') return 0;
    throw error;
  }
}

/**
 * Removes a lock whose holder has died. One process at a time does so, and looks once more: the lock may be another's by
 * then, and a lock that is held must not be away for a moment.
 */
async function takeAway(path: string, own: string, dead: Holder): Promise<void> {
  const guard = `${path}.guard`;
  if (!(await isLinked(own, guard))) {
    // Whoever guards it has died if that takes so long.
    if ((await silenceOf(guard)) > touched) await rm(guard, { force: true });
    return wait(20);
  }
  try {
    const holder = await holderOf(path);
    if (holder?.pid === dead.pid && holder.started === dead.started && holder.host === dead.host) {
      await rm(path, { force: true });
    }
  } finally {
    await rm(guard, { force: true });
  }
}

/** When a process was started, where the system tells (Linux). */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
