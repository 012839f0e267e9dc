/**
 * A protocol by which processes that may be killed at any moment agree on the holder of a lock. It uses files only.
 *
 *     <lock>                  the lock; names its holder. A hard link to the holder's claim, so its content is always complete
 *     <lock>.<claim>          a claim: a process wants the lock
 *     <lock>.<claim>.take     a sign: a process wants to remove a lock whose holder has died
 *     <lock>.guard            the only sign that processes of version 0.5 and earlier know, with the same meaning
 *
 * The name of a claim identifies its process and is never used again. Therefore any process can remove the claim of a
 * dead process at any time. A lock is taken over at once, but only if its holder has died. So a process that is killed
 * at any point of the protocol blocks no other process.
 *
 * Removing a dead lock must not remove a new lock that has replaced it, so only one process at a time may remove a
 * lock. A process first creates its sign and then looks for the signs of other processes. Of two processes, the one
 * that looks last sees the sign of the other. A process that sees a sign that sorts before its own gives way. A process
 * that sees only later signs waits until they are gone. A process that sees no other sign reads the lock once more and
 * removes it. Nothing else can remove the lock in the meantime, because all other processes give way and the holder is
 * dead.
 */

/** A process that holds a lock or claims it. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /**
   * The machine and the pid namespace of the process, if the system reports them (Linux). Not set by version 0.6 and
   * earlier.
   */
  readonly space?: string | undefined;
  /**
   * Start time of the process, as reported by the system. Distinguishes the process from a later process with the same
   * pid.
   */
  readonly started: string | undefined;
  /** Id that distinguishes the locks of one process. Not set by version 0.5 and earlier. */
  readonly id?: string | undefined;
  /** Name of the holder, for messages. Default: pid and host. */
  readonly name?: string | undefined;
  /** Time at which the lock was taken, in epoch milliseconds. */
  readonly since?: number | undefined;
  /** If true, the lock is held for a single write, so other processes may wait for it. */
  readonly isBrief?: boolean | undefined;
}

/** Access to the files in the folder of the lock, by name, and to the processes that created them. */
export interface LockFiles {
  /** Creates a file. An interrupted call may leave a file with only part of the content. */
  create(name: string, content: string): Promise<void>;
  /**
   * Gives a file a second name. Returns false if that name is taken. Of several concurrent calls for the same name,
   * exactly one succeeds.
   */
  link(from: string, to: string): Promise<boolean>;
  read(name: string): Promise<string | undefined>;
  /** Removes a file, if it exists. */
  remove(name: string): Promise<void>;
  /** Lists all files whose names begin with the name of the lock. */
  list(): Promise<readonly string[]>;
  /**
   * Returns true if the process may be alive.
   *
   * @param name - the file that the process created
   */
  isAlive(holder: Holder, name: string): Promise<boolean>;
  /** Returns the process that a claim's name identifies, or `undefined` for other files. */
  claimantOf(name: string): Holder | undefined;
  /** Waits before the next attempt. */
  pause(): Promise<void>;
}

/** A request for a lock. */
export interface Claim {
  /** Name of the lock. */
  readonly lock: string;
  /** Name of the claim's file: unique, and identifies the process. */
  readonly name: string;
  readonly holder: Holder;
}

/** Number of attempts while other processes compete for the lock. */
const tries = 200;

/**
 * Tries to take the lock.
 *
 * @returns `undefined` if this call has taken the lock, else the holder in `by`; `by` is `undefined` if many
 *   processes compete for the lock
 */
export async function acquire(
  files: LockFiles,
  claim: Claim,
): Promise<{ readonly by: Holder | undefined } | undefined> {
  const { lock, name, holder } = claim;
  try {
    await files.create(name, JSON.stringify(holder));
    for (let left = tries; left > 0; left--) {
      if (await files.link(name, lock)) return undefined;
      const text = await files.read(lock);
      if (text === undefined) continue;
      const by = holderFrom(text);
      if (await isHeld(files, by, lock)) return { by };
      await takeAway(files, claim, text);
    }
    return { by: undefined };
  } finally {
    await files.remove(name);
  }
}

/** Removes the files that dead processes left beside a lock. */
export async function sweep(files: LockFiles, lock: string): Promise<void> {
  for (const name of await files.list()) {
    if (name === lock) continue;
    const claimant = files.claimantOf(name) ?? (await claimantIn(files, name));
    if (claimant !== undefined && !(await files.isAlive(claimant, name))) await files.remove(name);
  }
}

/** Removes a lock, if it still belongs to the dead holder. */
async function takeAway(files: LockFiles, claim: Claim, dead: string): Promise<void> {
  const { lock, name } = claim;
  const sign = `${name}.take`;
  // A process that is removing the lock waits for other signs to disappear. Creating and removing a sign again and
  // again would delay that process.
  if ((await othersThan(files, sign)).length > 0) return files.pause();
  try {
    await files.create(sign, '');
    if (!(await isAlone(files, sign))) return await files.pause();
    if (!(await isGuarded(files, claim))) return await files.pause();
    try {
      if ((await files.read(lock)) === dead) await files.remove(lock);
    } finally {
      await files.remove(`${lock}.guard`);
    }
  } finally {
    await files.remove(sign);
  }
}

/** Waits until there is no other sign. Returns false if another sign sorts first. */
async function isAlone(files: LockFiles, sign: string): Promise<boolean> {
  for (let left = tries; left > 0; left--) {
    const others = await othersThan(files, sign);
    if (others.length === 0) return true;
    if (others.some((other) => other < sign)) return false;
    await files.pause();
  }
  return false;
}

/** Returns the signs of other processes that are alive, and removes the signs of dead processes. */
async function othersThan(files: LockFiles, sign: string): Promise<string[]> {
  const others: string[] = [];
  for (const name of await files.list()) {
    const claimant = name === sign || !name.endsWith('.take') ? undefined : files.claimantOf(name);
    if (claimant === undefined) continue;
    if (await files.isAlive(claimant, name)) others.push(name);
    else await files.remove(name);
  }
  return others;
}

/** Keeps processes of version 0.5 and earlier away. Returns false if one of them is removing the lock. */
async function isGuarded(files: LockFiles, { lock, name }: Claim): Promise<boolean> {
  const guard = `${lock}.guard`;
  if (await files.link(name, guard)) return true;
  const text = await files.read(guard);
  if (text !== undefined && (await isHeld(files, holderFrom(text), guard))) return false;
  await files.remove(guard);
  return files.link(name, guard);
}

async function isHeld(files: LockFiles, holder: Holder | undefined, name: string): Promise<boolean> {
  return holder !== undefined && (await files.isAlive(holder, name));
}

/**
 * Returns the process that created a file. Claims of version 0.5 and earlier name their process only in the content.
 * For a file that names no process, returns a process on an unknown host, so that the age of the file decides.
 */
async function claimantIn(files: LockFiles, name: string): Promise<Holder | undefined> {
  const text = await files.read(name);
  return text === undefined ? undefined : (holderFrom(text) ?? { pid: 0, host: '', started: undefined });
}

/**
 * Reads the holder from the content of a lock. Returns `undefined` for incomplete content, which a power failure can
 * leave behind.
 */
export function holderFrom(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Holder | null;
    return typeof holder?.pid === 'number' && typeof holder.host === 'string' ? holder : undefined;
  } catch {
    return undefined;
  }
}
