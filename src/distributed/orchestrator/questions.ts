import type { Context, WorkflowBlueprint, WorkflowResult } from '../../flow/index.js';
import type { RunMetrics, WorkerHealth, WorkflowVersion } from '../contracts.js';
import { aText as aRunId, aText } from '../engines/texts.js';
import { RunNotFoundError } from '../errors.js';
import { isFor } from '../journal/incarnation.js';
import { snapshotOf } from '../journal/snapshot.js';
import { readError, wholeState } from '../run/whole-state.js';
import { isFinished, type RunCounts, type RunFilter, type RunInfo, type RunStatus } from '../run-info.js';
import { reasonOf } from './control.js';
import type { Runs } from './runs.js';
import { errorFrom, type Liveness, type PendingWork, pendingOf, type RunError, type RunPage } from './views.js';

/** Questions about runs, workflows and workers. None of them changes anything. */
export abstract class Questions {
  readonly #runs: Runs;

  constructor(runs: Runs) {
    this.#runs = runs;
  }

  /** How a run stands. @throws {RunNotFoundError} */
  async status(runId: string): Promise<RunStatus> {
    const [status] = await this.#runs.engine.runInfoStore.getStatuses([aRunId(runId, 'runId')]);
    if (status === undefined) throw new RunNotFoundError(runId);
    return status;
  }

  /** What there is to know of a run without looking into it. @throws {RunNotFoundError} */
  async run<Output = unknown>(runId: string): Promise<RunInfo<Output>> {
    return this.#runs.infoOf(await this.#runs.record(runId)) as RunInfo<Output>;
  }

  /**
   * Runs, a page at a time. The output of each is read when it is asked for.
   *
   * @param filter - which runs; a status, or several, stands for `{ status }`. Default: all
   * @throws {ValidationError} for what is not a filter
   */
  async listRuns(filter: RunFilter | RunStatus | readonly RunStatus[] = {}): Promise<RunPage> {
    return this.#runs.page(filter);
  }

  /** How many runs stand how: all statuses, with 0 for those that no run has. */
  async countRuns(): Promise<RunCounts> {
    return this.#runs.engine.runInfoStore.countRuns();
  }

  /** The workflows that there are, those on the engine and those known here, each in each of its versions. */
  async listWorkflows(): Promise<readonly WorkflowVersion[]> {
    return this.#runs.catalogue.list();
  }

  /**
   * The graph of a workflow. Of one whose code is not here it is as it was put on the engine.
   *
   * @param version - Default: the one that the builder was given last; of a workflow that it was not given, the one that
   *   came to the engine last
   * @throws {WorkflowNotFoundError} for one that is neither known here nor on the engine
   */
  async blueprint(workflow: string, version?: string): Promise<WorkflowBlueprint> {
    const wanted = version === undefined ? undefined : aText(version, 'version');
    return this.#runs.catalogue.blueprint(aText(workflow, 'workflow'), wanted);
  }

  /** What has gone wrong in a run, in order; the last 1000. @throws {RunNotFoundError} */
  async errors(runId: string): Promise<RunError[]> {
    const records = await this.#runs.engine.errorStore.getErrors(aRunId(runId, 'runId'));
    if (records === undefined) throw new RunNotFoundError(runId);
    const { codec } = this.#runs.workflows;
    return records.map((record) => ({ ...record, error: errorFrom(readError(codec, record.error, runId)) }));
  }

  /** What a run has cost. @throws {RunNotFoundError} */
  async metrics(runId: string): Promise<RunMetrics> {
    const metrics = await this.#runs.engine.metricsStore.getMetrics(aRunId(runId, 'runId'));
    if (metrics === undefined) throw new RunNotFoundError(runId);
    return metrics;
  }

  /** Which workers are alive. */
  async liveness(): Promise<Liveness[]> {
    const workers = await this.#runs.engine.livenessStore.list();
    return workers.map(({ workerId, alive, age }) => ({ workerId, alive, age }));
  }

  /** What workers do, as they have said last. */
  async listWorkerHealth(): Promise<readonly WorkerHealth[]> {
    return this.#runs.engine.livenessStore.list();
  }

  /** What is to be executed in a run. @throws {RunNotFoundError} */
  async pendingWork(runId: string): Promise<PendingWork[]> {
    const { replica, status, record } = await this.#runs.open(runId);
    const items = [...replica.ledger.values()];
    const states = await this.#runs.engine.queue.statesOf(items.map(({ job }) => job ?? ''));
    const all = await this.#runs.engine.workItemStateStore.getStates(runId);
    const executing = all.filter(({ incarnation }) => isFor(incarnation, record));
    const pending = items.map((item, index) => pendingOf(item, replica, states[index] ?? 'absent', executing));
    // What a run that is over has left undone is for nobody to do, unless it is retried.
    return isFinished(status) ? pending.filter(({ state }) => state === 'active') : pending;
  }

  /** What `startRun` was given as input. @throws {RunNotFoundError} */
  async input(runId: string): Promise<unknown> {
    // The input is in what the journal starts from; no entries are needed.
    const tail = await this.#runs.engine.checkpointStore.read(aRunId(runId, 'runId'), undefined, { maxBytes: 1 });
    if (tail === undefined) throw new RunNotFoundError(runId);
    return this.#runs.workflows.codec.decode(snapshotOf(tail).input, 'input', `of run "${runId}" `);
  }

  /** The data of a run as of now, with the outputs under the ids of their nodes. @throws {RunNotFoundError} */
  async context(runId: string): Promise<Context> {
    return wholeState((await this.#runs.open(runId)).replica).getContext();
  }

  /** A run as the flow layer gives it. @throws {RunNotFoundError} */
  async result(runId: string): Promise<WorkflowResult> {
    const handle = await this.#runs.open(runId);
    const { status, error, deadline } = handle.record;
    const state = wholeState(handle.replica);
    if (status === 'cancelled') state.aborted = { reason: reasonOf(error, deadline) };
    const result = state.toResult(this.#runs.workflows.toolbox.serializer);
    result.status = status === 'paused' || status === 'scheduled' ? 'running' : status;
    return result;
  }
}
