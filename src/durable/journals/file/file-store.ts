import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, holderOf, sweepLock } from '../../../shared/directory-lock.js';
import { syncDirectory } from '../../../shared/files.js';
import { HeldLock, takeLockInTurn } from '../../../shared/held-lock.js';
import type { Holder } from '../../../shared/lock-protocol.js';
import { type JournalError, LockedError, SupersededError } from '../../errors.js';
import type {
  JournalCopy,
  JournalHeader,
  JournalOwner,
  JournalQuery,
  JournalStatus,
  JournalStore,
  JournalSummary,
  OpenedRun,
  OpenRequest,
} from '../../journal.js';
import { withoutConsumed } from './header.js';
import { type Hold, JournalFile, replace, type Sync, writeJournal } from './journal-file.js';
import { type Paths, pathsOf } from './paths.js';
import { throwProblem } from './problems.js';
import { listJournals, readHeader, readJournal } from './read.js';
import { appendSignals, readSignals, removeSignals, SignalReader } from './signals.js';

/** Milliseconds between two looks for signals, and between two checks that a run is still owned. */
const betweenLooks = 500;
const betweenChecks = 5_000;

/** Extension of a file that is going to replace another one. */
const replacement = '.new';

/** The end of a file's name that programs leave in the ordinary course of events. */
const usual = /^[^.]*\.(journal|signals)(\.lock)?$/;

/** Number of open runs that are looked at before other work gets a turn. */
const mostAtOnce = 500;

