import { Holds } from '../../flow/checkpoint/holds.js';
import { checkSnapshot, isNewEntry, refusals } from '../../flow/checkpoint/refusals.js';
import type { Checkpoint, Claim } from '../../flow/index.js';
import { checkpointOf, numbered, numbersOf } from '../checkpoint-texts.js';
import type { CheckpointStore, Engine, JournalTail } from '../contracts.js';
import { isFinished } from '../run-info.js';
import { entriesFrom, recordFrom } from './records.js';
import type { RedisCore } from './redis-core.js';
import { Script } from './scripts.js';

const scripts = { read: new Script('read'), compact: new Script('compact') };

export class RedisCheckpoints implements CheckpointStore {
  readonly #holds = new Holds();
  readonly #appending = new Map<string, Promise<void>>();

  constructor(
    readonly engine: Engine,
    private readonly core: RedisCore,
  ) {}

  async read(runId: string, after = -1): Promise<JournalTail | undefined> {
    const connection = await this.core.connection();
    const { keys } = this.core;
    const answer = await scripts.read.run(
      connection,
      [keys.run(runId), keys.journal(runId), keys.snapshot(runId)],
      [after],
    );
    if (answer === null) return undefined;
    const [fields, now, text, texts] = answer as [string[], string, string | null, string[]];
    const { record, seq } = recordFrom(fields);
    const base = seq - texts.length;
    // Whoever has ended the run may have died before it was filed.
    if (isFinished(record.status)) await this.core.index(record);
    return {
      record,
      now: Number(now),
      seq,
      snapshot: text === null ? undefined : { text, seq: base },
      entries: entriesFrom(texts, base + 1),
    };
  }

  async compact(runId: string, snapshot: string, seq: number): Promise<void> {
    const { keys } = this.core;
    const of = [keys.run(runId), keys.journal(runId), keys.snapshot(runId)];
    await scripts.compact.run(await this.core.connection(), of, [snapshot, seq]);
  }

  async claim(runId: string, holder?: string): Promise<Claim> {
    return this.#holds.claim(runId, holder);
  }

  async save(runId: string, snapshot: string, seq: number, token?: string): Promise<void> {
    this.#holds.check(runId, token);
    const connection = await this.core.connection();
    const { keys } = this.core;
    const kept = await this.load(runId);
    if (kept !== undefined) checkSnapshot(runId, numbersOf(kept), seq);
    await connection.sadd(keys.checkpoints, runId);
    await connection.set(keys.checkpoint(runId), numbered(seq, snapshot));
  }

  async append(runId: string, seq: number, entry: string, token?: string): Promise<void> {
    this.#holds.check(runId, token);
    const before = this.#appending.get(runId) ?? Promise.resolve();
    const appending = before.catch(() => undefined).then(() => this.#append(runId, seq, entry));
    this.#appending.set(runId, appending);
    return appending;
  }

  async load(runId: string): Promise<Checkpoint | undefined> {
    const connection = await this.core.connection();
    const { keys } = this.core;
    const both = connection.multi().get(keys.checkpoint(runId)).lrange(keys.checkpointEntries(runId), 0, -1);
    const [snapshot, entries] = ((await both.exec()) ?? []).map(([, value]) => value);
    return typeof snapshot === 'string' ? checkpointOf(snapshot, entries as string[]) : undefined;
  }

  async delete(runId: string, token?: string): Promise<void> {
    this.#holds.check(runId, token);
    const connection = await this.core.connection();
    const { keys } = this.core;
    await connection.unlink(keys.checkpoint(runId), keys.checkpointEntries(runId));
    await connection.srem(keys.checkpoints, runId);
  }

  async list(): Promise<string[]> {
    return (await this.core.connection()).smembers(this.core.keys.checkpoints);
  }

  async #append(runId: string, seq: number, entry: string): Promise<void> {
    const connection = await this.core.connection();
    const kept = await this.load(runId);
    if (kept === undefined) throw refusals.unknown(runId);
    const textOf = (number: number) => kept.entries[number - kept.seq - 1];
    if (!isNewEntry(runId, numbersOf(kept), [seq, entry], textOf)) return;
    await connection.rpush(this.core.keys.checkpointEntries(runId), numbered(seq, entry));
  }
}
