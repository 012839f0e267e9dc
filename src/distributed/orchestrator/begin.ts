import type { FlowTypes, UnknownTypes } from '../../flow/index.js';
import type { Codec } from '../../flow/run/index.js';
import type { Engine, NewRun } from '../contracts.js';
import { RunExistsError, WorkflowChangedError } from '../errors.js';
import { keyOf } from '../journal/job-id.js';
import { Replica } from '../journal/replica.js';
import type { SavedReplica } from '../journal/saved-replica.js';
import { snapshotOf } from '../journal/snapshot.js';
import { deadlineJobsOf, jobsOf } from '../run/jobs.js';
import type { IdOf } from '../run-id.js';
import { isFinished, type RunRecord } from '../run-info.js';
import type { KnownWorkflow } from '../workflows/workflows.js';

/**
 * The result of `DistributedOrchestrator.start`: the id of the run, and a flag that tells a first start from a repeated
 * one.
 */
export interface StartedRun<Types extends FlowTypes = UnknownTypes> {
  readonly id: IdOf<Types>;
  /** @deprecated Since 0.9: use `id`. */
  readonly runId: string;
  /**
   * A number that distinguishes the run from earlier and later runs with the same id. `undefined` for a run that was
   * started by a version up to 0.7.
   */
  readonly incarnation: number | undefined;
  /** If true, a run with this id already existed, and nothing was started. */
  readonly existed: boolean;
}

/** A run to be started, with its workflow and its snapshot before encoding. */
export interface Beginning extends Omit<NewRun, 'snapshot'> {
  readonly workflow: KnownWorkflow;
  readonly snapshot: SavedReplica;
}

/**
 * Stores a run and queues its first jobs. A repeated start queues the first jobs again, in case the program that
 * started the run died before it queued them. The jobs have the same ids, so the queue contains each of them once.
 *
 * @throws {RunExistsError} if a run of another workflow has this id
 * @throws {WorkflowChangedError} if the existing run was started with another graph of the workflow
 */
export async function begin(engine: Engine, codec: Codec, beginning: Beginning): Promise<StartedRun> {
  const { workflow, snapshot, ...rest } = beginning;
  const { record, now, seq } = await engine.begin({ ...rest, snapshot: JSON.stringify(snapshot) });
  const { runId, incarnation } = record;
  // Incarnations are compared, because an engine that repeats `begin` may find the run that its first attempt has
  // started.
  const existed = incarnation !== beginning.record.incarnation;
  const started = { id: runId, runId, incarnation, existed };
  if (existed && !isOf(workflow, record)) throw new RunExistsError(runId, record.workflow, record.version);
  if (isFinished(record.status) || seq > 0) return started;
  const begun = existed ? await begunWith(engine, runId) : snapshot;
  if (begun === undefined) return started;
  const { id, version, plan, merges, graph } = workflow;
  if (begun.graph !== undefined && begun.graph !== graph) throw new WorkflowChangedError(id, version, '', runId);
  const { ledger } = new Replica({ plan, runKey: keyOf(runId), incarnation, codec, merges }, begun);
  const jobs = jobsOf([...ledger.values()], record, now, record.startAt - now);
  await engine.queue.enqueue([...deadlineJobsOf(record, now), ...jobs]);
  return started;
}

/**
 * Compares workflow and version. Versions up to 0.6 computed a different version for a workflow whose author sets none.
 */
function isOf({ id, version, versionBefore }: KnownWorkflow, record: RunRecord): boolean {
  return record.workflow === id && (record.version === version || record.version === versionBefore);
}

/** Returns the first snapshot of a run, or `undefined` if entries have been committed since. */
async function begunWith(engine: Engine, runId: string): Promise<SavedReplica | undefined> {
  const tail = await engine.checkpointStore.read(runId);
  return tail === undefined || tail.seq > 0 ? undefined : snapshotOf(tail);
}
