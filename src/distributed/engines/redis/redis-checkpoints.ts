import { aSeq, aText, refusals } from '../../../flow/checkpoint/index.js';
import { type Checkpoint, type Claim, LockedError } from '../../../flow/index.js';
import { thisPlace } from '../../../shared/place.js';
import { aName } from '../../../shared/validate.js';
import type { CheckpointStore, Engine, JournalTail, ReadOptions } from '../../contracts.js';
import { isFinished } from '../../run-info.js';
import { Appends, type Outcome } from '../appends.js';
import { Leases } from '../leases.js';
import { pageBytes, readInPages } from '../pages.js';
import { entriesFrom, recordFrom } from './records.js';
import type { RedisCore } from './redis-core.js';
import { Script } from './scripts.js';

const scripts = {
  read: new Script('pages', 'read'),
  compact: new Script('rights', 'compact'),
  claim: new Script('checkpoint-fence', 'checkpoint-claim'),
  renew: new Script('checkpoint-fence', 'checkpoint-renew'),
  release: new Script('checkpoint-release'),
  save: new Script('rights', 'checkpoint-fence', 'checkpoint-save'),
  append: new Script('checkpoint-fence', 'checkpoint-append'),
  delete: new Script('checkpoint-fence', 'checkpoint-delete'),
  load: new Script('pages', 'checkpoint-load'),
};

/**
 * The reply of a script that writes. Empty or `null` if the write succeeded. Otherwise a problem and a number, or
 * `locked` with the holder and the time since which the holder has held the run.
 */
type Refusal = readonly [problem?: string, what?: string | number, since?: string] | null;

type Page = readonly [saved: string, seq: number, length: number, snapshot: string | null, entries: string[]];

/** Number of runs that are checked at once. */
const atOnce = 500;

export class RedisCheckpoints implements CheckpointStore {
  readonly leases: Leases;
  readonly #appends: Appends;

