import { randomUUID } from 'node:crypto';
import type { Context, WorkflowBlueprint, WorkflowResult } from '../../flow/index.js';
import { type Cancellation, untilAborted } from '../../kernel/cancellation.js';
import { captured } from '../../kernel/instrumentation.js';
import { ValidationError } from '../../shared/errors.js';
import { aName, aState } from '../../shared/validate.js';
import type { Engine, RunMetrics, WorkerHealth, WorkflowVersion } from '../contracts.js';
import { aReason, aText as aRunId, aText, aText as aWorkerId } from '../engines/texts.js';
import { RunNotFoundError, RunStateError, WorkerAliveError } from '../errors.js';
import { isFor, isSameRun, newIncarnation } from '../journal/incarnation.js';
import { pagesOf } from '../journal/pages.js';
import { snapshotOf } from '../journal/snapshot.js';
import { purgeDeadline } from '../run/jobs.js';
import { publish } from '../run/publishing.js';
import { cursorOf, queryOf } from '../run/query.js';
import type { RunHandle } from '../run/run-handle.js';
import { openRun } from '../run/run-handles.js';
import { readError, wholeState } from '../run/whole-state.js';
import {
  finishedStatuses,
  isFinished,
  type RunCounts,
  type RunFilter,
  type RunInfo,
  type RunRecord,
  type RunStatus,
} from '../run-info.js';
import { WorkflowCtx } from '../workflows/workflow-ctx.js';
import { Workflows } from '../workflows/workflows.js';
import { begin, type StartedRun } from './begin.js';
import { Catalogue } from './catalogue.js';
import * as control from './control.js';
import { Payloads } from './payloads.js';
import { eventOf, type RunEvent } from './run-events.js';
import { readStartOptions, type StartOptions } from './start-options.js';
import { StatusWatch } from './status-watch.js';
import {
  type EventsOptions,
  errorFrom,
  type Liveness,
  type PendingWork,
  pendingOf,
  type RunError,
  type RunPage,
  readEventsOptions,
  readPruneOptions,
  readSignalOptions,
  readWaitOptions,
  type SignalOptions,
  type WaitForOptions,
} from './views.js';

/** What a run may begin with. */
type Begun<State extends object> = Partial<State> | WorkflowCtx<Partial<State>>;

/**
 * Starts runs on a fleet, and looks after them. It executes nothing itself: workers do. Any number of orchestrators may
 * stand beside each other. Made by `OrchestratorBuilder`.
 *
 * It works on runs of workflows whose code it does not have, too, through their graphs on the engine. What a merge
 * function would make of a key of the context is not known then: such a key holds what was written last.
 */
export class DistributedOrchestrator<
  // biome-ignore lint/suspicious/noExplicitAny: an orchestrator that was given no workflow starts runs of any
  State extends object = any,
