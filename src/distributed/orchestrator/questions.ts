import type { Context, FlowTypes, WorkflowBlueprint, WorkflowResult } from '../../flow/index.js';
import { ValidationError } from '../../shared/errors.js';
import type { RunMetrics, WorkerHealth, WorkflowVersion } from '../contracts.js';
import { aText } from '../engines/texts.js';
import { RunNotFoundError } from '../errors.js';
import { isFor } from '../journal/incarnation.js';
import { snapshotOf } from '../journal/snapshot.js';
import { readError, wholeState } from '../run/whole-state.js';
import type { EndedRun, ResultOfRun, RunId } from '../run-id.js';
import { isFinished, type RunCounts, type RunFilter, type RunInfo, type RunStatus } from '../run-info.js';
import { reasonOf } from './control.js';
import type { Runs } from './runs.js';
import {
  errorFrom,
  type Liveness,
  type PendingWork,
  pendingOf,
  type RunError,
  type RunPage,
  readShardsQuestion,
  type ShardsQuestion,
} from './views.js';

/** The read-only methods of `DistributedOrchestrator`: they report on runs, workflows and workers. */
export abstract class Questions {
  readonly #runs: Runs;

  constructor(runs: Runs) {
    this.#runs = runs;
  }

  /**
   * Returns the status of a run.
   *
   * @throws {RunNotFoundError} for an unknown run
   */
  async status(runId: string): Promise<RunStatus> {
    const { runInfoStore } = await this.#runs.engineOf(runId);
    const [status] = await runInfoStore.getStatuses([runId]);
    if (status === undefined) throw new RunNotFoundError(runId);
    return status;
  }

  /**
   * Returns the record of a run: its workflow, status, times, output and error.
   *
   * @typeParam Output - the type of the last node's output, as declared by the caller. It is not checked
   * @throws {RunNotFoundError} for an unknown run
   * @throws {SerializationError} for an output that cannot be decoded
   */
  async run<Types extends FlowTypes>(runId: RunId<Types>): Promise<EndedRun<Types['output']>>;
  async run<Output = unknown>(runId: string): Promise<RunInfo<Output>>;
  async run(runId: string): Promise<RunInfo> {
    return this.#runs.infoOf(await this.#runs.record(runId));
  }

  /**
   * Lists runs, one page at a time. The output of a run is decoded when its `output` property is read.
   *
   * @param filter - a filter. A status, or an array of statuses, stands for `{ status }`. Default: the newest 50 runs
   * @param options - `onError` for shards that do not answer. Default: `{}`
   * @throws {ValidationError} for a filter that is not valid
   * @throws {EngineError} if a shard does not answer and `onError` is not given
   */
  async listRuns(
    filter: RunFilter | RunStatus | readonly RunStatus[] = {},
    options: ShardsQuestion = {},
  ): Promise<RunPage> {
    return this.#runs.page(filter, readShardsQuestion(options).onError);
  }

  /**
   * Counts runs by status. A status that no run has is counted as 0.
   *
   * @param options - `onError` for shards that do not answer. Default: `{}`
   * @throws {EngineError} if a shard does not answer and `onError` is not given
   */
  async countRuns(options: ShardsQuestion = {}): Promise<RunCounts> {
    return this.#runs.engine.runInfoStore.countRuns(readShardsQuestion(options).onError);
  }

  /**
   * Lists all workflows in all versions: first the workflows whose graphs are on the engine, then the workflows that
   * only this program has.
   */
  async listWorkflows(): Promise<readonly WorkflowVersion[]> {
    return this.#runs.catalogue.list();
  }

  /**
   * Returns the graph of a workflow. If the orchestrator was not given the workflow, the graph is read from the engine.
   *
   * @param version - the version. Default: the last version given to the orchestrator, or else the last one stored on
   *   the engine
   * @throws {WorkflowNotFoundError} for a workflow that was not given and is not on the engine
   */
  async blueprint(workflow: string, version?: string): Promise<WorkflowBlueprint> {
    const wanted = version === undefined ? undefined : aText(version, 'version');
    return this.#runs.catalogue.blueprint(aText(workflow, 'workflow'), wanted);
  }

  /**
   * Returns the last failures of a run in order, at most 1000.
   *
   * @throws {RunNotFoundError} for an unknown run
   */
  async errors(runId: string): Promise<RunError[]> {
    const { errorStore } = await this.#runs.engineOf(runId);
    const records = await errorStore.getErrors(runId);
    if (records === undefined) throw new RunNotFoundError(runId);
    const { codec } = this.#runs.workflows;
    return records.map((record) => ({ ...record, error: errorFrom(readError(codec, record.error, runId)) }));
  }

