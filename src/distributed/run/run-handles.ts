import { outlineOf } from '../../flow/plan/index.js';
import type { Engine, Job, JournalTail } from '../contracts.js';
import { RunNotFoundError, WorkflowChangedError, WorkflowNotFoundError } from '../errors.js';
import { isFor } from '../journal/incarnation.js';
import { pagesOf } from '../journal/pages.js';
import { isFinished } from '../run-info.js';
import { differenceFrom, workflowFrom } from '../workflows/blueprint-text.js';
import type { KnownWorkflow, Workflows } from '../workflows/workflows.js';
import { RunHandle } from './run-handle.js';

/** Milliseconds for which a run is used after it was read before it is read again. */
const freshFor = 10;

/** Maximum number of runs that are kept in memory while no job uses them. */
const mostIdle = 500;

/** Callbacks for problems with the runs that a worker uses. */
export interface RunHandlesListener {
  /** Called with an error of the engine that is handled, for instance by a retry. */
  onTrouble(error: unknown, runId: string): void;
  /** Called when a run that is being executed here was removed, and another run was started under its id. */
  onReplaced(handle: RunHandle): void;
}

/** The runs that a worker uses. Each run is read once, shared by its jobs, and kept up to date while it is in use. */
export class RunHandles {
  readonly #used = new Map<string, { readonly handle: RunHandle; users: number }>();
  readonly #idle = new Map<string, RunHandle>();
  readonly #opening = new Map<string, Promise<RunHandle>>();

  constructor(
    private readonly engine: Engine,
    private readonly workflows: Workflows,
    private readonly listener: RunHandlesListener,
  ) {}

  /** The runs that are currently used by at least one job. */
  get used(): RunHandle[] {
    return [...this.#used.values()].map(({ handle }) => handle);
  }

  /**
   * Returns the run of a job, with its journal read at least up to the `seq` of the job. The caller must release the
   * run.
   *
   * @throws {RunNotFoundError} for a run that is unknown, or was replaced by another run under its id
   * @throws {WorkflowNotFoundError} for a run of a workflow that is not known here
   */
  async acquire(job: Pick<Job, 'runId' | 'seq' | 'incarnation'>): Promise<RunHandle> {
    const { runId, seq, incarnation } = job;
    const before = this.#known(runId);
    const known = before !== undefined && isFor(incarnation, before) ? before : undefined;
    const opened = known === undefined ? await this.#opened(runId, incarnation) : undefined;
    const handle = this.#use(known ?? (opened as RunHandle));
    if (handle === opened && handle.seq >= seq) return handle;
    try {
      const isRecent = !isFinished(handle.status) && handle.clock.age < freshFor;
      if (handle.seq < seq || !isRecent) await handle.refresh();
      // The first refresh may have joined a read that started before the entry was committed.
      if (handle.seq < seq) await handle.refresh();
      return handle;
    } catch (error) {
      this.release(handle);
      if (!(error instanceof RunNotFoundError)) throw error;
      this.#drop(handle);
      // Another run may have been started under the id, so that run is opened.
      return this.acquire(job);
    }
  }

  release(handle: RunHandle): void {
    const { runId } = handle;
    const used = this.#used.get(runId);
    if (used?.handle !== handle || --used.users > 0) return;
    this.#used.delete(runId);
    if (isFinished(handle.status)) return;
    this.#idle.set(runId, handle);
    const [oldest] = this.#idle.keys();
    if (this.#idle.size > mostIdle) this.#idle.delete(oldest as string);
  }

  /** Drops an idle run that has ended, because another run may be started under its id. */
  forget(runId: string): void {
    this.#idle.delete(runId);
  }

  #known(runId: string): RunHandle | undefined {
    return this.#used.get(runId)?.handle ?? this.#idle.get(runId);
  }

  /** Counts a user of a run. If the run is already in use, returns the handle that its other users share. */
  #use(handle: RunHandle): RunHandle {
    const { runId } = handle;
    const used = this.#used.get(runId);
    if (used !== undefined && used.handle.incarnation === handle.incarnation) {
      used.users++;
      return used.handle;
    }
    if (used !== undefined) this.#drop(used.handle);
    this.#used.set(runId, { handle, users: 1 });
    this.#idle.delete(runId);
    return handle;
  }