> {
  readonly #watch: StatusWatch;
  readonly #catalogue: Catalogue;
  readonly #payloads: Payloads;

  constructor(
    readonly engine: Engine,
    private readonly workflows: Workflows,
    maxPayload: number,
    private readonly retention: number | undefined,
  ) {
    if (!(workflows instanceof Workflows)) {
      throw new ValidationError(
        'a DistributedOrchestrator is made by new OrchestratorBuilder().engine(engine).build()',
      );
    }
    this.#watch = new StatusWatch(engine);
    this.#catalogue = new Catalogue(engine, workflows);
    this.#payloads = new Payloads(workflows.codec, maxPayload);
  }

  /**
   * Starts a run: when it resolves, the run is written down, and will be executed. A run of the id that is there already
   * is not started again; `start` says which it was.
   *
   * @param context - the data that it begins with, of the builder's first workflow, or of any where `options.workflow`
   *   says which: a plain object, or a `WorkflowCtx`. Default: empty
   * @param input - what the nodes get that nothing leads to. Default: undefined
   * @returns the id of the run
   * @throws {WorkflowNotFoundError} for a workflow that is neither known here nor on the engine
   * @throws {SerializationError} for what cannot be sent
   * @throws {PayloadError} for what is too large
   * @throws {RunExistsError} where another workflow has a run of this id
   */
  async startRun(
    context?: Begun<State>,
    input?: unknown,
    options?: StartOptions & { workflow?: undefined },
  ): Promise<string>;
  async startRun(context: Begun<Context> | undefined, input: unknown, options: StartOptions): Promise<string>;
  async startRun(context: object = {}, input?: unknown, options: StartOptions = {}): Promise<string> {
    return (await this.#start(context, input, options)).runId;
  }

  /**
   * Starts a run like `startRun`, and says whether the run has begun or was there.
   *
   * @returns `runId`; `existed`: if true, a run of this id was there already, and nothing was started; `incarnation`:
   *   which of the runs that had this id over time
   *
   * @example
   * const { existed } = await orchestrator.start({ cents: 999 }, undefined, { runId: 'order-42' });
   * if (existed) console.log('ordered before');
   */
  async start(
    context?: Begun<State>,
    input?: unknown,
    options?: StartOptions & { workflow?: undefined },
  ): Promise<StartedRun>;
  async start(context: Begun<Context> | undefined, input: unknown, options: StartOptions): Promise<StartedRun>;
  async start(context: object = {}, input?: unknown, options: StartOptions = {}): Promise<StartedRun> {
    return this.#start(context, input, options);
  }

  async #start(context: object, input: unknown, options: StartOptions): Promise<StartedRun> {
    const read = readStartOptions(options);
    const given = aState(context instanceof WorkflowCtx ? context.store : context, 'context');
    const { runId = randomUUID(), delay = 0, priority = 0, timeout, retention = this.retention } = read;
    const workflow = await this.#catalogue.get(read.workflow ?? this.workflows.first?.id ?? '', read.version);
    const { id: flow, version, graph } = workflow;
    const values = this.#payloads.encodeContext(given);
    const carrier = captured();
    const encoded = this.#payloads.encode(input, 'input');
    const incarnation = newIncarnation();
    // Programs of version 0.7 make the ids of jobs of the epoch as well.
    const snapshot = { flow, version, runId, input: encoded, values, carrier, graph, passed: {}, epoch: incarnation };
    const status: RunStatus = delay > 0 ? 'scheduled' : 'running';
    const record = {
      runId,
      incarnation,
      workflow: flow,
      version,
      status,
      priority,
      retention,
      output: undefined,
      error: undefined,
    };
    if (workflow.hasCode) await publish(this.engine, workflow);
    const limit = timeout === Infinity ? undefined : timeout;
    return begin(this.engine, this.workflows.codec, { workflow, record, delay, timeout: limit, snapshot });
  }

  /** How a run stands. @throws {RunNotFoundError} */
  async status(runId: string): Promise<RunStatus> {
    const [status] = await this.engine.runInfoStore.getStatuses([aRunId(runId, 'runId')]);
    if (status === undefined) throw new RunNotFoundError(runId);
    return status;
  }

  /** What there is to know of a run without looking into it. @throws {RunNotFoundError} */
  async run<Output = unknown>(runId: string): Promise<RunInfo<Output>> {
    return this.#infoOf(await this.#record(runId)) as RunInfo<Output>;
  }

  /**
   * Runs, a page at a time. The output of each is read when it is asked for.
   *
   * @param filter - which runs; a status, or several, stands for `{ status }`. Default: all
   * @throws {ValidationError} for what is not a filter
   */
  async listRuns(filter: RunFilter | RunStatus | readonly RunStatus[] = {}): Promise<RunPage> {
    const query = queryOf(filter);
    const records = await this.engine.runInfoStore.listRuns({ ...query, limit: query.limit + 1 });
    const page = records.slice(0, query.limit);
    const last = records.length > query.limit ? page.at(-1) : undefined;
    return { runs: page.map((record) => this.#listed(record)), cursor: last && cursorOf(last) };
  }

  /** How many runs stand how: all statuses, with 0 for those that no run has. */
  async countRuns(): Promise<RunCounts> {
    return this.engine.runInfoStore.countRuns();
  }

  /** The workflows that there are, those on the engine and those known here, each in each of its versions. */
  async listWorkflows(): Promise<readonly WorkflowVersion[]> {
    return this.#catalogue.list();
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
    return this.#catalogue.blueprint(aText(workflow, 'workflow'), wanted);
  }

  /**
   * Stops a run: what waits is removed, what is executed sees its signal abort within a second, and nothing of it counts
   * any more.
   *
   * Can be repeated after an `EngineError`: a run that was cancelled for the same reason stays as it is.
   *
   * @param reason - kept as the run's `error`: at most 2000 characters. Default: `cancelled`
   * @throws {RunNotFoundError}
   * @throws {RunStateError} for one that is over otherwise
   */
  async cancel(runId: string, reason = 'cancelled'): Promise<void> {
    await control.cancel(this.engine, await this.#open(runId), aReason(reason, 'reason'));
  }

  /**
   * Puts a run on hold: nodes that are executed end, and nothing new starts. Does nothing for one that is paused.
   *
   * @throws {RunNotFoundError}
   * @throws {RunStateError} for one that is over
   */
  async pause(runId: string): Promise<void> {
    await control.pause(await this.#open(runId));
  }

  /**
   * Lets a run go on that is paused: before its start it is scheduled again. For one that is running, it sees to it that
   * its work is queued.
   *
   * @throws {RunNotFoundError}
   * @throws {RunStateError} for one that is over
   */
  async resume(runId: string): Promise<void> {
    await control.resume(this.engine, await this.#open(runId));
  }

  /**
   * Takes up a run that has failed, was cancelled or has stalled: nodes that failed, and those that were cut short, are
   * executed again; what has completed is not. Before its start it is scheduled again. It has no deadline any more. Can be
   * repeated after an `EngineError`: a run that was retried and still goes on does so.
   *
   * @throws {RunNotFoundError}
   * @throws {RunStateError} for another one that is not over, or is completed
   */
  async retry(runId: string): Promise<void> {
    await control.retry(this.engine, await this.#open(runId));
  }

  /**
   * Delivers an event to the nodes that wait for it. One that comes before its node waits is kept for it.
   *
   * @param payload - what the nodes get. Default: null
   * @param options - `id`: a name of this signal, at most 500 characters. A signal that is sent again with the id that it
   *   had, after an `EngineError` for instance, is the same signal, and counts once. Default: each call is a signal of its own
   * @throws {RunNotFoundError}
   * @throws {RunStateError} for a run that is over
   * @throws {ValidationError} for an event that nothing in the workflow waits for
   * @throws {PayloadError} for a payload that is too large
   */
  async signal(runId: string, event: string, payload: unknown = null, options: SignalOptions = {}): Promise<void> {
    const { id } = readSignalOptions(options);
    const handle = await this.#open(runId);
    const text = this.#payloads.encode(payload, 'payload');
    await control.signal(this.engine, handle, { event: aName(event, 'event'), payload: text, id });
  }

  /** What has gone wrong in a run, in order; the last 1000. @throws {RunNotFoundError} */
  async errors(runId: string): Promise<RunError[]> {
    const records = await this.engine.errorStore.getErrors(aRunId(runId, 'runId'));
    if (records === undefined) throw new RunNotFoundError(runId);
    const { codec } = this.workflows;
    return records.map((record) => ({ ...record, error: errorFrom(readError(codec, record.error, runId)) }));
  }

  /** What a run has cost. @throws {RunNotFoundError} */
  async metrics(runId: string): Promise<RunMetrics> {
    const metrics = await this.engine.metricsStore.getMetrics(aRunId(runId, 'runId'));
    if (metrics === undefined) throw new RunNotFoundError(runId);
    return metrics;
  }

  /** Which workers are alive. */
  async liveness(): Promise<Liveness[]> {
    const workers = await this.engine.livenessStore.list();
    return workers.map(({ workerId, alive, age }) => ({ workerId, alive, age }));
  }

  /** What workers do, as they have said last. */
  async listWorkerHealth(): Promise<readonly WorkerHealth[]> {
    return this.engine.livenessStore.list();
  }

  /**
   * Forgets a worker that is silent, as one that has died: it is listed no longer. One that comes back is listed again.
   *
   * @returns true if there was such a worker
   * @throws {WorkerAliveError} for one that is alive
   */
  async forgetWorker(workerId: string): Promise<boolean> {
    const id = aWorkerId(workerId, 'workerId');
    const { livenessStore } = this.engine;
    const worker = (await livenessStore.list()).find((one) => one.workerId === id);
    if (worker === undefined) return false;
    if (worker.alive) throw new WorkerAliveError(id);
    await livenessStore.remove(id);
    return true;
  }

  /** What is to be executed in a run. @throws {RunNotFoundError} */
  async pendingWork(runId: string): Promise<PendingWork[]> {
    const { replica, status, record } = await this.#open(runId);
    const items = [...replica.ledger.values()];
    const states = await this.engine.queue.statesOf(items.map(({ job }) => job ?? ''));
    const all = await this.engine.workItemStateStore.getStates(runId);
    const executing = all.filter(({ incarnation }) => isFor(incarnation, record));
    const pending = items.map((item, index) => pendingOf(item, replica, states[index] ?? 'absent', executing));
    // What a run that is over has left undone is for nobody to do, unless it is retried.
    return isFinished(status) ? pending.filter(({ state }) => state === 'active') : pending;
  }

  /** What `startRun` was given as input. @throws {RunNotFoundError} */
  async input(runId: string): Promise<unknown> {
    // The input is in what the journal starts from; no entries are needed.
    const tail = await this.engine.checkpointStore.read(aRunId(runId, 'runId'), undefined, { maxBytes: 1 });
    if (tail === undefined) throw new RunNotFoundError(runId);
    return this.workflows.codec.decode(snapshotOf(tail).input, 'input', `of run "${runId}" `);
  }

  /** The data of a run as of now, with the outputs under the ids of their nodes. @throws {RunNotFoundError} */
  async context(runId: string): Promise<Context> {
    return wholeState((await this.#open(runId)).replica).getContext();
  }

  /** A run as the flow layer gives it. @throws {RunNotFoundError} */
  async result(runId: string): Promise<WorkflowResult> {
    const handle = await this.#open(runId);
    const { status, error, deadline } = handle.record;
    const state = wholeState(handle.replica);
    if (status === 'cancelled') state.aborted = { reason: control.reasonOf(error, deadline) };
    const result = state.toResult(this.workflows.toolbox.serializer);
    result.status = status === 'paused' || status === 'scheduled' ? 'running' : status;
    return result;
  }

  /**
   * Waits until a run is over: completed, failed, cancelled or stalled.
   *
   * @typeParam Output - of the last node, as the caller knows it; nothing checks that
   * @param options - a number stands for `{ pollInterval }`
   * @throws {RunNotFoundError}
   * Rejects with the signal's reason when that aborts, and with an `AbortError` when the orchestrator is closed.
   */
  async waitForCompletion<Output = unknown>(
    runId: string,
    options: WaitForOptions | number = {},
  ): Promise<RunInfo<Output>> {
    const { pollInterval = 1_000, signal } = readWaitOptions(options);
    const until = this.#watch.until(signal);
    try {
      until.throwIfAborted();
      const record = await untilAborted(until, this.#whenOver(runId, pollInterval, until));
      return this.#infoOf(record as RunRecord) as RunInfo<Output>;
    } finally {
      until.close();
    }
  }

  /**
   * What happens in a run, from its beginning or from `after`, until it is over; with `follow: false`, until now. Events of
   * long ago may not be kept any more, where a run has many thousands.
   *
   * @throws {RunNotFoundError}
   */
  async *events(runId: string, options: EventsOptions = {}): AsyncGenerator<RunEvent, void, undefined> {
    const { after = 0, follow = true, signal, pollInterval = 200 } = readEventsOptions(options);
    const until = this.#watch.until(signal);
    let release: (() => void) | undefined;
    let of: RunRecord | undefined;
    try {
      release = await this.#watch.open(until);
      for (let seen = after; !until.aborted; ) {
        const next = this.#watch.next(runId, pollInterval, until);
        try {
          let status: RunStatus | undefined;
          for await (const page of pagesOf(this.engine.checkpointStore, aRunId(runId, 'runId'), seen)) {
            of ??= page.record;
            if (!isSameRun(page.record, of)) throw new RunNotFoundError(runId);
            for (const entry of page.entries) {
              const event = entry.seq > seen ? eventOf(runId, entry, this.workflows.codec) : undefined;
              if (event !== undefined) yield event;
            }
            seen = Math.max(seen, page.entries.at(-1)?.seq ?? page.snapshot?.seq ?? 0);
            status = page.record.status;
          }
          if (status === undefined) throw new RunNotFoundError(runId);
          if (!follow || isFinished(status)) return;
          await next.changed;
        } finally {
          next.cancel();
        }
      }
    } finally {
      release?.();
      until.close();
    }
  }

  /**
   * Removes all that is kept of a run.
   *
   * @throws {RunNotFoundError}
   * @throws {RunStateError} for one that is not over
   */
  async deleteRun(runId: string): Promise<void> {
    const record = await this.#record(runId);
    if (!isFinished(record.status)) throw new RunStateError(runId, record.status, 'cancel it before you delete it');
    await this.#remove(record);
  }

  /** Removes runs that were over before a time, in epoch milliseconds. @returns how many */
  async prune(options: { readonly finishedBefore: number }): Promise<number> {
    const { finishedBefore } = readPruneOptions(options);
    let removed = 0;
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
      const page: RunPage = await this.listRuns({
        status: finishedStatuses,
        before: finishedBefore,
        order: 'oldest',
        limit: 1_000,
        cursor,
      });
      for (const run of page.runs) {
        if ((run.finishedAt ?? Infinity) >= finishedBefore) continue;
        await this.#remove(run);
        removed++;
      }
      cursor = page.cursor;
    }
    return removed;
  }

  /** Removes a run that is over. Who ended it may have died before its deadline was taken out of the queue. */
  async #remove(run: RunInfo): Promise<void> {
    await purgeDeadline(this.engine.queue, run);
    await this.engine.runInfoStore.deleteRun(run.runId, run.incarnation);
  }

  /** Ends what is waiting here. The engine stays open: others may use it. */
  async close(): Promise<void> {
    this.#watch.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #open(runId: string): Promise<RunHandle> {
    return openRun(this.engine, this.workflows, aRunId(runId, 'runId'), this.#catalogue);
  }

  async #record(runId: string): Promise<RunRecord> {
    const record = await this.engine.runInfoStore.getRun(aRunId(runId, 'runId'));
    if (record === undefined) throw new RunNotFoundError(runId);
    return record;
  }

  async #whenOver(runId: string, pollInterval: number, until: Cancellation): Promise<RunRecord> {
    const release = await this.#watch.open(until);
    try {
      for (;;) {
        const next = this.#watch.next(runId, pollInterval, until);
        try {
          const record = await this.#record(runId);
          if (isFinished(record.status)) return record;
          await next.changed;
          until.throwIfAborted();
        } finally {
          next.cancel();
        }
      }
    } finally {
      release();
    }
  }

  #infoOf(record: RunRecord): RunInfo {
    return { ...record, output: this.#outputOf(record) };
  }

  /** Its output is read when it is asked for: one that cannot be read keeps no other run from being listed. */
  #listed(record: RunRecord): RunInfo {
    const read = (): unknown => this.#outputOf(record);
    const output = { get: read, enumerable: true, configurable: true };
    return Object.defineProperty({ ...record }, 'output', output) as RunInfo;
  }

  #outputOf({ runId, output }: RunRecord): unknown {
    return this.workflows.codec.decodeMaybe(output, 'output', `of run "${runId}" `);
  }
}
