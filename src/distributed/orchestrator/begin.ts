import type { Engine, NewRun } from '../contracts.js';
import { RunExistsError } from '../errors.js';
import type { Codec } from '../journal/codec.js';
import { keyOf } from '../journal/job-id.js';
import { Replica, type SavedReplica } from '../journal/replica.js';
import { jobOf, timeoutJobOf } from '../run/jobs.js';
import { isFinished } from '../run-info.js';
import type { KnownWorkflow } from '../workflows.js';

/** A run that is to begin. */
export interface Beginning extends Omit<NewRun, 'snapshot'> {
  readonly workflow: KnownWorkflow;
  readonly snapshot: SavedReplica;
}

/**
 * Writes a run down, and queues its first jobs. A start that was repeated queues again what may not have been queued: that
 * is the same jobs.
 *
 * @throws {RunExistsError} where another workflow has a run of this id
 */
export async function begin(engine: Engine, codec: Codec, beginning: Beginning): Promise<void> {
  const { workflow, snapshot, ...rest } = beginning;
  const { existed, record, now, seq } = await engine.begin({ ...rest, snapshot: JSON.stringify(snapshot) });
  const { runId } = record;
  if (existed && (record.workflow !== workflow.id || record.version !== workflow.version)) {
    throw new RunExistsError(runId, record.workflow, record.version);
  }
  if (isFinished(record.status) || seq > 0) return;
  const runKey = keyOf(runId);
  const { ledger } = new Replica({ plan: workflow.plan, runKey, codec, merges: workflow.merges }, snapshot);
  const jobs = [...ledger.values()].map((item) => jobOf(item, record, now, record.startAt - now));
  if (record.deadline !== undefined) jobs.push(timeoutJobOf(runKey, record, record.deadline - now));
  await engine.queue.enqueue(jobs);
}