  constructor(
    readonly engine: Engine,
    private readonly core: RedisCore,
    holdDuration: number,
  ) {
    this.leases = new Leases(
      {
        place: thisPlace,
        take: async ({ runId, token, holder, place, lease, instead = '' }) => {
          const answer = await this.#run(
            'claim',
            [core.keys.checkpointHold(runId)],
            [token, holder, place, lease, instead],
          );
          if (answer === null) return undefined;
          const [by, name, where, since] = answer as readonly [string, string, string, string];
          return { token: by, holder: name, place: where, since: Number(since) };
        },
        renew: async (holds, lease) => {
          const isHeld = ({ runId, token }: (typeof holds)[number]) =>
            this.#run('renew', [core.keys.checkpointHold(runId)], [token, lease]);
          const answers = await Promise.all(holds.map(isHeld));
          return holds.filter((_hold, index) => answers[index] === 1).map(({ token }) => token);
        },
        release: async (runId, token) => void (await this.#run('release', [core.keys.checkpointHold(runId)], [token])),
      },
      holdDuration,
    );
    this.#appends = new Appends(async (runId, entries) => {
      const [{ seq, token = '' }] = entries as readonly [(typeof entries)[number]];
      const texts = entries.map(({ text }) => text);
      const answers = await this.#run('append', this.#keysOf(runId), [token, holdDuration, seq, ...texts]);
      return (answers as readonly Refusal[]).map((refusal, index) => errorOf(runId, seq + index, refusal));
    });
  }

  read(runId: string, after?: number, { maxBytes }: ReadOptions = {}): Promise<JournalTail | undefined> {
    return readInPages((known, bytes) => this.#readPage(runId, known, bytes), after, maxBytes);
  }

  async compact(runId: string, snapshot: string, seq: number, incarnation?: number): Promise<void> {
    const { keys } = this.core;
    const args = [snapshot, seq, incarnation ?? ''];
    await this.#run('compact', [keys.run(runId), keys.journal(runId), keys.snapshot(runId)], args);
  }

  async claim(runId: string, holder?: string): Promise<Claim> {
    return this.leases.claim(aName(runId, 'runId'), holder);
  }

  async save(runId: string, snapshot: string, seq: number, token = ''): Promise<void> {
    aName(runId, 'runId');
    const args = [token, this.leases.lease, aText(snapshot, 'snapshot'), aSeq(seq, 'seq')];
    // The run is listed before it is stored, because a stored run that is not listed would never be found.
    await this.core.ask((connection) => connection.sadd(this.core.keys.checkpoints, runId));
    const error = errorOf(runId, seq, (await this.#run('save', this.#keysOf(runId), args)) as Refusal);
    if (error !== undefined) throw error;
  }

  async append(runId: string, seq: number, entry: string, token?: string): Promise<void> {
    aName(runId, 'runId');
    return this.#appends.add(runId, { seq: aSeq(seq, 'seq'), text: aText(entry, 'entry'), token });
  }

  /** Reads a run page by page. Starts again from the first page if a snapshot was saved in between. */
  async load(runId: string): Promise<Checkpoint | undefined> {
    const of = this.#keysOf(runId).slice(1);
    let [known, seq, snapshot]: readonly [string, number, string] = ['', 0, ''];
    let entries: string[] = [];
    for (;;) {
      const page = (await this.#run('load', of, [entries.length, pageBytes, known])) as Page | null;
      if (page === null) return undefined;
      const [saved, number, length, text, more] = page;
      if (text !== null) {
        [known, seq, snapshot] = [saved, number, text];
        entries = [];
      }
      for (const entry of more) entries.push(entry);
      if (entries.length >= length) return { snapshot, seq, entries };
    }
  }

  async delete(runId: string, token = ''): Promise<void> {
    const answer = await this.#run('delete', this.#keysOf(runId), [token, this.leases.lease]);
    const error = errorOf(runId, 0, answer as Refusal);
    if (error !== undefined) throw error;
    await this.core.ask((connection) => connection.srem(this.core.keys.checkpoints, runId));
  }

  /**
   * Lists the saved runs. A run in the list may not exist, because a program may have died while it saved or deleted
   * the run.
   */
  list(): Promise<string[]> {
    return this.core.ask(async (connection) => {
      const listed = await connection.smembers(this.core.keys.checkpoints);
      const found: string[] = [];
      for (let at = 0; at < listed.length; at += atOnce) {
        const some = listed.slice(at, at + atOnce);
        const exist = await Promise.all(some.map((runId) => connection.exists(this.core.keys.checkpoint(runId))));
        found.push(...some.filter((_runId, index) => exist[index] === 1));
      }
      return found;
    });
  }

  async #readPage(runId: string, after: number, bytes: number): Promise<JournalTail | undefined> {
    const { keys } = this.core;
    const of = [keys.run(runId), keys.journal(runId), keys.snapshot(runId)];
    const answer = await this.#run('read', of, [after, bytes]);
    if (answer === null) return undefined;
    const [fields, now, text, texts] = answer as [string[], string, string | null, string[]];
    const { record, seq, base } = recordFrom(fields);
    // The program that ended the run may have died before it updated the index.
    if (isFinished(record.status)) await this.core.ask(() => this.core.index.follow(record));
    return {
      record,
      now: Number(now),
      seq,
      snapshot: text === null ? undefined : { text, seq: base },
      entries: entriesFrom(texts, (text === null ? after : base) + 1),
    };
  }

  #keysOf(runId: string): string[] {
    const { keys } = this.core;
    const { checkpointHold, checkpoint, checkpointEntries, checkpointState } = keys;
    return [checkpointHold, checkpoint, checkpointEntries, checkpointState].map((key) => key.call(keys, runId));
  }

  #run(name: keyof typeof scripts, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.core.ask((connection) => scripts[name].run(connection, keys, args));
  }
}

function errorOf(runId: string, seq: number, refusal: Refusal): Outcome {
  const [problem, what, since] = refusal ?? [];
  switch (problem) {
    case undefined:
      return undefined;
    case 'unknown':
      return refusals.unknown(runId);
    case 'locked':
      return new LockedError(runId, what as string | undefined, since === undefined ? undefined : Number(since));
    default:
      return refusals[problem as 'gap' | 'taken' | 'ahead' | 'behind'](runId, seq, Number(what));
  }
}
