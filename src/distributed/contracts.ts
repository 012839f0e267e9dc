import type { CheckpointStore as FlowCheckpointStore } from '../flow/index.js';
import type { CloseOptions } from '../shared/closing.js';
import type { RunCounts, RunCursor, RunQuery, RunRecord, RunStatus } from './run-info.js';

/**
 * The contracts of an engine: a queue, the stores that a fleet shares, and two atomic operations, `begin` and `commit`.
 * To write a custom engine, import these types from `orchestrator/distributed/engine` and run the conformance suite of
 * `orchestrator/distributed/testing` against your implementation.
 *
 * Terms:
 *
 * - A **run** is a journal: a list of entries in the order in which they were committed. The ready nodes, the
 *   failures and the context of a run are all derived from its journal. To an engine, entries are plain text.
 * - A **work item** is a node that is ready to be executed, or that has to be checked again later.
 * - A **job** is what the queue delivers. It carries one work item at a time: when an item has ended, the job may
 *   continue with an item that follows from it.
 *
 * Ids and texts come from users and may contain any character. An engine must never let them become part of a query, a
 * script or a key's syntax. An operation that cannot reach the engine rejects with `EngineError` after a bounded time.
 */

/**
 * A job for the queue, which `enqueue` takes. All fields survive a round trip through JSON. A worker queues the job of
 * a work item whenever it finds the job missing, so the queue must treat jobs with equal ids as one job.
 */
export interface Job {
  /**
   * The id: at most 200 characters of `[0-9A-Za-z_.-]`. Deterministic: a work item gets the same job id on every
   * machine.
   */
  readonly id: string;
  readonly runId: string;
  /**
   * The incarnation of the run, which distinguishes it from other runs that have had the same id. Undefined in jobs
   * queued by versions up to 0.7, and in jobs of runs that those versions started.
   */
  readonly incarnation?: number | undefined;
  /** `node`: execute nodes. `wake`: end a wait whose time has come. `timeout`: cancel the run at its deadline. */
  readonly kind: 'node' | 'wake' | 'timeout';
  /**
   * The number of the run's last entry when the job was created. A worker must read the journal at least up to this
   * entry.
   */
  readonly seq: number;
  /** The priority: a whole number from 0, which goes first, to 2097151. */
  readonly priority: number;
  /** Milliseconds before the job is delivered, at least 0. */
  readonly delay: number;
}

/**
 * A job that the queue has handed to a worker. The worker holds the job until the handler settles, and renews its lock
 * in the meantime. A job whose lock expires is delivered to another worker.
 */
export interface Delivery {
  readonly job: Omit<Job, 'delay'>;
  /**
   * Number of times that the queue took the job back from a worker that had died or lost its lock. 0 for the first
   * delivery. The queue cannot tell death from a lost lock; workers correct the number with
   * `WorkItemStateStore.takeBackCrash`.
   */
  readonly crashes: number;
  /** Aborts when the queue has taken the job back from this worker. By then, another worker may hold the job. */
  readonly signal: AbortSignal;
}

/**
 * The answer of a handler. `done` removes the job from the queue. `{ delay }` gives the job back, and the queue
 * delivers it again after `delay` milliseconds.
 */
export type Disposition = 'done' | { readonly delay: number };

/**
 * Handles one job, and returns what the queue does with the job afterwards. If the handler rejects, the queue calls
 * `onError` of the `ConsumeOptions` and delivers the job again one second later.
 */
export type Handler = (delivery: Delivery) => Promise<Disposition>;

/**
 * Options of `WorkQueue.consume`: the number of jobs that a worker takes from the queue, the time for which it may hold
 * them without renewing their locks, and a callback for errors.
 */
export interface ConsumeOptions {
  /** Maximum number of jobs that are handled at the same time. */
  readonly concurrency: number;
  /**
   * Milliseconds for which a job stays locked without a renewal. Afterwards the queue gives the job to another worker.
   */
  readonly lockDuration: number;
  readonly workerId: string;
  /**
   * Returns the time by the worker's estimate of the engine's clock, in epoch milliseconds. Used by queues whose server
   * does not measure time itself. Default: the clock of this machine.
   */
  readonly now?: (() => number) | undefined;
  /** Called with an error for each lost connection and each rejection of the handler. */
  readonly onError: (error: unknown) => void;
}

