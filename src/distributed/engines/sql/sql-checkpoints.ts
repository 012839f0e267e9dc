import { aSeq, aText, refusals } from '../../../flow/checkpoint/index.js';
import { type Checkpoint, type Claim, LockedError } from '../../../flow/index.js';
import { aName } from '../../../shared/validate.js';
import type { CheckpointStore, Engine, JournalTail, ReadOptions } from '../../contracts.js';
import { Appends, type Outcome } from '../appends.js';
import { type Held, Leases } from '../leases.js';
import { pageBytes, readInPages } from '../pages.js';
import type { SqlCore } from './sql-core.js';

/** The reason why a write was refused, or `null` if the write succeeded. */
type Refusal =
  | { readonly problem: 'unknown' }
  | { readonly problem: 'locked'; readonly holder?: string; readonly since?: number }
  | { readonly problem: 'behind'; readonly seq: number }
  | { readonly problem: 'gap' | 'taken' | 'ahead'; readonly last: number }
  | null;

export class SqlCheckpoints implements CheckpointStore {
  readonly leases: Leases;
  readonly #appends: Appends;

  constructor(
    readonly engine: Engine,
    private readonly core: SqlCore,
    private readonly readPage: (runId: string, after: number, bytes: number) => Promise<JournalTail | undefined>,
    holdDuration: number,
  ) {
    this.leases = new Leases(
      {
        place: () => core.place(),
        take: async ({ runId, token, holder, place, lease, instead = null }) => {
          const [row] = await core.query('claim-checkpoint', [runId, token, holder, place, lease, instead]);
          return (row?.held ?? undefined) as Held | undefined;
        },
        renew: async (holds, lease) => {
          const rows = await core.query('renew-checkpoints', [JSON.stringify(holds), lease]);
          return rows.map(({ token }) => token as string);
        },
        release: async (runId, token) => void (await core.query('release-checkpoint', [runId, token])),
      },
      holdDuration,
    );
    this.#appends = new Appends(async (runId, entries) => {
      const [{ seq, text, token = null }] = entries as readonly [(typeof entries)[number]];
      const isOne = entries.length === 1;
      // A single text is passed as it is, because the driver would copy the texts in a list.
      const texts = isOne ? text : entries.map((entry) => entry.text);
      const values = [runId, seq, texts, token, holdDuration];
      const [row] = await core.query(isOne ? 'append-checkpoint' : 'append-checkpoints', values);
      return (row as { readonly answers: readonly Refusal[] }).answers.map((refusal, index) =>
        errorOf(runId, seq + index, refusal),
      );
    });
  }

  read(runId: string, after?: number, { maxBytes }: ReadOptions = {}): Promise<JournalTail | undefined> {
    return readInPages((known, bytes) => this.readPage(runId, known, bytes), after, maxBytes);
  }

  async compact(runId: string, snapshot: string, seq: number, incarnation?: number): Promise<void> {
    await this.core.query('compact', [runId, snapshot, seq, incarnation ?? null]);
  }

  async claim(runId: string, holder?: string): Promise<Claim> {
    return this.leases.claim(aName(runId, 'runId'), holder);
  }

  async save(runId: string, snapshot: string, seq: number, token: string | null = null): Promise<void> {
    aName(runId, 'runId');
    const values = [runId, aText(snapshot, 'snapshot'), aSeq(seq, 'seq'), token, this.leases.lease];
    await this.#write('save-checkpoint', runId, values, seq);
  }

  async append(runId: string, seq: number, entry: string, token?: string): Promise<void> {
    aName(runId, 'runId');
    return this.#appends.add(runId, { seq: aSeq(seq, 'seq'), text: aText(entry, 'entry'), token });
  }

  /** Loads a run page by page. All pages show the run as of the same moment. */
  load(runId: string): Promise<Checkpoint | undefined> {
    return this.core.atOneMoment(async (query) => {
      const [row] = await query('load-checkpoint', [runId]);
      if (row === undefined) return undefined;
      const seq = Number(row.seq);
      const entries: string[] = [];
      for (;;) {
        const page = await query('load-checkpoint-entries', [runId, seq + entries.length, pageBytes]);
        if (page.length === 0) return { snapshot: row.snapshot as string, seq, entries };
        for (const { text } of page) entries.push(text as string);
      }
    });
  }

  async delete(runId: string, token: string | null = null): Promise<void> {
    await this.#write('delete-checkpoint', runId, [runId, token, this.leases.lease]);
  }

  async list(): Promise<string[]> {
    return (await this.core.query('list-checkpoints')).map(({ id }) => id as string);
  }

  async #write(statement: string, runId: string, values: readonly unknown[], seq = 0): Promise<void> {
    const [row] = await this.core.query(statement, values);
    const error = errorOf(runId, seq, row?.refusal as Refusal);
    if (error !== undefined) throw error;
  }
}

function errorOf(runId: string, seq: number, refusal: Refusal): Outcome {
  if (refusal === null) return undefined;
  switch (refusal.problem) {
    case 'unknown':
      return refusals.unknown(runId);
    case 'locked':
      return new LockedError(runId, refusal.holder, refusal.since);
    case 'behind':
      return refusals.behind(runId, seq, refusal.seq);
    default:
      return refusals[refusal.problem](runId, seq, refusal.last);
  }
}
