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
} from '../journal.js';
import { MemoryJournalStore } from '../journals/memory-store.js';

/** A moment at which a program dies: while it writes the record with this number, counted from the program's start. */
export interface Death {
  readonly at: number;
  /** If true, the record is stored before the program dies. */
  readonly isStored: boolean;
}

const never = new Promise<never>(() => {});

/**
 * A store in memory whose program can die. After its death, nothing that the program does reaches the store, and none of
 * its calls settles. The next program finds what was stored.
 */
export class DyingStore implements JournalStore {
  readonly #memory = new MemoryJournalStore();
  #death: Death | undefined;
  #written = 0;
  /** Number of the present program. Owners of earlier programs are dead. */
  #program = 0;
  #onDeath: () => void = () => {};

  /**
   * Begins a program.
   *
   * @param death - the moment at which the program dies. Default: never
   * @returns a promise that resolves when the program dies
   */
  begin(death?: Death): Promise<void> {
    this.#program++;
    this.#written = 0;
    this.#death = death;
    return new Promise((resolve) => {
      this.#onDeath = resolve;
    });
  }

  /** The records of the run that count as stored, whatever the store returns later. */
  stored: readonly string[] = [];

  /** Number of records that the present program has written. */
  get written(): number {
    return this.#written;
  }

  async open(request: OpenRequest): Promise<OpenedRun | undefined> {
    this.#memory.free(request.id);
    const opened = await this.#memory.open(request);
    return opened && { ...opened, owner: this.#mortal(opened.owner) };
  }

  signal(id: string, text: string): Promise<number | undefined> {
    return this.#memory.signal(id, text);
  }

  read(id: string): Promise<JournalCopy | undefined> {
    return this.#memory.read(id);
  }

  list(query: JournalQuery): Promise<readonly JournalSummary[]> {
    return this.#memory.list(query);
  }

  delete(id: string): Promise<boolean> {
    return this.#memory.delete(id);
  }

  close(): Promise<void> {
    return this.#memory.close();
  }

  #mortal(owner: JournalOwner): JournalOwner {
    const program = this.#program;
    const isDead = () => program !== this.#program;
    const write = async (work: () => Promise<void>, stored: () => readonly string[]) => {
      if (isDead()) return never;
      const { at, isStored } = this.#death ?? {};
      const dies = ++this.#written === at;
      if (!dies || isStored) {
        await work();
        this.stored = stored();
      }
      if (!dies) return isDead() ? never : undefined;
      this.#program++;
      this.#onDeath();
      return never;
    };
    return {
      append: async (texts: readonly string[], status?: JournalStatus) => {
        for (const [index, text] of texts.entries())
          await write(
            () => owner.append([text], index === texts.length - 1 ? status : undefined),
            () => [...this.stored, text],
          );
      },
      rewrite: (header: JournalHeader, records: readonly string[], consumed: number) =>
        write(
          () => owner.rewrite(header, records, consumed),
          () => records,
        ),
      close: async () => (isDead() ? never : owner.close()),
    };
  }
}