/**
 * A worker's connection to the queue, which `WorkQueue.consume` opens. It takes jobs and renews their locks until it is
 * closed. A worker calls `close` for a graceful stop, and `terminate` if `close` takes too long.
 */
export interface Consumer {
  /**
   * If true, the queue locks and delivers jobs by the engine's clock, regardless of the clock of this machine. If
   * false, a worker whose clock is wrong takes no work. Default: false.
   */
  readonly byEngineClock?: boolean | undefined;
  /** Stops taking jobs. Jobs that are being handled continue. */
  pause(): Promise<void>;
  /** Starts taking jobs again after `pause`. */
  resume(): Promise<void>;
  /** Stops taking jobs, waits until no job is being handled, and disconnects from the queue. */
  close(): Promise<void>;
  /**
   * Disconnects at once. When the locks of the jobs that were being handled expire, the queue gives the jobs to other
   * workers.
   */
  terminate(): Promise<void>;
}

/**
 * The state of a job in the queue:
 *
 * - `waiting`: ready to be delivered;
 * - `delayed`: its delay has not passed;
 * - `active`: a worker is handling it;
 * - `absent`: done, removed, or never queued.
 */
export type JobState = 'waiting' | 'delayed' | 'active' | 'absent';

/**
 * A queue that delivers each job at least once. A job whose worker dies is delivered again when the worker's lock
 * expires. A second delivery does no harm, because the journal records what a job has done to its run.
 */
export interface WorkQueue {
  /** The engine to which the queue belongs. */
  readonly engine: Engine;
  /** Adds either all of the jobs or none. A job whose id is already in the queue is left unchanged. */
  enqueue(jobs: readonly Job[]): Promise<void>;
  /**
   * Takes jobs and passes them to `handler` until the consumer is closed. Jobs of priority 0 are delivered first. Jobs
   * of equal priority are delivered in the order in which they were added.
   */
  consume(handler: Handler, options: ConsumeOptions): Promise<Consumer>;
  /** Removes the given jobs of a run, except for jobs that a worker is currently handling. */
  purgeRun(runId: string, jobIds: readonly string[]): Promise<void>;
  /** Returns the state of each job, in the order of the ids. */
  statesOf(jobIds: readonly string[]): Promise<readonly JobState[]>;
  /**
   * Counts the jobs in the queue by state.
   *
   * @param onError - see `ShardSet`
   */
  depth(onError?: OnShardError): Promise<Readonly<Record<Exclude<JobState, 'absent'>, number>>>;
}

/**
 * A run to be started, which `Engine.begin` takes. The engine adds the times by its own clock: `createdAt` and
 * `updatedAt`, `startAt` from the delay, and `deadline` from the timeout.
 */
export interface NewRun {
  /**
   * The first record of the run. Its `incarnation` differs from the incarnation of every earlier run with this id. The
   * engine stores the incarnation and returns it with the record.
   */
  readonly record: Omit<RunRecord, 'createdAt' | 'updatedAt' | 'startAt' | 'deadline' | 'finishedAt'>;
  /** Milliseconds from now to the start of the run, at least 0. */
  readonly delay: number;
  /** Milliseconds from the start of the run to its deadline. Default: no deadline. */
  readonly timeout: number | undefined;
  /** The first snapshot of the run, from which its journal continues. */
  readonly snapshot: string;
}

/**
 * An entry of a run's journal, as `CheckpointStore.read` and `Engine.commit` return it. The text records what has
 * happened, such as the output of a node. Engines need not parse the text.
 */
export interface JournalEntry {
  /** The number of the entry, from 1, without gaps. */
  readonly seq: number;
  /** Time of the commit by the engine's clock, in epoch milliseconds. */
  readonly time: number;
  readonly text: string;
}

/**
 * The answer of `CheckpointStore.read`: the record of a run, and its journal after the last entry that the caller knew.
 * If these entries have been compacted, the answer starts from the snapshot instead.
 */
export interface JournalTail {
  readonly record: RunRecord;
  /** The engine's clock, in epoch milliseconds. */
  readonly now: number;
  /** The number of the journal's last entry. */
  readonly seq: number;
  /**
   * The snapshot from which `entries` continue. Present if the caller asked for the whole journal, or for entries that
   * have been dropped since; otherwise undefined.
   */
  readonly snapshot: { readonly text: string; readonly seq: number } | undefined;
  /** The entries after the snapshot. If there is no snapshot, the entries after the last entry that the caller knew. */
  readonly entries: readonly JournalEntry[];
  /** If true, `maxBytes` was reached, and the answer does not contain all entries up to `seq`. Default: false. */
  readonly more?: true;
}

