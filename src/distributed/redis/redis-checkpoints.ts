import { type Checkpoint, CheckpointError } from '../../flow/index.js';
import type { CheckpointStore, Engine, JournalTail } from '../contracts.js';
import { isFinished } from '../run-info.js';
import { entriesFrom, recordFrom } from './records.js';
import type { RedisCore } from './redis-core.js';
import { Script } from './scripts.js';

const scripts = { read: new Script('read'), compact: new Script('compact') };

export class RedisCheckpoints implements CheckpointStore {
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

  async save(runId: string, snapshot: string): Promise<void> {
    const connection = await this.core.connection();
    const { keys } = this.core;
    await connection.sadd(keys.checkpoints, runId);
    const both = connection.multi().set(keys.checkpoint(runId), snapshot).del(keys.checkpointEntries(runId));
    await both.exec();
  }

  async append(runId: string, entry: string): Promise<void> {
    const connection = await this.core.connection();
    const { keys } = this.core;
    if ((await connection.exists(keys.checkpoint(runId))) === 0) {
      throw new CheckpointError(runId, 'has no checkpoint to add to');
    }
    await connection.rpush(keys.checkpointEntries(runId), entry);
  }

  async load(runId: string): Promise<Checkpoint | undefined> {
    const connection = await this.core.connection();
    const { keys } = this.core;
    const both = connection.multi().get(keys.checkpoint(runId)).lrange(keys.checkpointEntries(runId), 0, -1);
    const [snapshot, entries] = ((await both.exec()) ?? []).map(([, value]) => value);
    return typeof snapshot === 'string' ? { snapshot, entries: entries as string[] } : undefined;
  }

  async delete(runId: string): Promise<void> {
    const connection = await this.core.connection();
    const { keys } = this.core;
    await connection.unlink(keys.checkpoint(runId), keys.checkpointEntries(runId));
    await connection.srem(keys.checkpoints, runId);
  }

  async list(): Promise<string[]> {
    return (await this.core.connection()).smembers(this.core.keys.checkpoints);
  }
}