  /** Drops a run that was removed or replaced. Reports the run, so that executions of its nodes are aborted. */
  #drop(handle: RunHandle): void {
    const { runId } = handle;
    if (this.#idle.get(runId) === handle) this.#idle.delete(runId);
    if (this.#used.get(runId)?.handle !== handle) return;
    this.#used.delete(runId);
    this.listener.onReplaced(handle);
  }

  /**
   * Opens the run of the given incarnation. A shared read may have started too early and returned the previous run with
   * this id.
   */
  async #opened(runId: string, incarnation: number | undefined): Promise<RunHandle> {
    const shared = await this.#open(runId);
    const handle = isFor(incarnation, shared) ? shared : await this.#read(runId);
    if (!isFor(incarnation, handle)) throw new RunNotFoundError(runId);
    return handle;
  }

  #open(runId: string): Promise<RunHandle> {
    const known = this.#opening.get(runId);
    if (known !== undefined) return known;
    const opening = this.#read(runId).finally(() => this.#opening.delete(runId));
    this.#opening.set(runId, opening);
    return opening;
  }

  async #read(runId: string): Promise<RunHandle> {
    const handle = await openRun(this.engine, this.workflows, runId);
    handle.onTrouble = (error) => this.listener.onTrouble(error, runId);
    return handle;
  }
}

/** A lookup for workflows whose code is not known here, such as the graphs on the engine. */
export interface Elsewhere {
  find(id: string, version: string): Promise<KnownWorkflow | undefined>;
}

/**
 * Opens a run: reads its record and its whole journal.
 *
 * @param elsewhere - the lookup for workflows that are not known here. Default: none, so the run of such a workflow
 *   cannot be opened
 * @throws {RunNotFoundError} for an unknown run
 * @throws {WorkflowNotFoundError} for a run whose workflow is known neither here nor elsewhere
 * @throws {WorkflowChangedError} for a run that was started with a different graph from the one known here
 */
export async function openRun(
  engine: Engine,
  workflows: Workflows,
  runId: string,
  elsewhere?: Elsewhere,
): Promise<RunHandle> {
  let handle: RunHandle | undefined;
  for await (const page of pagesOf(engine.checkpointStore, runId)) {
    if (handle === undefined) handle = await openAt(engine, workflows, page, elsewhere);
    else handle.takeIn(page);
  }
  if (handle === undefined) throw new RunNotFoundError(runId);
  return handle;
}

/** Opens a run from the first page of its journal. */
async function openAt(
  engine: Engine,
  workflows: Workflows,
  first: JournalTail,
  elsewhere: Elsewhere | undefined,
): Promise<RunHandle> {
  const { workflow, version } = first.record;
  const known = workflows.find(workflow, version) ?? (await elsewhere?.find(workflow, version));
  if (known === undefined) throw new WorkflowNotFoundError(workflow, version, workflows.names);
  try {
    return RunHandle.over(engine, workflows, known, first);
  } catch (error) {
    if (!(error instanceof WorkflowChangedError)) throw error;
    return openChanged(engine, workflows, known, first, elsewhere !== undefined);
  }
}

/**
 * Opens a run that was started with a different graph from the one known here under its version. Uses the graph on the
 * engine if the run was started with that graph.
 *
 * @param mayLackCode - if true, the graph is enough. If false, the run is to be executed and needs the code
 * @throws {WorkflowChangedError} if the code is needed, or the graph is not on the engine; the message names the
 *   difference
 */
async function openChanged(
  engine: Engine,
  workflows: Workflows,
  { id, version, plan }: KnownWorkflow,
  tail: JournalTail,
  mayLackCode: boolean,
): Promise<RunHandle> {
  const { runId, version: begun } = tail.record;
  const text = await engine.workflowStore.get(id, begun);
  const difference = text === undefined ? undefined : differenceFrom(text, outlineOf(plan));
  // The graph on the engine may have been replaced. In that case the graph of the run is unknown.
  if (text === undefined || difference === undefined) throw new WorkflowChangedError(id, version, '', runId);
  if (!mayLackCode) throw new WorkflowChangedError(id, version, difference, runId);
  return RunHandle.over(engine, workflows, workflowFrom(text, id, begun, workflows.toolbox), tail);
}