/**
 * Options of `CheckpointStore.read`, which limit how much of a journal one call returns. A caller that reads a long
 * journal continues after the last entry of each answer.
 */
export interface ReadOptions {
  /**
   * Approximate limit of the entries in bytes, at least 1. If the journal has entries to return, at least one entry is
   * returned, regardless of its size. Default: no limit.
   */
  readonly maxBytes?: number | undefined;
}

/**
 * An entry for a journal, and the conditions under which `Engine.commit` may add it. A commit with a `slot` and a
 * `number` is idempotent: if it is sent again after its answer was lost, the repetition is a duplicate.
 */
export interface Commit {
  readonly text: string;
  /** The statuses of the run in which the entry may be added. In any other status the entry is refused. */
  readonly during: readonly RunStatus[];
  /**
   * The subject of the entry, such as a node. The entry is added only if its `number` is higher than the number of the
   * last entry that was added for the same slot; otherwise the entry is a duplicate. Default: no such condition.
   */
  readonly slot?: string | undefined;
  /** The number within the slot: a whole number of at least 1 and below 2^53. */
  readonly number?: number | undefined;
  /**
   * The change to the run that the entry causes. Default: a scheduled run becomes running, and any other run keeps its
   * status.
   */
  readonly becomes?: RunChange | undefined;
  /** If true, the entry is refused unless it directly follows the entry `known`. Default: false. */
  readonly onlyIfNext?: boolean | undefined;
  /**
   * If true, the entry is refused unless this call has added the entry of the commit before it. An entry that is added
   * counts as directly following `known` if the entry before it does. A duplicate stays a duplicate. Default: false.
   */
  readonly withPrevious?: boolean | undefined;
  /** The change to the run if the entry directly follows the entry `known`. In that case, it replaces `becomes`. */
  readonly becomesIfNext?: RunChange | undefined;
}

/**
 * A change to a run's record, made by a commit. The engine replaces the status, the output and the error, and sets
 * `finishedAt` according to the status. A finished run that becomes active again loses its deadline.
 */
export interface RunChange {
  readonly status: RunStatus;
  /** The new output as text. Default: the record has no output. */
  readonly output?: string | undefined;
  /** The new error. Default: the record has no error. */
  readonly error?: string | undefined;
}

/**
 * The result of one commit: the number of the new entry; `duplicate` if the slot already has the same or a higher
 * number; or `refused` if the status of the run, `onlyIfNext` or `withPrevious` forbids the entry.
 */
export type Verdict = number | 'duplicate' | 'refused';

/**
 * The answer of `Engine.commit`: a verdict for each commit, the status of the run after the commits, and the entries of
 * other workers. The caller applies the entries of the other workers first, then its own.
 */
export interface CommitAnswer {
  /** A verdict for each commit, in order. The verdicts are valid only if `entries` is present. */
  readonly verdicts: readonly Verdict[];
  /** The status of the run after the commits. */
  readonly status: RunStatus;
  /** The engine's clock, in epoch milliseconds. */
  readonly now: number;
  /** The number of the journal's last entry. */
  readonly seq: number;
  /**
   * The entries after `known` that other workers had committed before this call. `undefined` if these entries have been
   * dropped or are too many for an answer. In that case nothing was committed, and the caller must read the run and
   * commit again.
   */
  readonly entries: readonly JournalEntry[] | undefined;
}

/**
 * Stores journals of two kinds: journals of a fleet's runs, and journals of flows that run in one process. The latter
 * are saved through the methods inherited from the flow layer.
 */
export interface CheckpointStore extends FlowCheckpointStore {
  readonly engine: Engine;
  /**
   * Reads the record and the journal of a fleet's run.
   *
   * @param after - the number of the last entry that the caller knows. Default: the whole journal, from its snapshot
   * @returns `undefined` for an unknown run
   */
  read(runId: string, after?: number, options?: ReadOptions): Promise<JournalTail | undefined>;
  /**
   * Replaces the snapshot of a journal. Entries up to `seq` may be dropped. Does nothing if the stored snapshot is
   * later.
   *
   * @param incarnation - the incarnation of the intended run; a later run under the same id is not changed. Default:
   *   the run that currently has the id
   */
  compact(runId: string, snapshot: string, seq: number, incarnation?: number): Promise<void>;
}

