import type { Codec } from '../../flow/run/index.js';
import type { Engine, NewRun } from '../contracts.js';
import { RunExistsError, WorkflowChangedError } from '../errors.js';
import { keyOf } from '../journal/job-id.js';
import { Replica } from '../journal/replica.js';
import type { SavedReplica } from '../journal/saved-replica.js';
import { snapshotOf } from '../journal/snapshot.js';
import { deadlineJobsOf, jobOf } from '../run/jobs.js';
import { isFinished, type RunRecord } from '../run-info.js';
import type { KnownWorkflow } from '../workflows/workflows.js';

/** A run that has begun, or was there. */
export interface StartedRun {
  readonly id: string;
  /** @deprecated Since 0.9: use `id`. */
  readonly runId: string;
  /** Which of the runs that had this id over time; `undefined` for a run that a version up to 0.7 has begun. */
  readonly incarnation: number | undefined;
  /** If true, a run of this id was there already: nothing was started. */
  readonly existed: boolean;
}

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
 * @throws {WorkflowChangedError} where the run has begun with another graph of the workflow
 */
export async function begin(engine: Engine, codec: Codec, beginning: Beginning): Promise<StartedRun> {
  const { workflow, snapshot, ...rest } = beginning;
  const { record, now, seq } = await engine.begin({ ...rest, snapshot: JSON.stringify(snapshot) });
  const { runId, incarnation } = record;
  // An engine may have repeated it, and have found what the first time has begun.
  const existed = incarnation !== beginning.record.incarnation;
  const started = { id: runId, runId, incarnation, existed };
  if (existed && !isOf(workflow, record)) throw new RunExistsError(runId, record.workflow, record.version);
  if (isFinished(record.status) || seq > 0) return started;
  const begun = existed ? await begunWith(engine, runId) : snapshot;
  if (begun === undefined) return started;
  const { id, version, plan, merges, graph } = workflow;
  if (begun.graph !== undefined && begun.graph !== graph) throw new WorkflowChangedError(id, version, '', runId);
  const { ledger } = new Replica({ plan, runKey: keyOf(runId), incarnation, codec, merges }, begun);
  const items = [...ledger.values()].map((item) => jobOf(item, record, now, record.startAt - now));
  await engine.queue.enqueue([...deadlineJobsOf(record, now), ...items]);
  return started;
}

/** Versions up to 0.6 gave another version to a workflow whose author gives none. */
function isOf({ id, version, versionBefore }: KnownWorkflow, record: RunRecord): boolean {
  return record.workflow === id && (record.version === version || record.version === versionBefore);
}

/** What a run has begun with, if nothing has happened in it since. */
async function begunWith(engine: Engine, runId: string): Promise<SavedReplica | undefined> {
  const tail = await engine.checkpointStore.read(runId);
  return tail === undefined || tail.seq > 0 ? undefined : snapshotOf(tail);
}