interface Signalling {
  readonly text: string;
  readonly resolve: (number: number | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Stores journals in a directory. A run has a file `<id>.journal`, to which its owner appends, and while signals are
 * stored for it a file `<id>.signals`, to which any program may append. Ids that are not safe as names of files are
 * encoded.
 *
 * The owner of a run holds a lock file, which names its process. If the process has died, programs on the same machine
 * take the run over at once, and programs on other machines after 30 seconds without a sign of life.
 */
export class FileJournalStore implements JournalStore {
  readonly #owners = new Set<FileOwner>();
  /** Signals that are waiting to be stored, by run. A run is in the map while its signals are being stored. */
  readonly #signalling = new Map<string, Signalling[]>();
  #timer: NodeJS.Timeout | undefined = undefined;
  /** Names of the runs that dead programs may have left files of. Found once, because it takes a look at all files. */
  #leftBehind: Promise<Set<string>> | undefined = undefined;

  /**
   * @param directory - path of the directory; it is created when the first run is
   * @param sync - when a text counts as stored
   */
  constructor(
    private readonly directory: string,
    private readonly sync: Sync,
  ) {}

  async open(request: OpenRequest): Promise<OpenedRun | undefined> {
    const paths = pathsOf(this.directory, request.id);
    const { id, file } = paths;
    if (request.header === undefined && (await readHeader(paths)) === undefined) return undefined;
    const lock = await this.#lock(paths, { since: Date.now() }).catch(throwProblem(id, file, 'recorded'));
    try {
      const opened = await this.#openLocked(paths, lock, request);
      if (opened === undefined) await lock.release();
      return opened;
    } catch (error) {
      await lock.release().catch(() => undefined);
      return throwProblem(id, file, 'recorded')(error);
    }
  }

  async #openLocked(paths: Paths, lock: HeldLock, request: OpenRequest): Promise<OpenedRun | undefined> {
    let journal = await readJournal(paths);
    if (journal === undefined && request.header !== undefined) {
      await createJournal(paths, request.header, besideOf(paths.file, lock));
      journal = await readJournal(paths);
    }
    if (journal === undefined) return undefined;
    const { records, status, header } = journal;
    const signals = await readSignals(paths, header.consumed);
    const known = signals.at(-1)?.number ?? header.consumed;
    const hold = holdOf(paths, lock);
    const owner = new FileOwner(paths, lock, hold, await JournalFile.open(paths, this.sync, hold, journal), {
      reader: new SignalReader(paths.signals, known, request.onSignal),
      onSuperseded: request.onSuperseded,
      onEnd: () => this.#forget(owner),
    });
    this.#owners.add(owner);
    this.#timer ??= setTimeout(() => this.#look(0), betweenLooks).unref();
    return { header: withoutConsumed(header), status, records, signals, owner };
  }

  signal(id: string, text: string): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const signalling = { text, resolve, reject };
      const queue = this.#signalling.get(id);
      if (queue !== undefined) {
        queue.push(signalling);
        return;
      }
      const begun = [signalling];
      this.#signalling.set(id, begun);
      void this.#signalAll(pathsOf(this.directory, id), begun);
    });
  }

  /** Stores all waiting signals of a run. Signals that arrive meanwhile are stored together. */
  async #signalAll(paths: Paths, queue: Signalling[]): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.splice(0);
      try {
        const first = await this.#store(paths, batch);
        for (const [index, { resolve }] of batch.entries()) resolve(first && first + index);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#signalling.delete(paths.id);
  }

  async #store(paths: Paths, batch: readonly Signalling[]): Promise<number | undefined> {
    const { id, signals } = paths;
    if ((await readHeader(paths)) === undefined) return undefined;
    const texts = batch.map(({ text }) => text);
    const store = async () => {
      // The run may have been deleted before the lock was taken.
      const header = await readHeader(paths);
      return header && appendSignals(paths, texts, header.consumed);
    };
    const first = await duringSignals(paths, store).catch(throwProblem(id, signals, 'recorded'));
    for (const owner of this.#owners) if (owner.paths.id === id) void owner.look();
    return first;
  }

  async read(id: string): Promise<JournalCopy | undefined> {
    const paths = pathsOf(this.directory, id);
    const journal = await readJournal(paths);
    if (journal === undefined) return undefined;
    const { header, status, records } = journal;
    const signals = await readSignals(paths, header.consumed).catch(throwProblem(id, paths.signals, 'read'));
    const holder = await holderOf(paths.lock).catch(throwProblem(id, paths.lock, 'read'));
    const owner = holder?.isAlive ? describe(holder.by) : undefined;
    return { header: withoutConsumed(header), status, records, signals, owner };
  }

  async list(
    { name, status }: JournalQuery,
    onUnreadable: (error: JournalError) => void = throwIt,
  ): Promise<readonly JournalSummary[]> {
    const runs = await listJournals(this.directory, onUnreadable);
    return runs
      .filter((run) => (name ?? run.name) === run.name && (status ?? run.status) === run.status)
      .sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1));
  }

  async delete(id: string): Promise<boolean> {
    const paths = pathsOf(this.directory, id);
    if ((await readHeader(paths)) === undefined) return false;
    try {
      const lock = await this.#lock(paths, { since: Date.now(), isBrief: true });
      try {
        return await duringSignals(paths, () => deleteFiles(paths));
      } finally {
        await lock.release();
      }
    } catch (error) {
      return throwProblem(id, paths.file, 'deleted')(error);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#owners].map((owner) => owner.close()));
  }

  /** @throws {LockedError} if the run has an owner */
  async #lock(paths: Paths, about: Pick<Holder, 'since' | 'isBrief'>): Promise<HeldLock> {
    this.#leftBehind ??= runsWithFilesLeft(this.directory);
    const left = await this.#leftBehind;
    const before = await holderOf(paths.lock);
    const { lock, by } = await takeLockInTurn(paths.lock, about);
    if (lock === undefined) throw new LockedError(paths.id, describe(by));
    // An owner that was seen before has released the lock in the meantime, or has died. A program that has died while it
    // took the run over may have removed the lock.
    if (left.delete(runOf(paths.file)) || before !== undefined) await cleanUp(paths);
    return new HeldLock(lock);
  }

  #forget(owner: FileOwner): void {
    this.#owners.delete(owner);
    if (this.#owners.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Looks for signals of all open runs, some at a time, then waits. */
  #look(from: number): void {
    const owners = [...this.#owners];
    for (const owner of owners.slice(from, from + mostAtOnce)) void owner.look();
    const next = from + mostAtOnce;
    const isOver = next >= owners.length;
    this.#timer = setTimeout(() => this.#look(isOver ? 0 : next), isOver ? betweenLooks : 1).unref();
  }
}

interface Calls {
  readonly reader: SignalReader;
  readonly onSuperseded: (error: Error) => void;
  readonly onEnd: () => void;
}

class FileOwner implements JournalOwner {
  #closing: Promise<void> | undefined = undefined;
  readonly #timer: NodeJS.Timeout;