/**
 * Finds and removes runs. Only `Engine.begin` and `Engine.commit` write the records of runs, so a record always agrees
 * with its journal. Lists of runs are ordered by time of creation, then by id.
 */
export interface RunInfoStore {
  readonly engine: Engine;
  /** Returns the record of a run, or `undefined` for an unknown run. */
  getRun(runId: string): Promise<RunRecord | undefined>;
  /** Returns the status of each run, in the order of the ids; `undefined` for an unknown run. */
  getStatuses(runIds: readonly string[]): Promise<readonly (RunStatus | undefined)[]>;
  /**
   * Returns up to `query.limit` runs, ordered by time of creation, then by id.
   *
   * @param onError - see `ShardSet`
   */
  listRuns(query: RunQuery, onError?: OnShardError): Promise<readonly RunRecord[]>;
  /**
   * Counts runs by status. A status that no run has is counted as 0. Called often, so it must be cheap.
   *
   * @param onError - see `ShardSet`
   */
  countRuns(onError?: OnShardError): Promise<RunCounts>;
  /**
   * Removes everything that is stored about a run. Does nothing for an unknown run.
   *
   * @param incarnation - the incarnation of the intended run. A later run under the same id is not removed, for
   *   example if the call is late. Default: the run that currently has the id
   */
  deleteRun(runId: string, incarnation?: number): Promise<void>;
  /** Returns up to `limit` finished runs whose retention has passed. */
  listExpired(limit: number): Promise<readonly ExpiredRun[]>;
  /**
   * Returns the idle runs of one page of the active runs (scheduled, running, awaiting, paused), in order of creation,
   * then of id. The cost of a call must depend only on `limit`, not on the number of runs.
   *
   * @param milliseconds - a run is idle if its start and its last commit are at least this long ago
   * @param limit - the length of the page in runs, at least 1. The page may leave out runs that cannot be idle yet
   * @param after - the cursor of the previous page. Default: the first page
   * @returns the idle runs of the page: all, some or none of its runs
   */
  listIdle(milliseconds: number, limit: number, after?: RunCursor): Promise<IdlePage>;
}

/**
 * A finished run whose retention has passed, as `RunInfoStore.listExpired` returns it. Pass the incarnation to
 * `deleteRun`, so that a later run under the same id is not removed by mistake.
 */
export type ExpiredRun = Pick<RunRecord, 'runId' | 'incarnation'>;

/**
 * The answer of `RunInfoStore.listIdle`: the idle runs of one page of the active runs, and a cursor for the next page.
 * A page without idle runs has an empty list, but may still have a cursor.
 */
export interface IdlePage {
  /** The ids of the idle runs, in the order of the page. */
  readonly runIds: readonly string[];
  /** The last run of the page; `undefined` if no page follows. */
  readonly cursor: RunCursor | undefined;
}

/**
 * A workflow in one of its versions, as `WorkflowStore.list` and `DistributedOrchestrator.listWorkflows` return it. A
 * run keeps the version with which it was started.
 */
export interface WorkflowVersion {
  readonly id: string;
  /** The version that the author set, or a hash of the workflow's nodes and edges. */
  readonly version: string;
}

/**
 * The graphs of workflows as data. With them, a program that lacks the workflows' code can list, draw and control runs.
 * Orchestrators and workers store the graphs of the workflows that they know. No graph is ever removed.
 */
export interface WorkflowStore {
  readonly engine: Engine;
  /** Stores a blueprint as text, and replaces an earlier blueprint of the same id and version. Idempotent. */
  put(id: string, version: string, blueprint: string): Promise<void>;
  /** Returns the stored text, or `undefined` for an unknown workflow. */
  get(id: string, version: string): Promise<string | undefined>;
  /** Returns all workflows and versions, in the order in which they were first stored. */
  list(): Promise<readonly WorkflowVersion[]>;
}

/**
 * A step in the history of a run's context: the keys that a commit has set and removed. The layers of a run, applied in
 * order, produce its context.
 */