  /**
   * Returns counts and durations of a run's executions.
   *
   * @throws {RunNotFoundError} for an unknown run
   */
  async metrics(runId: string): Promise<RunMetrics> {
    const { metricsStore } = await this.#runs.engineOf(runId);
    const metrics = await metricsStore.getMetrics(runId);
    if (metrics === undefined) throw new RunNotFoundError(runId);
    return metrics;
  }

  /**
   * Lists the workers of the fleet. Each worker is marked as alive or not.
   *
   * @param options - `onError` for shards that do not answer. Default: `{}`
   * @throws {EngineError} if a shard does not answer and `onError` is not given
   */
  async liveness(options: ShardsQuestion = {}): Promise<Liveness[]> {
    const workers = await this.listWorkerHealth(options);
    return workers.map(({ workerId, alive, age }) => ({ workerId, alive, age }));
  }

  /**
   * Lists the last report of each worker.
   *
   * @param options - `onError` for shards that do not answer. Default: `{}`
   * @throws {EngineError} if a shard does not answer and `onError` is not given
   */
  async listWorkerHealth(options: ShardsQuestion = {}): Promise<readonly WorkerHealth[]> {
    return this.#runs.engine.livenessStore.list(readShardsQuestion(options).onError);
  }

  /**
   * Lists the nodes of a run that are being executed or are still to be executed.
   *
   * @throws {RunNotFoundError} for an unknown run
   */
  async pendingWork(runId: string): Promise<PendingWork[]> {
    const { engine, replica, status, record } = await this.#runs.open(runId);
    const items = [...replica.ledger.values()];
    const states = await engine.queue.statesOf(items.map(({ job }) => job ?? ''));
    const all = await engine.workItemStateStore.getStates(runId);
    const executing = all.filter(({ incarnation }) => isFor(incarnation, record));
    const pending = items.map((item, index) => pendingOf(item, replica, states[index] ?? 'absent', executing));
    // The remaining items of a finished run are executed only if the run is retried.
    return isFinished(status) ? pending.filter(({ state }) => state === 'active') : pending;
  }

  /**
   * Returns the input with which the run was started.
   *
   * @throws {RunNotFoundError} for an unknown run
   * @throws {SerializationError} for an input that cannot be decoded
   */
  async input(runId: string): Promise<unknown> {
    // The input is part of the snapshot, so no entries are needed.
    const { checkpointStore } = await this.#runs.engineOf(runId);
    const tail = await checkpointStore.read(runId, undefined, { maxBytes: 1 });
    if (tail === undefined) throw new RunNotFoundError(runId);
    return this.#runs.workflows.codec.decode(snapshotOf(tail).input, 'input', `of run "${runId}" `);
  }

  /**
   * Returns the current context of a run, including the outputs of nodes under the ids of the nodes.
   *
   * @throws {RunNotFoundError} for an unknown run
   * @throws {SerializationError} for a value that cannot be decoded
   */
  async context(runId: string): Promise<Context> {
    return wholeState((await this.#runs.open(runId)).replica).getContext();
  }

  /**
   * Returns the result of a run in the form that `flow.run` returns. The status of a paused or scheduled run is
   * `running` in this form.
   *
   * @throws {RunNotFoundError} for an unknown run
   * @throws {SerializationError} for a value that cannot be decoded
   */
  async result<Types extends FlowTypes>(runId: RunId<Types>): Promise<ResultOfRun<Types>>;
  async result(runId: string): Promise<WorkflowResult>;
  async result(runId: string): Promise<WorkflowResult> {
    const handle = await this.#runs.open(runId);
    const { status, error, deadline } = handle.record;
    const state = wholeState(handle.replica);
    if (status === 'cancelled') state.aborted = { reason: reasonOf(error, deadline) };
    const result = state.toResult(this.#runs.workflows.toolbox.serializer);
    result.status = status === 'paused' || status === 'scheduled' ? 'running' : status;
    if (handle.workflow.schemas.output === undefined) return result;
    // The schema has been applied once, when the run ended.
    if (status === 'completed') return Object.assign(result, { output: this.#runs.infoOf(handle.record).output });
    const isRefused = status === 'failed' && !result.errors.some(({ recoveredBy }) => recoveredBy === undefined);
    return isRefused ? Object.assign(result, { reason: new ValidationError(error) }) : result;
  }
}
