import type { CheckpointStore as FlowCheckpointStore } from '../flow/index.js';
import type { CloseOptions } from '../shared/closing.js';
import type { RunCounts, RunCursor, RunQuery, RunRecord, RunStatus } from './run-info.js';

/**
 * What an engine is: a queue, the stores that a fleet shares, and two operations that are atomic. Whoever writes an
 * engine of their own takes these from `orchestrator/distributed/engine`, and runs the conformance suite of
 * `orchestrator/distributed/testing` on it.
 *
 * Words. A **run** is a journal: entries in the order in which they were committed. What is ready, what has failed and
 * what the context holds follow from the journal; engines need not understand it. An **item** is a node that is ready,
 * or is to be looked at again. A **job** is what the queue delivers: it carries an item, and the items that follow from
 * it one at a time.
 *
 * All ids and texts come from users: any character may be in them, and none may become syntax. Operations that cannot
 * reach the engine reject with `EngineError` after a bounded time.
 */

/** A job as it is queued. All of it survives JSON. */
export interface Job {
  /** Of `[0-9A-Za-z_.-]`, at most 200 characters. Deterministic: the same item has the same job wherever it is made. */
  readonly id: string;
  readonly runId: string;
  /** Of the run; undefined in what versions up to 0.7 have queued, or for a run that they have begun. */
  readonly incarnation?: number | undefined;
  readonly kind: 'node' | 'wake' | 'timeout';
  /** The journal as it was when the job was made: whoever handles it has to have read so far. */
  readonly seq: number;
  /** 0 goes first. */
  readonly priority: number;
  /** Milliseconds before it is delivered, of at least 0. */
  readonly delay: number;
}

/** A job that is being handled. */
export interface Delivery {
  readonly job: Omit<Job, 'delay'>;
  /**
   * How often the job was taken back from a handler that had died or lost its lock; 0 for the first delivery. Workers tell
   * the two apart: see `takeBackCrash`.
   */
  readonly crashes: number;
  /** Aborts when the queue has taken the job back from this handler: another may have it by now. */
  readonly signal: AbortSignal;
}

/** What becomes of a job: it is done, or it goes back and is delivered again after so many milliseconds. */
export type Disposition = 'done' | { readonly delay: number };

/** Handles a job. If it rejects, the consumer's `onError` is told, and the job is delivered again a second later. */
export type Handler = (delivery: Delivery) => Promise<Disposition>;

/** How jobs are taken from the queue. */
export interface ConsumeOptions {
  /** How many jobs are handled at the same time. */
  readonly concurrency: number;
  /** For how many milliseconds a job is held without a sign of life; then another worker gets it. */
  readonly lockDuration: number;
  readonly workerId: string;
  /**
   * The engine's clock as the worker knows it, in epoch milliseconds: what a queue goes by whose server does not go by its
   * own. Default: the clock of this machine.
   */
  readonly now?: (() => number) | undefined;
  /** Told what goes wrong: connections that are lost, and each rejection of the handler. */
  readonly onError: (error: unknown) => void;
}

/** A worker's hold on the queue. */
export interface Consumer {
  /**
   * If true, jobs are taken, held and given back by the engine's clock, whatever the clock of this machine shows. Else a
   * worker whose clock is wrong takes no work. Default: false.
   */
  readonly byEngineClock?: boolean | undefined;
  /** Takes no more jobs. What is handled goes on. */
  pause(): Promise<void>;
  /** Takes jobs again. */
  resume(): Promise<void>;
  /** Resolves when nothing is handled any more, and lets go of the queue. */
  close(): Promise<void>;
  /** Lets go at once: jobs that are handled are given to others when their locks expire. */
  terminate(): Promise<void>;
}

/** How a job stands. `absent`: done, or never queued. */
export type JobState = 'waiting' | 'delayed' | 'active' | 'absent';

/** Delivers each job at least once. */
export interface WorkQueue {
  /** The engine that it is part of. */
  readonly engine: Engine;
  /** Adds jobs, all or none as far as one can see. One whose id is in the queue already changes nothing. */
  enqueue(jobs: readonly Job[]): Promise<void>;
  /** Takes jobs until the consumer is closed: those of priority 0 first, in the order in which they were added. */
  consume(handler: Handler, options: ConsumeOptions): Promise<Consumer>;
  /** Removes jobs of a run that nobody handles at the moment. */
  purgeRun(runId: string, jobIds: readonly string[]): Promise<void>;
  /** How jobs stand, in the order of the ids. */
  statesOf(jobIds: readonly string[]): Promise<readonly JobState[]>;
  /** How many jobs there are. */
  depth(): Promise<Readonly<Record<Exclude<JobState, 'absent'>, number>>>;
}

