import { thisProgram } from '../../shared/this-program.js';
import { LockedError, SupersededError } from '../errors.js';
import type {
  JournalCopy,
  JournalHeader,
  JournalOwner,
  JournalQuery,
  JournalSignal,
  JournalStatus,
  JournalStore,
  JournalSummary,
  OpenedRun,
  OpenRequest,
} from '../journal.js';

/** A stored run and its owner. */
interface Stored {
  header: JournalHeader;
  status: JournalStatus;
  records: string[];
  signals: JournalSignal[];
  /** Number of the last signal. */
  sent: number;
  owner: Owner | undefined;
}

/** Stores journals in memory, for tests. */
export class MemoryJournalStore implements JournalStore {
  readonly #runs = new Map<string, Stored>();

  async open({ id, header, ...calls }: OpenRequest): Promise<OpenedRun | undefined> {
    const run = this.#runs.get(id) ?? (header && created(header));
    if (run === undefined) return undefined;
    if (run.owner !== undefined) throw new LockedError(id, thisProgram());
    this.#runs.set(id, run);
    run.owner = new Owner(run, calls);
    const { status, records, signals, owner } = run;
    return { header: run.header, status, records: [...records], signals: [...signals], owner };
  }

  async signal(id: string, text: string): Promise<number | undefined> {
    const run = this.#runs.get(id);
    if (run === undefined) return undefined;
    const signal = { number: ++run.sent, text };
    run.signals.push(signal);
    run.owner?.calls.onSignal(signal);
    return signal.number;
  }

  async read(id: string): Promise<JournalCopy | undefined> {
    const run = this.#runs.get(id);
    if (run === undefined) return undefined;
    const { header, status, records, signals, owner } = run;
    return { header, status, records: [...records], signals: [...signals], owner: owner && thisProgram() };
  }

  async list({ name, status }: JournalQuery): Promise<readonly JournalSummary[]> {
    return [...this.#runs.values()]
      .map(({ header: { input: _, ...header }, status }) => ({ ...header, status }))
      .filter((run) => (name ?? run.name) === run.name && (status ?? run.status) === run.status)
      .sort((a, b) => a.created - b.created);
  }

  async delete(id: string): Promise<boolean> {
    const owner = this.#runs.get(id)?.owner;
    if (owner !== undefined) throw new LockedError(id, thisProgram());
    return this.#runs.delete(id);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#runs.values()].map(({ owner }) => owner?.close()));
  }

  /** Takes a run from an owner that is dead, and hears nothing of it. */
  free(id: string): void {
    const run = this.#runs.get(id);
    if (run !== undefined) run.owner = undefined;
  }

  /** Takes a run from its owner, as a program does that finds the owner silent. */
  supersede(id: string): void {
    const run = this.#runs.get(id);
    const owner = run?.owner;
    if (run === undefined || owner === undefined) return;
    run.owner = undefined;
    owner.calls.onSuperseded(new SupersededError(id));
  }
}

function created(header: JournalHeader): Stored {
  return { header, status: 'running', records: [], signals: [], sent: 0, owner: undefined };
}

class Owner implements JournalOwner {
  constructor(
    private readonly run: Stored,
    readonly calls: Pick<OpenRequest, 'onSignal' | 'onSuperseded'>,
  ) {}

  async append(texts: readonly string[], status?: JournalStatus): Promise<void> {
    this.#check();
    this.run.records.push(...texts);
    this.run.status = status ?? this.run.status;
  }

  async rewrite(header: JournalHeader, records: readonly string[], consumed: number): Promise<void> {
    this.#check();
    const { run } = this;
    run.header = header;
    run.records = [...records];
    run.status = 'running';
    run.signals = run.signals.filter(({ number }) => number > consumed);
  }

  async close(): Promise<void> {
    if (this.run.owner === this) this.run.owner = undefined;
  }

  #check(): void {
    if (this.run.owner !== this) throw new SupersededError(this.run.header.id);
  }
}