export interface ContextLayer {
  /** The keys that were set, with their values as text. */
  readonly set: Readonly<Record<string, string>>;
  readonly removed: readonly string[];
}

/**
 * Reads the contexts of runs: the data that the nodes of a run share. `derivedStores` makes this store from the
 * journals, so an engine need not implement it.
 */
export interface ContextStore {
  readonly engine: Engine;
  /**
   * Returns the initial context of the run, followed by the changes of each commit, in order. `undefined` for an
   * unknown run.
   */
  getContext(runId: string): Promise<readonly ContextLayer[] | undefined>;
}

/**
 * A committed execution of a node, as `RunMetrics.steps` lists it. A node has several executions if it is retried,
 * waits for an event, or is part of a loop.
 */
export interface StepMetrics {
  readonly nodeId: string;
  /** The number of the visit, from 1. It is increased each time that a loop of the graph returns to the node. */
  readonly visit: number;
  /** The number of the attempt within the visit, from 1. */
  readonly attempt: number;
  /** `retrying`: failed, and will be retried. `awaiting`: waits for an event or a time. */
  readonly status: 'completed' | 'failed' | 'retrying' | 'awaiting';
  readonly workerId: string;
  /** Time of the commit by the engine's clock, in epoch milliseconds. */
  readonly time: number;
  /** Duration of the execution, in milliseconds. */
  readonly duration: number;
}

/**
 * Counts and durations of a run's executions, as `DistributedOrchestrator.metrics` returns them. Each execution counts
 * once, in the commit that recorded its result, however often its job was delivered.
 */
export interface RunMetrics {
  /** Number of committed executions, of any status. */
  readonly attempts: number;
  readonly completed: number;
  readonly failed: number;
  readonly retries: number;
  /** Sum of the durations of all executions, in milliseconds. */
  readonly busyTime: number;
  /** The last executions in order, at most 1000. */
  readonly steps: readonly StepMetrics[];
}

/**
 * Reads the metrics of runs. `derivedStores` makes this store from the journals, so an engine need not implement it,
 * and the metrics always agree with the journals.
 */
export interface MetricsStore {
  readonly engine: Engine;
  /** Returns the metrics of a run, or `undefined` for an unknown run. */
  getMetrics(runId: string): Promise<RunMetrics | undefined>;
}

/**
 * A failure of a node, as `ErrorStore.getErrors` returns it. `DistributedOrchestrator.errors` returns the same failures
 * with the error decoded. A node that is retried has a record for each failed attempt.
 */
export interface ErrorRecord {
  readonly nodeId: string;
  /** The number of the node's visit, from 1. */
  readonly visit: number;
  /** The number of the attempt that failed, from 1. */
  readonly attempt: number;
  /** The error as text, written by the serializer of the worker. */
  readonly error: string;
  /** If true, the node has failed with this error. If false, the node is retried. */
  readonly isFinal: boolean;
  readonly workerId: string;
  /** Time at which the failure was committed, by the engine's clock, in epoch milliseconds. */
  readonly time: number;
}

/**
 * Reads the failures of runs. `derivedStores` makes this store from the journals, so an engine need not implement it,
 * and no failure is counted twice.
 */
export interface ErrorStore {
  readonly engine: Engine;
  /** Returns the last failures of a run in order, at most 1000. `undefined` for an unknown run. */
  getErrors(runId: string): Promise<readonly ErrorRecord[] | undefined>;
}

/**
 * A worker's report about itself: its current work, its past work, and its machine. `DistributedWorker.health()`
 * returns the report, and each heartbeat sends it to the engine.
 */
export interface WorkerReport {
  readonly workerId: string;
  /** `retrying`: every job that the worker holds is a retry. `stopping`: `stop()` or `close()` was called. */
  readonly status: 'idle' | 'in-progress' | 'retrying' | 'stopping';
  /** Maximum number of jobs that the worker handles at the same time. */
  readonly concurrency: number;
  /** Number of jobs that the worker is currently handling. */
  readonly active: number;
  /** Number of executions that have completed since the worker started. */
  readonly completed: number;
  /** Number of executions that have failed permanently since the worker started. */
  readonly failed: number;
  /** Number of executions that have failed and been retried since the worker started. */
  readonly retried: number;
  /** Time at which the worker started, by its own clock, in epoch milliseconds. */
  readonly startedAt: number;
  readonly host: string;
  readonly pid: number;
  /** The worker's workflows, as id and version. */
  readonly workflows: readonly string[];
  /** Milliseconds without a report after which the worker is considered dead. */
  readonly expectedWithin: number;
}