/** What a run begins with. */
export interface NewRun {
  /** With an `incarnation` that no run before has had under this id. It is kept, and given back with the record. */
  readonly record: Omit<RunRecord, 'createdAt' | 'updatedAt' | 'startAt' | 'deadline' | 'finishedAt'>;
  /** Milliseconds from now to its start, of at least 0. */
  readonly delay: number;
  /** Milliseconds from its start to its deadline. Default: none. */
  readonly timeout: number | undefined;
  /** What its journal starts from. */
  readonly snapshot: string;
}

/** One entry of a journal. */
export interface JournalEntry {
  /** From 1, without gaps. */
  readonly seq: number;
  /** When it was committed, by the engine's clock, in epoch milliseconds. */
  readonly time: number;
  readonly text: string;
}

/** What is known of a run from some point on. */
export interface JournalTail {
  readonly record: RunRecord;
  /** The engine's clock, in epoch milliseconds. */
  readonly now: number;
  /** Where the journal ends. */
  readonly seq: number;
  /** What entries start from; only where those that were asked for are not kept any more, or all were asked for. */
  readonly snapshot: { readonly text: string; readonly seq: number } | undefined;
  /** Those after the point that was asked for, else after the snapshot. */
  readonly entries: readonly JournalEntry[];
  /** If true, entries up to `seq` are missing, since no more bytes were asked for. Default: false. */
  readonly more?: true;
}

/** How much of a journal is read. */
export interface ReadOptions {
  /** About how many bytes of entries, of at least 1; one entry is given in any case. Default: all. */
  readonly maxBytes?: number | undefined;
}

/** One entry to be added, if the run allows it. */
export interface Commit {
  readonly text: string;
  /** The statuses in which it may be added. */
  readonly during: readonly RunStatus[];
  /** What it is about: it is added only if `number` is higher than the last that was added for this slot. */
  readonly slot?: string | undefined;
  /** A whole number of at least 1, below 2^53. */
  readonly number?: number | undefined;
  /** How the run stands from this entry on. Default: a run that was scheduled is running, any other stays as it is. */
  readonly becomes?: RunChange | undefined;
  /** Whether it is refused unless it is the first after `known`. Default: false. */
  readonly onlyIfNext?: boolean | undefined;
  /** How the run stands from this entry on if it is the first after `known`: nobody else was in between. */
  readonly becomesIfNext?: RunChange | undefined;
}

/** A change of how a run stands. `finishedAt` follows from the status; one that was over and goes on has no deadline any more. */
export interface RunChange {
  readonly status: RunStatus;
  readonly output?: string | undefined;
  readonly error?: string | undefined;
}

/** What became of each commit: the number of its entry, or why there is none. */
export type Verdict = number | 'duplicate' | 'refused';

/** The answer to commits. */
export interface CommitAnswer {
  readonly verdicts: readonly Verdict[];
  /** How the run stands after them. */
  readonly status: RunStatus;
  readonly now: number;
  /** Where the journal ends. */
  readonly seq: number;
  /** What others have committed since `known`. `undefined`: that is not kept any more, so the run is to be read again. */
  readonly entries: readonly JournalEntry[] | undefined;
}

/** Keeps journals: of the runs of a fleet, and of runs in process, which are saved through the methods of the flow layer. */
export interface CheckpointStore extends FlowCheckpointStore {
  readonly engine: Engine;
  /**
   * Reads a run of the fleet.
   *
   * @param after - the entry up to which it is known. Default: nothing is known
   * @returns `undefined` for a run that is unknown
   */
  read(runId: string, after?: number, options?: ReadOptions): Promise<JournalTail | undefined>;
  /**
   * Replaces what a journal starts from. Entries up to `seq` may be dropped. Does nothing where a later one is there.
   *
   * @param incarnation - of the run; nothing is done to another run under the id. Default: that of the run that is there
   */
  compact(runId: string, snapshot: string, seq: number, incarnation?: number): Promise<void>;
}

/** Finds runs. They are written by `begin` and `commit` alone, so that they never differ from their journals. */
export interface RunInfoStore {
  readonly engine: Engine;
  getRun(runId: string): Promise<RunRecord | undefined>;
  /** How runs stand, in the order of the ids; `undefined` for those that are unknown. */
  getStatuses(runIds: readonly string[]): Promise<readonly (RunStatus | undefined)[]>;
  /** Up to `limit` runs in order. Where time of creation is the same, by id. */
  listRuns(query: RunQuery): Promise<readonly RunRecord[]>;
  /** How many runs stand how: all statuses, with 0 for those that no run has. It is asked often, and has to be cheap. */
  countRuns(): Promise<RunCounts>;
  /**
   * Removes all that is kept of a run. Does nothing for a run that is unknown.
   *
   * @param incarnation - of the run that the caller means: nothing is done to another run under the id, so that an attempt
   *   that comes late removes no new run. Default: that of the run that is there
   */
  deleteRun(runId: string, incarnation?: number): Promise<void>;
  /** Up to `limit` runs that are over, and whose retention is too. */
  listExpired(limit: number): Promise<readonly ExpiredRun[]>;
  /**
   * Looks at a page of the runs that are under way (scheduled, running, awaiting, paused), in order of creation, then of
   * id. It costs as much as the page is long, however many runs there are.
   *
   * @param milliseconds - a run is idle if its start and its last commit are at least this long ago
   * @param limit - how many runs are looked at, of at least 1; runs that cannot be idle yet may be left out
   * @param after - the cursor of the page before. Default: the first page
   * @returns those of the page that are idle: all, some or none
   */
  listIdle(milliseconds: number, limit: number, after?: RunCursor): Promise<IdlePage>;
}

