/**
 * How processes that may be killed at any moment agree on who holds a lock, by files alone.
 *
 *     <lock>                  the lock: whose it is. A hard link of its holder's claim, so it is complete from the first moment
 *     <lock>.<claim>          somebody wants the lock
 *     <lock>.<claim>.take     somebody wants to remove a lock whose holder has died
 *     <lock>.guard            the same, for processes of version 0.5 and before, which know no other sign
 *
 * A claim has a name of its own, which says whose it is and is never used again. So one whose process has died can be removed
 * by anybody, at any time; and since a lock is taken over at once only from a process that has died, whoever is killed
 * anywhere in here holds nobody up.
 *
 * Removing a lock must not hit one that has come in its place meanwhile. So it is done by one process at a time: whoever wants
 * to, sets its sign first, and looks for others' signs then. Of two, the one that looks last sees the other. Who sees a sign
 * that sorts before its own gives way; who sees others alone waits until they have. Whoever is alone looks at the lock once
 * more: nobody else removes it, and its holder, which is dead, does not give it back.
 */

/** Who holds a lock, or claims it. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /**
   * The machine and the namespace that the number of the process is of, where the system tells (Linux). Version 0.6 and
   * before do not say.
   */
  readonly space?: string | undefined;
  /** When the process was started, as the system has it: another process may get the same number later. */
  readonly started: string | undefined;
  /** Which of its locks it is. Version 0.5 and before do not say. */
  readonly id?: string | undefined;
  /** What it calls itself, for messages. Default: process and host. */
  readonly name?: string | undefined;
  /** When it took the lock, in epoch milliseconds. */
  readonly since?: number | undefined;
  /** If true, it holds the lock for one write, and others may wait. */
  readonly isBrief?: boolean | undefined;
}

/** Files in the folder of the lock, by their names, and who of those that made them is alive. */
export interface LockFiles {
  /** Makes a file; one that is cut off has part of its content. */
  create(name: string, content: string): Promise<void>;
  /** Gives a file a second name; false where that is taken. Of any number at the same moment one does it. */
  link(from: string, to: string): Promise<boolean>;
  read(name: string): Promise<string | undefined>;
  /** Removes a file, if it is there. */
  remove(name: string): Promise<void>;
  /** All files whose names begin with that of the lock. */
  list(): Promise<readonly string[]>;
  /** Whether a process may be alive. @param name - the file that it has made */
  isAlive(holder: Holder, name: string): Promise<boolean>;
  /** The process that the name of a claim says it is of; `undefined` for other files. */
  claimantOf(name: string): Holder | undefined;
  /** Waits for a moment. */
  pause(): Promise<void>;
}

/** What somebody who wants a lock goes by. */
export interface Claim {
  /** Name of the lock. */
  readonly lock: string;
  /** Name of a file that nobody else makes, and that says whose it is. */
  readonly name: string;
  readonly holder: Holder;
}

/** How often to look again while others are at it. */
const tries = 200;

/** @returns nothing where the lock is had now, else who holds it: `undefined` where many want it at the same time */
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

/** Removes what processes that have died have left beside a lock. */
export async function sweep(files: LockFiles, lock: string): Promise<void> {
  for (const name of await files.list()) {
    if (name === lock) continue;
    const claimant = files.claimantOf(name) ?? (await claimantIn(files, name));
    if (claimant !== undefined && !(await files.isAlive(claimant, name))) await files.remove(name);
  }
}

/** Removes a lock, once: if it is still that of a holder that has died. */
async function takeAway(files: LockFiles, claim: Claim, dead: string): Promise<void> {
  const { lock, name } = claim;
  const sign = `${name}.take`;
  // Whoever is at it would wait for a sign that is set and taken back again and again.
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

/** Waits until no other sign is there; false where one comes first. */
async function isAlone(files: LockFiles, sign: string): Promise<boolean> {
  for (let left = tries; left > 0; left--) {
    const others = await othersThan(files, sign);
    if (others.length === 0) return true;
    if (others.some((other) => other < sign)) return false;
    await files.pause();
  }
  return false;
}

/** The signs of others that are alive. Those of the dead are removed. */
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

/** Keeps processes of version 0.5 and before away; false where one is at it. */
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

/** Claims of version 0.5 and before say in their content alone whose they are. Of one that says nothing, its age decides. */
async function claimantIn(files: LockFiles, name: string): Promise<Holder | undefined> {
  const text = await files.read(name);
  return text === undefined ? undefined : (holderFrom(text) ?? { pid: 0, host: '', started: undefined });
}

/** Who a lock says has it; `undefined` for what was being written when the machine lost its power. */
export function holderFrom(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Holder | null;
    return typeof holder?.pid === 'number' && typeof holder.host === 'string' ? holder : undefined;
  } catch {
    return undefined;
  }
}
