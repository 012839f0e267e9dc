import { outlineOf } from '../../flow/plan/index.js';
import type { Engine, Job, JournalTail } from '../contracts.js';
import { RunNotFoundError, WorkflowChangedError, WorkflowNotFoundError } from '../errors.js';
import { isFor } from '../journal/incarnation.js';
import { pagesOf } from '../journal/pages.js';
import { isFinished } from '../run-info.js';
import { differenceFrom, workflowFrom } from '../workflows/blueprint-text.js';
import type { KnownWorkflow, Workflows } from '../workflows/workflows.js';
import { RunHandle } from './run-handle.js';

/** How long what is known of a run may be taken for what there is, in milliseconds. */
const freshFor = 10;

/** How many runs are kept in memory that nothing is done for at the moment. */
const mostIdle = 500;

/** What is reported of the runs that a worker has to do with. */
export interface RunHandlesListener {
  /** A failure of the engine that is dealt with. */
  onTrouble(error: unknown, runId: string): void;
  /** A run that is executed here is gone: another has begun under its id. */
  onReplaced(handle: RunHandle): void;
}

/** The runs that a worker has to do with: each is read once, and kept up to date while it is used. */
export class RunHandles {
  readonly #used = new Map<string, { readonly handle: RunHandle; users: number }>();
  readonly #idle = new Map<string, RunHandle>();
  readonly #opening = new Map<string, Promise<RunHandle>>();

  constructor(
    private readonly engine: Engine,
    private readonly workflows: Workflows,
    private readonly listener: RunHandlesListener,
  ) {}

  /** Those in use. */
  get used(): RunHandle[] {
    return [...this.#used.values()].map(({ handle }) => handle);
  }

  /**
   * The run of a job as of now, its journal at least as far as the job knows it. It is to be released.
   *
   * @throws {RunNotFoundError} for a run that is unknown, or that another has followed under its id
   * @throws {WorkflowNotFoundError} for a run of a workflow that is not known here
   */
  async acquire(job: Pick<Job, 'runId' | 'seq' | 'incarnation'>): Promise<RunHandle> {
    const { runId, seq, incarnation } = job;
    const before = this.#known(runId);
    const known = before !== undefined && isFor(incarnation, before) ? before : undefined;
    const opened = known === undefined ? await this.#opened(runId, incarnation) : undefined;
    const handle = this.#use(known ?? (opened as RunHandle));
    if (handle === opened && handle.replica.seq >= seq) return handle;
    try {
      const isRecent = !isFinished(handle.status) && handle.clock.age < freshFor;
      if (handle.replica.seq < seq || !isRecent) await handle.refresh();
      // It took part in a reading that had begun before there was so much to read.
      if (handle.replica.seq < seq) await handle.refresh();
      return handle;
    } catch (error) {
      this.release(handle);
      if (!(error instanceof RunNotFoundError)) throw error;
      this.#drop(handle);
      // Another may have begun under its id.
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

  /** A run is over: another may begin under its id. */
  forget(runId: string): void {
    this.#idle.delete(runId);
  }

  #known(runId: string): RunHandle | undefined {
    return this.#used.get(runId)?.handle ?? this.#idle.get(runId);
  }

  /** Counts a user of a run that was read. Where it is in use already, that handle serves all. */
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

  /** The run is gone: what is executed of it counts no more. */
  #drop(handle: RunHandle): void {
    const { runId } = handle;
    if (this.#idle.get(runId) === handle) this.#idle.delete(runId);
    if (this.#used.get(runId)?.handle !== handle) return;
    this.#used.delete(runId);
    this.listener.onReplaced(handle);
  }

  /** A reading that had begun before the job was queued may be of the run before. */
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

/** Where workflows are looked up that are not known here. */
export interface Elsewhere {
  find(id: string, version: string): Promise<KnownWorkflow | undefined>;
}

/**
 * Reads a run from its start.
 *
 * @param elsewhere - Default: a run of a workflow that is not known here cannot be opened
 * @throws {RunNotFoundError} for a run that is unknown
 * @throws {WorkflowNotFoundError} for a run of a workflow that is not known here, nor elsewhere
 * @throws {WorkflowChangedError} for a run that has begun with another graph than is known here
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

/** Opens a run at the first page of its journal. */
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
 * Opens a run that has begun with another graph than is known here under its version, through the graph on the engine, if
 * that is the one.
 *
 * @throws {WorkflowChangedError} that says what differs, if the code is needed, or the graph is not on the engine
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
  // What is on the engine may have been replaced: then nothing is known of what the run has begun with.
  if (text === undefined || difference === undefined) throw new WorkflowChangedError(id, version, '', runId);
  if (!mayLackCode) throw new WorkflowChangedError(id, version, difference, runId);
  return RunHandle.over(engine, workflows, workflowFrom(text, id, begun, workflows.toolbox), tail);
}