/**
 * The last report of a worker, with its age. `DistributedOrchestrator.listWorkerHealth` returns the reports of all
 * workers of the fleet, including workers that died within the last day.
 */
export interface WorkerHealth extends WorkerReport {
  /** Milliseconds since the report, by the engine's clock. */
  readonly age: number;
  /** If true, the report is younger than `expectedWithin`. */
  readonly alive: boolean;
}

/**
 * Records which workers are alive. Each worker sends a report at every heartbeat, and removes itself when it stops. A
 * worker that dies stays listed until its last report is a day old.
 */
export interface LivenessStore {
  readonly engine: Engine;
  /**
   * Records a worker's report. The engine dates the report by its own clock, because the clocks of workers may be
   * wrong.
   *
   * @returns the engine's clock, in epoch milliseconds
   */
  heartbeat(report: WorkerReport): Promise<number>;
  /** Removes a worker that has stopped or is to be forgotten. */
  remove(workerId: string): Promise<void>;
  /**
   * Returns the last report of each worker. A report is kept for one day.
   *
   * @param onError - see `ShardSet`
   */
  list(onError?: OnShardError): Promise<readonly WorkerHealth[]>;
}

/**
 * A node that a worker has been executing for longer than a quarter of a second and is still executing. Shorter
 * executions are never recorded.
 */
export interface WorkItemState {
  readonly nodeId: string;
  /** The number of the node's visit, from 1. */
  readonly visit: number;
  /** The number of the attempt, from 1. */
  readonly attempt: number;
  readonly workerId: string;
  /** The incarnation of the run. Undefined for a run that was started by a version up to 0.7. */
  readonly incarnation?: number | undefined;
  /** Time at which the execution started, by the worker's clock, in epoch milliseconds. */
  readonly startedAt: number;
}

/**
 * Records which nodes are being executed. These states are for display only: nothing depends on them. Also counts the
 * workers that died while they executed a work item, so that an item that kills its workers can be failed.
 */
export interface WorkItemStateStore {
  readonly engine: Engine;
  /**
   * Records that work items are being executed. Does nothing for a run that is finished or unknown. A commit that ends
   * a run, with any status, removes the run's states.
   */
  setStates(
    states: readonly { readonly runId: string; readonly item: string; readonly state: WorkItemState }[],
  ): Promise<void>;
  /** Removes the states of work items that are no longer being executed. */
  clearStates(items: readonly { readonly runId: string; readonly item: string }[]): Promise<void>;
  /** Returns the states of a run's work items. */
  getStates(runId: string): Promise<readonly WorkItemState[]>;
  /**
   * Counts a crash for a work item: a worker died while it executed the item.
   *
   * @param item - the work item: a text of at least one character
   * @param crash - the id of the crash. Each crash counts only once, even if it is reported for another item. A crash
   *   that was taken back is not counted
   * @returns the number of crashes counted for the item
   */
  countCrash(runId: string, item: string, crash: string): Promise<number>;
  /**
   * Takes a crash back, because the worker that seemed dead is alive. From then on, the crash counts for no item,
   * regardless of whether it was counted before or is counted later. Does nothing for a run that is completed or
   * unknown.
   */
  takeBackCrash(runId: string, crash: string): Promise<void>;
}

/**
 * A notification that the status of a run has changed, which `Engine.subscribe` passes to its listeners. A notification
 * may be lost or arrive late, so the record of the run is authoritative.
 */
export interface StatusChange {
  readonly runId: string;
  /** The new status. */
  readonly status: RunStatus;
}

/**
 * Called with an error for each shard that does not answer. The answer then lacks what this shard has. Engines without
 * shards need no such parameter.
 */
export type OnShardError = (error: Error) => void;

/**
 * The shards of an engine that consists of several engines, as `shards([...])` returns it. Each run is on one shard. An
 * orchestrator finds the shard of a run, and then calls this shard. A worker serves each shard by itself.
 *
 * A question about all runs, jobs or workers goes to all shards. If a shard does not answer, the call rejects, unless
 * it was given an `onError`.
 */
