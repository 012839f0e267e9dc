import { type RunRecord, runStatuses } from '../../run-info.js';
import type { Keys } from './keys.js';
import { readRecord } from './records.js';
import { type Connection, Script } from './scripts.js';

/** The fields of a run that the index needs. */
export type Filed = Pick<RunRecord, 'runId' | 'workflow' | 'status' | 'createdAt' | 'finishedAt' | 'retention'>;

/** The connection and the keys of the index. */
export interface IndexPlace {
  readonly keys: Keys;
  connection(): Connection | Promise<Connection>;
}

const index = new Script('index');

/**
 * Returns the mark of a run that is being removed: a score below the scores of all expiring runs. The mark may be found
 * late, so it differs between runs that had the same id. Versions up to 0.7 use the mark 0 for all runs.
 */
export function markOf({ createdAt }: Pick<RunRecord, 'createdAt'>): number {
  return -createdAt;
}

/**
 * The index of runs: sorted sets from which lists of runs are read. On a cluster, the index and the keys of a run are
 * on different nodes, so the index is updated in a separate step after the run has changed.
 *
 * Two programs may update the index for the same run in any order. Therefore each program reads the run again after its
 * update, and updates the index once more if the run has changed or is gone. The last update is then correct.
 */
export class RunIndex {
  constructor(private readonly core: IndexPlace) {}

  /** Lists a run before it is stored, because a stored run that is not listed would never be found. Sent at once. */
  async expect(run: Filed, connection: Connection): Promise<void> {
    await index.run(connection, this.core.keys.listsOf(run.workflow), argsOf(run));
  }

  /** Lists a run under its current status. Removes the run from the index if it no longer exists. */
  follow(run: Filed): Promise<void> {
    return this.#follow(run, run);
  }

  /** Removes a run that no longer exists. */
  remove(run: Pick<Filed, 'runId' | 'workflow'>): Promise<void> {
    return this.#follow(run, undefined);
  }

  /**
   * Removes a run from the lists of a workflow to which it does not belong. Another program had listed the run there,
   * and then found that the id was taken.
   */
  async disown(runId: string, workflow: string): Promise<void> {
    const connection = await this.core.connection();
    const lists = [undefined, ...runStatuses].map((status) => this.core.keys.listOf(workflow, status));
    await Promise.all(lists.map((list) => connection.zrem(list, runId)));
    const record = await readRecord(connection, this.core.keys.run(runId));
    // In the meantime the other run was deleted, and this run was started.
    if (record?.workflow === workflow) await this.follow(record);
  }

  /** Removes from the lists a run that is about to be deleted, and marks it as expired until it is deleted. */
  async markRemoved(run: Filed): Promise<void> {
    const connection = await this.core.connection();
    await index.run(connection, this.core.keys.listsOf(run.workflow), [run.runId, '', 0, markOf(run)]);
  }

  /** Removes a deleted run from the expiring runs. */
  async unmark(runId: string): Promise<void> {
    const connection = await this.core.connection();
    await connection.zrem(this.core.keys.expiring, runId);
    const record = await readRecord(connection, this.core.keys.run(runId));
    // In the meantime, another run has started under the same id.
    if (record !== undefined) await this.follow(record);
  }

  async #follow({ runId, workflow }: Pick<Filed, 'runId' | 'workflow'>, known: Filed | undefined): Promise<void> {
    const connection = await this.core.connection();
    const key = this.core.keys.run(runId);
    for (let filed = known; ; ) {
      const args = filed === undefined ? [runId, '', 0, ''] : argsOf(filed);
      const writing = index.run(connection, this.core.keys.listsOf(filed?.workflow ?? workflow), args);
      // A single connection answers in order, so the read follows the write. The nodes of a cluster may answer in any
      // order.
      if (connection.isCluster) await writing;
      const [[status, createdAt] = []] = await Promise.all([connection.hmget(key, 'status', 'createdAt'), writing]);
      const isThere = typeof status === 'string';
      if (filed === undefined ? !isThere : status === filed.status && Number(createdAt) === filed.createdAt) return;
      filed = isThere ? await readRecord(connection, key) : undefined;
    }
  }
}

function argsOf({ runId, status, createdAt, finishedAt, retention }: Filed): (string | number)[] {
  const expires = finishedAt === undefined || retention === undefined ? '' : finishedAt + retention;
  return [runId, createdAt, runStatuses.indexOf(status) + 1, expires];
}