/** A run to be removed: it and no other that has begun under its id since. */
export type ExpiredRun = Pick<RunRecord, 'runId' | 'incarnation'>;

/** A page of the runs that are under way. */
export interface IdlePage {
  /** The ids of those that are idle, in the order of the page. */
  readonly runIds: readonly string[];
  /** The last run of the page; `undefined` if no page follows. */
  readonly cursor: RunCursor | undefined;
}

/** A workflow in one of its versions. */
export interface WorkflowVersion {
  readonly id: string;
  /** What its author says, else a hash of its nodes and edges. */
  readonly version: string;
}

/**
 * The graphs of workflows as data, so that a program that does not have their code can look at runs and act on them. Who
 * starts runs and who executes them puts what it knows; nothing is ever taken out.
 */
export interface WorkflowStore {
  readonly engine: Engine;
  /** Keeps a blueprint, in place of what was kept of this id and version before. The same once more changes nothing. */
  put(id: string, version: string, blueprint: string): Promise<void>;
  /** A blueprint, as it was put; `undefined` for one that is unknown. */
  get(id: string, version: string): Promise<string | undefined>;
  /** What there is, in the order in which each was first put. */
  list(): Promise<readonly WorkflowVersion[]>;
}

/** What the context of a run is made of. */
export interface ContextLayer {
  /** Keys that were set, as text. */
  readonly set: Readonly<Record<string, string>>;
  readonly removed: readonly string[];
}

/** The data that the nodes of a run share. */
export interface ContextStore {
  readonly engine: Engine;
  /** What the run began with, then what each commit has changed, in that order. `undefined` for a run that is unknown. */
  getContext(runId: string): Promise<readonly ContextLayer[] | undefined>;
}

/** One execution of a node. */
export interface StepMetrics {
  readonly nodeId: string;
  readonly visit: number;
  readonly attempt: number;
  readonly status: 'completed' | 'failed' | 'retrying' | 'awaiting';
  readonly workerId: string;
  /** When it was committed, in epoch milliseconds. */
  readonly time: number;
  /** How long it took, in milliseconds. */
  readonly duration: number;
}

/** What a run has cost. */
export interface RunMetrics {
  /** Executions that were committed. */
  readonly attempts: number;
  readonly completed: number;
  readonly failed: number;
  readonly retries: number;
  /** Sum of the durations, in milliseconds. */
  readonly busyTime: number;
  /** The last executions, at most 1000. */
  readonly steps: readonly StepMetrics[];
}

/** What runs have cost. */
export interface MetricsStore {
  readonly engine: Engine;
  /** `undefined` for a run that is unknown. */
  getMetrics(runId: string): Promise<RunMetrics | undefined>;
}

/** One failure, as it is kept. */
export interface ErrorRecord {
  readonly nodeId: string;
  readonly visit: number;
  readonly attempt: number;
  /** The error as text. */
  readonly error: string;
  /** Whether the node has failed with it; else it is tried again. */
  readonly isFinal: boolean;
  readonly workerId: string;
  readonly time: number;
}

/** What has gone wrong. */
export interface ErrorStore {
  readonly engine: Engine;
  /** The last failures of a run in order, at most 1000. `undefined` for a run that is unknown. */
  getErrors(runId: string): Promise<readonly ErrorRecord[] | undefined>;
}

/** What a worker says of itself. */
export interface WorkerReport {
  readonly workerId: string;
  readonly status: 'idle' | 'in-progress' | 'retrying' | 'stopping';
  readonly concurrency: number;
  /** How many jobs it handles now. */
  readonly active: number;
  /** How many executions of nodes have ended so since it started. */
  readonly completed: number;
  readonly failed: number;
  readonly retried: number;
  /** When it started, by its own clock, in epoch milliseconds. */
  readonly startedAt: number;
  readonly host: string;
  readonly pid: number;
  /** Ids of its workflows, with their versions. */
  readonly workflows: readonly string[];
  /** After how many milliseconds of silence it is to be taken for dead. */
  readonly expectedWithin: number;
}