export interface ShardSet {
  /** The shards, in the order of their positions. */
  readonly all: readonly Engine[];
  /**
   * Returns the shard that has a run. If no shard has the run, returns the shard on which it would be started.
   *
   * @throws {EngineError} if a shard that may have the run does not answer
   */
  of(runId: string): Promise<Engine>;
  /**
   * Returns the shard on which to start a run: the shard that has the run already, or else the shard for new runs with
   * this id.
   *
   * @param runId - default: a new id, for which a shard that answers is chosen
   * @throws {EngineError} if a shard that may have the run does not answer; for a new id, if no shard answers
   */
  forStart(runId?: string): Promise<{ readonly engine: Engine; readonly runId: string }>;
}

/**
 * The queue and the stores of a fleet, with the operations that are atomic across them. Created by `memory()`,
 * `pglite(directory)`, `postgres(url)` and `redis(url)`. Orchestrators and workers with the same engine form a fleet.
 *
 * To write a custom engine, import the types from `orchestrator/distributed/engine`. Use `derivedStores` for the stores
 * that are derived from the journals, and test the engine with the conformance suite of
 * `orchestrator/distributed/testing`.
 */
export interface Engine {
  /** The kind and address of the engine for messages, such as `redis at 127.0.0.1:6379`. Never contains a password. */
  readonly name: string;
  readonly queue: WorkQueue;
  readonly contextStore: ContextStore;
  readonly runInfoStore: RunInfoStore;
  readonly metricsStore: MetricsStore;
  readonly errorStore: ErrorStore;
  readonly livenessStore: LivenessStore;
  readonly workItemStateStore: WorkItemStateStore;
  readonly checkpointStore: CheckpointStore;
  readonly workflowStore: WorkflowStore;
  /** The shards of which the engine consists. Default: the engine is not divided. */
  readonly shards?: ShardSet | undefined;
  /**
   * Connects to the engine and migrates it if necessary. May be called any number of times, even concurrently.
   *
   * @throws {EngineError} if the engine does not answer in time; the message contains the address
   */
  open(): Promise<void>;
  /**
   * Starts a run: stores its record and its first snapshot, atomically. If a run with the id exists, nothing is
   * changed.
   *
   * @returns `existed`: if true, the run existed before this call; `record` of the run; `now`: the engine's clock, in
   *   epoch milliseconds; `seq`: the number of the journal's last entry
   */
  begin(
    run: NewRun,
  ): Promise<{ readonly existed: boolean; readonly record: RunRecord; readonly now: number; readonly seq: number }>;
  /**
   * Adds entries to the journal of a run, atomically. Each commit is judged separately, against the state in which the
   * preceding commits have left the run: see `Commit` for the conditions. If a call is repeated, commits that have a
   * `slot` add no entry twice.
   *
   * @param known - the number of the last entry that the caller knows
   * @param commits - at most 200
   * @param incarnation - the incarnation of the intended run. If another run has the id by now, the intended run is
   *   unknown. Default: the run that currently has the id, as versions up to 0.7 expect
   * @returns the verdicts, and the entries that the caller did not know; `undefined` for an unknown run. An engine that
   *   need not wait may return them without a promise
   */
  commit(
    runId: string,
    known: number,
    commits: readonly Commit[],
    incarnation?: number,
  ): Promise<CommitAnswer | undefined> | CommitAnswer | undefined;
  /**
   * Calls `listener` soon after the status of a run has changed. A notification may be lost, so callers must also poll.
   *
   * @returns a function that ends the subscription
   */
  subscribe(listener: (change: StatusChange) => void): Promise<() => void>;
  /**
   * Calls `listener` with problems that do not prevent the engine from working, such as a server that may evict runs.
   * Includes problems that were found before the call.
   *
   * @returns a function that ends the subscription
   */
  onWarning?(listener: (warning: Error) => void): () => void;
  /**
   * Closes the connections that the engine opened itself. Resolves within a bounded time, even if the server is
   * unreachable.
   *
   * @param options - `timeout`: milliseconds after which connections are cut. An engine that always closes at once
   *   may ignore the timeout. Default: 10000
   */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * An engine that `await using` closes at the end of a block. Returned by `memory()`, `pglite(directory)`,
 * `postgres(url)` and `redis(url)`.
 *
 * @example
 * await using engine = memory();
 */
export interface DisposableEngine extends Engine {
  [Symbol.asyncDispose](): Promise<void>;
}