  constructor(
    readonly paths: Paths,
    private readonly lock: HeldLock,
    private readonly hold: Hold,
    private readonly file: JournalFile,
    private readonly calls: Calls,
  ) {
    // A run that waits for a long time appends nothing, and must notice that it has lost its journal.
    this.#timer = setInterval(() => void this.#check(), betweenChecks).unref();
  }

  append(texts: readonly string[], status?: JournalStatus): Promise<void> {
    return this.file.append(texts, status).catch((error) => this.#throw(error));
  }

  async rewrite(header: JournalHeader, records: readonly string[], consumed: number): Promise<void> {
    const { paths, lock } = this;
    await this.file.rewrite(header, records, consumed, besideOf(paths.file, lock)).catch((error) => this.#throw(error));
    // The header already excludes these signals. Removing them only saves room, and is tried again the next time.
    await duringSignals(paths, () => removeSignals(paths, consumed, besideOf(paths.signals, lock))).catch(
      () => undefined,
    );
    this.calls.reader.restart();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async look(): Promise<void> {
    if (this.#closing === undefined) await this.calls.reader.look();
  }

  async #check(): Promise<void> {
    if (!this.hold.isCertain) await this.hold.check().catch((error) => this.#lose(error));
  }

  #throw(error: unknown): never {
    this.#lose(error);
    throw error;
  }

  #lose(error: unknown): void {
    if (!(error instanceof SupersededError) || this.#closing !== undefined) return;
    this.file.refuse(error);
    this.calls.onSuperseded(error);
    void this.close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    await this.file.close();
    await this.lock.release().catch(() => undefined);
    this.calls.onEnd();
  }
}

function throwIt(error: unknown): never {
  throw error;
}

/** Path of the file in which the holder of a lock prepares a replacement. */
function besideOf(path: string, { id }: HeldLock): string {
  return `${path}.${id}${replacement}`;
}

/** Creates the journal of a new run: either the whole header is found later, or nothing. */
async function createJournal(paths: Paths, header: JournalHeader, beside: string): Promise<void> {
  // A deletion that was interrupted leaves the signals.
  await rm(paths.signals, { force: true });
  await writeJournal(beside, header, [], 0);
  await replace(beside, paths.file);
}

async function deleteFiles(paths: Paths): Promise<boolean> {
  if ((await readHeader(paths)) === undefined) return false;
  await rm(paths.file, { force: true });
  await rm(paths.signals, { force: true });
  await syncDirectory(dirname(paths.file));
  return true;
}

/**
 * Removes the files that dead owners have left behind: their locks and unfinished replacements. The run is locked, so
 * that no live owner has a replacement.
 */
async function cleanUp({ file, signals, lock, signalsLock }: Paths): Promise<void> {
  await Promise.all([lock, signalsLock].map(sweepLock));
  for (const name of await readdir(dirname(file))) {
    const isOfRun = [file, signals].some((path) => name.startsWith(`${basename(path)}.`));
    if (isOfRun && name.endsWith(replacement)) await rm(join(dirname(file), name), { force: true });
  }
}

/** Returns the names of the runs that have files besides their journals, signals and locks. */
async function runsWithFilesLeft(directory: string): Promise<Set<string>> {
  const names = await readdir(directory).catch(() => []);
  return new Set(names.filter((name) => !usual.test(name)).map(runOf));
}

/** Returns the name of the run that a file belongs to. Ids are encoded, so the name ends at the first period. */
function runOf(path: string): string {
  return basename(path).replace(/\..*$/s, '');
}

/** Runs `work` while no other program changes the signals of the run. */
async function duringSignals<Value>({ id, signalsLock }: Paths, work: () => Promise<Value>): Promise<Value> {
  const { lock, by } = await takeLockInTurn(signalsLock, { since: Date.now(), isBrief: true });
  if (lock === undefined) throw new LockedError(id, describe(by));
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

function holdOf({ id, lock: path }: Paths, lock: HeldLock): Hold {
  return {
    get isCertain() {
      return lock.isCertain;
    },
    check: async () => {
      if (await lock.isOwn()) return;
      const holder = await holderOf(path).catch(() => undefined);
      throw new SupersededError(id, holder ? undefined : 'its lock was removed');
    },
  };
}