/** A worker's last report. */
export interface WorkerHealth extends WorkerReport {
  /** Milliseconds since then, by the engine's clock. */
  readonly age: number;
  /** Whether that is less than what is expected of it. */
  readonly alive: boolean;
}

/** Which workers are there. */
export interface LivenessStore {
  readonly engine: Engine;
  /** A sign of life. It is dated by the engine, since clocks of workers may be wrong. Gives the engine's clock. */
  heartbeat(report: WorkerReport): Promise<number>;
  /** A worker has stopped as it should. */
  remove(workerId: string): Promise<void>;
  /** The last report of each worker, for a day after its last sign of life. */
  list(): Promise<readonly WorkerHealth[]>;
}

/** A node that a worker has been executing for a while. */
export interface WorkItemState {
  readonly nodeId: string;
  readonly visit: number;
  readonly attempt: number;
  readonly workerId: string;
  /** Of the run; undefined for a run that a version up to 0.7 has begun. */
  readonly incarnation?: number | undefined;
  /** By the worker's clock, in epoch milliseconds. */
  readonly startedAt: number;
}

/** What is being executed. Kept for what takes longer than a moment, so that it can be looked at; nothing depends on it. */
export interface WorkItemStateStore {
  readonly engine: Engine;
  /**
   * Records what is under way. Does nothing for a run that is over or unknown: nothing would remove it. What was recorded of a
   * run is gone when a commit ends the run, whatever as.
   */
  setStates(
    states: readonly { readonly runId: string; readonly item: string; readonly state: WorkItemState }[],
  ): Promise<void>;
  /** It is not under way any more. */
  clearStates(items: readonly { readonly runId: string; readonly item: string }[]): Promise<void>;
  /** What is under way in a run. */
  getStates(runId: string): Promise<readonly WorkItemState[]>;
  /**
   * How often workers have died while they executed an item.
   *
   * @param item - of at least one character
   * @param crash - which crash is to be added; one that was counted already, for this item or another, is not again, nor is
   *   one that was taken back
   * @returns the sum for the item
   */
  countCrash(runId: string, item: string, crash: string): Promise<number>;
  /**
   * Takes a crash back: the worker that was taken for dead lives. From then on the crash counts for no item, whether it was
   * counted before or is counted later. Does nothing for a run that is unknown or completed: nothing would remove it.
   */
  takeBackCrash(runId: string, crash: string): Promise<void>;
}

/** A run stands otherwise than before. */
export interface StatusChange {
  readonly runId: string;
  readonly status: RunStatus;
}

/** A queue, the stores of a fleet, and what is atomic over them. */
export interface Engine {
  /** What it is and where, for messages: `redis at 127.0.0.1:6379`. Without passwords. */
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
  /**
   * Makes sure that it can be used: connects, migrates. Any number of callers may call it at the same time.
   *
   * @throws {EngineError} that says where it tried, when it did not answer in time
   */
  open(): Promise<void>;
  /**
   * Begins a run, in one step: record and journal.
   *
   * @returns the run as it stands, and whether it was there before: then nothing was changed
   */
  begin(
    run: NewRun,
  ): Promise<{ readonly existed: boolean; readonly record: RunRecord; readonly now: number; readonly seq: number }>;
  /**
   * Adds entries to a journal, in one step, each if it may be; see `Commit`. Asked twice, it changes nothing the second
   * time. `undefined` for a run that is unknown.
   *
   * @param known - the entry up to which the caller knows the journal
   * @param commits - at most 200
   * @param incarnation - of the run that the caller means: where another has begun under the id, the run that is meant is
   *   unknown. Default: the run that is there, which is what versions up to 0.7 ask for
   */
  commit(
    runId: string,
    known: number,
    commits: readonly Commit[],
    incarnation?: number,
  ): Promise<CommitAnswer | undefined>;
  /**
   * Tells of runs whose status has changed, soon, and usually; nothing depends on it alone.
   *
   * @returns a function that ends it
   */
  subscribe(listener: (change: StatusChange) => void): Promise<() => void>;
  /**
   * Tells of what is wrong with the engine and does not keep it from working, such as a server that may forget runs: what was
   * found before, and what will be.
   *
   * @returns a function that ends it
   */
  onWarning?(listener: (warning: Error) => void): () => void;
  /**
   * Lets go of all connections that are its own. Resolves in bounded time, also while the server is away.
   *
   * @param options - `timeout`: after this time, in milliseconds, connections are cut. An engine that always ends at once
   *   need not look at it
   */
  close(options?: CloseOptions): Promise<void>;
}

/** An engine that `await using` closes. */
export interface DisposableEngine extends Engine {
  [Symbol.asyncDispose](): Promise<void>;
}
