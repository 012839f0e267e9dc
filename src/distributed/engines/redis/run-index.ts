import { type RunRecord, runStatuses } from '../../run-info.js';
import type { Keys } from './keys.js';
import { readRecord } from './records.js';
import { type Connection, Script } from './scripts.js';

/** What the index has to know of a run. */
export type Filed = Pick<RunRecord, 'runId' | 'workflow' | 'status' | 'createdAt' | 'finishedAt' | 'retention'>;

/** Where the index is. */
export interface IndexPlace {
  readonly keys: Keys;
  connection(): Connection | Promise<Connection>;
}

const index = new Script('index');

/**
 * When a run expires that is being removed: before all others. It says which of the runs it is that had its id over time, for a
 * mark may come late. Versions up to 0.7 mark all with 0.
 */
export function markOf({ createdAt }: Pick<RunRecord, 'createdAt'>): number {
  return -createdAt;
}

/**
 * Where runs are found. The index has keys on other nodes than the run, so it follows the run by a step of its own. Whoever
 * has filed a run looks how it stands then, and files it once more if it has changed or is gone: so the last to file it
 * files it rightly.
 */
export class RunIndex {
  constructor(private readonly core: IndexPlace) {}

  /** Files a run before it is there: one that is there and is not filed would not be found. */
  async expect(run: Filed): Promise<void> {
    await this.#write(run.workflow, argsOf(run));
  }

  /** Files a run under how it stands; takes it out if it is not there any more. */
  follow(run: Filed): Promise<void> {
    return this.#follow(run, run);
  }

  /** Takes out a run that is not there any more. */
  remove(run: Pick<Filed, 'runId' | 'workflow'>): Promise<void> {
    return this.#follow(run, undefined);
  }

  /** Takes a run out of the lists of a workflow that it is not of: who was to begin it there found the id taken. */
  async disown(runId: string, workflow: string): Promise<void> {
    const connection = await this.core.connection();
    const lists = [undefined, ...runStatuses].map((status) => this.core.keys.listOf(workflow, status));
    await Promise.all(lists.map((list) => connection.zrem(list, runId)));
    const record = await readRecord(connection, this.core.keys.run(runId));
    // The other was deleted meanwhile, and this one begun.
    if (record?.workflow === workflow) await this.follow(record);
  }

  /** Takes out a run that is about to be removed, and has it found as expired until it is. */
  async markRemoved(run: Filed): Promise<void> {
    await this.#write(run.workflow, [run.runId, '', 0, markOf(run)]);
  }

  /** Takes the mark, or the time, of a run that is not there any more out of what expires. */
  async unmark(runId: string): Promise<void> {
    const connection = await this.core.connection();
    await connection.zrem(this.core.keys.expiring, runId);
    const record = await readRecord(connection, this.core.keys.run(runId));
    // Another has begun under its id meanwhile.
    if (record !== undefined) await this.follow(record);
  }

  async #follow({ runId, workflow }: Pick<Filed, 'runId' | 'workflow'>, known: Filed | undefined): Promise<void> {
    const connection = await this.core.connection();
    const key = this.core.keys.run(runId);
    for (let filed = known; ; ) {
      const args = filed === undefined ? [runId, '', 0, ''] : argsOf(filed);
      const writing = index.run(connection, this.core.keys.listsOf(filed?.workflow ?? workflow), args);
      // On one connection the question is answered behind the writing; nodes of a cluster answer in any order.
      if (connection.isCluster) await writing;
      const [[status, createdAt] = []] = await Promise.all([connection.hmget(key, 'status', 'createdAt'), writing]);
      const isThere = typeof status === 'string';
      if (filed === undefined ? !isThere : status === filed.status && Number(createdAt) === filed.createdAt) return;
      filed = isThere ? await readRecord(connection, key) : undefined;
    }
  }

  async #write(workflow: string, args: readonly (string | number)[]): Promise<void> {
    await index.run(await this.core.connection(), this.core.keys.listsOf(workflow), args);
  }
}

function argsOf({ runId, status, createdAt, finishedAt, retention }: Filed): (string | number)[] {
  const expires = finishedAt === undefined || retention === undefined ? '' : finishedAt + retention;
  return [runId, createdAt, runStatuses.indexOf(status) + 1, expires];
}
