import type { Context } from '../../flow/index.js';
import { FlowRuntime } from '../../flow/index.js';
import { FlowNode } from '../../flow/node.js';
import { type CloseOptions, readCloseOptions } from '../../shared/closing.js';
import { aName } from '../../shared/validate.js';
import type { Engine } from '../contracts.js';
import { aReason, aText as aWorkerId } from '../engines/texts.js';
import { WorkerAliveError } from '../errors.js';
import { defaultMaxPayload } from '../run/options.js';
import type { RunInfo } from '../run-info.js';
import { Workflows } from '../workflows/workflows.js';
import type { StartedRun } from './begin.js';
import * as control from './control.js';
import { type OrchestratorOptions, readOrchestratorOptions } from './options.js';
import { Payloads } from './payloads.js';
import { Questions } from './questions.js';
import { prune, removeRun } from './removal.js';
import type { RunEvent } from './run-events.js';
import { Runs } from './runs.js';
import { type Begun, type StartOptions, type StartRequest, startOf, startOfWorkflow } from './start-options.js';
import { Starting } from './starting.js';
import {
  type EventsOptions,
  readEventsOptions,
  readPruneOptions,
  readSignalOptions,
  readWaitOptions,
  type SignalOptions,
  type WaitForOptions,
} from './views.js';
import { Waiting } from './waiting.js';

/**
 * Starts runs on a fleet, and looks after them. It executes nothing itself: workers do. Any number of orchestrators may
 * stand beside each other.
 *
 * It works on runs of workflows whose code it does not have, too, through their graphs on the engine. What a merge
 * function would make of a key of the context is not known then: such a key holds what was written last.
 *
 * @example
 * const orchestrator = new DistributedOrchestrator({ engine: redis(url), workflows: [flow] });
 */
export class DistributedOrchestrator<
  // biome-ignore lint/suspicious/noExplicitAny: an orchestrator that was given no workflow starts runs of any
  State extends object = any,
> extends Questions {
  readonly engine: Engine;
  readonly #runs: Runs;
  readonly #payloads: Payloads;
  readonly #starting: Starting;
  readonly #waiting: Waiting;

  /**
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   * @throws {BlueprintError} for a workflow that has faults
   */
  constructor(options: OrchestratorOptions<State>) {
    const read = readOrchestratorOptions(options);
    const { engine, workflows = [], runtime = new FlowRuntime(), maxPayload = defaultMaxPayload } = read;
    const runs = new Runs(engine, new Workflows(workflows, runtime));
    super(runs);
    this.engine = engine;
    this.#runs = runs;
    this.#payloads = new Payloads(runs.workflows.codec, maxPayload);
    this.#starting = new Starting(runs, this.#payloads, read.retention);
    this.#waiting = new Waiting(runs, read.signal);
  }

  /**
   * Starts a run: when it resolves, the run is written down, and will be executed. A run of the id that is there already
   * is not started again; `start` says which it was.
   *
   * @param context - the data that it begins with, of the first workflow that the orchestrator was given, or of any where
   *   `options.workflow` says which: a plain object, or a `WorkflowCtx`. Default: empty
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
    return (await this.#starting.start(startOf(context, input, options))).id;
  }

  /**
   * Starts a run of a workflow, and says whether the run has begun or was there.
   *
   * @param workflow - a flow, or the id of one that the orchestrator was given or whose graph is on the engine. The runs of
   *   a flow that the orchestrator was not given are looked at through its graph
   * @param request - `context`, `input`, `id` and the other settings of the run. Default: an empty context, no input
   * @returns `id`; `existed`: if true, a run of this id was there already, and nothing was started; `incarnation`: which of
   *   the runs that had this id over time
   *
   * Throws what `startRun` throws, `BlueprintError` for a flow that has faults, and `ValidationError` for one that has
   * another graph than the orchestrator was given under its id and version.
   *
   * @example
   * const { existed } = await orchestrator.start(order, { id: 'order-42', context: { cents: 999 } });
   * if (existed) console.log('ordered before');
   */
  async start<Own extends object = Context>(
    workflow: FlowNode<Own> | string,
    request?: StartRequest<NoInfer<Own>>,
  ): Promise<StartedRun>;
  /** @deprecated Since 0.9: use `start(workflow, { context, input, id, ... })`. */
  async start(
    context?: Begun<State>,
    input?: unknown,
    options?: StartOptions & { workflow?: undefined },
  ): Promise<StartedRun>;
  /** @deprecated Since 0.9: use `start(workflow, { context, input, id, ... })`. */
  async start(context: Begun<Context> | undefined, input: unknown, options: StartOptions): Promise<StartedRun>;
  async start(what: object | string = {}, second?: unknown, options: StartOptions = {}): Promise<StartedRun> {
    const isWorkflow = typeof what === 'string' || what instanceof FlowNode;
    return this.#starting.start(isWorkflow ? startOfWorkflow(what, second ?? {}) : startOf(what, second, options));
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
    await control.cancel(this.engine, await this.#runs.open(runId), aReason(reason, 'reason'));
  }

  /**
   * Puts a run on hold: nodes that are executed end, and nothing new starts. Does nothing for one that is paused.
   *
   * @throws {RunNotFoundError}
   * @throws {RunStateError} for one that is over
   */
  async pause(runId: string): Promise<void> {
    await control.pause(await this.#runs.open(runId));
  }

  /**
   * Lets a run go on that is paused: before its start it is scheduled again. For one that is running, it sees to it that
   * its work is queued.
   *
   * @throws {RunNotFoundError}
   * @throws {RunStateError} for one that is over
   */
  async resume(runId: string): Promise<void> {
    await control.resume(this.engine, await this.#runs.open(runId));
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
    await control.retry(this.engine, await this.#runs.open(runId));
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
    const handle = await this.#runs.open(runId);
    const text = this.#payloads.encode(payload, 'payload');
    await control.signal(this.engine, handle, { event: aName(event, 'event'), payload: text, id });
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
    const record = await this.#waiting.untilOver(runId, readWaitOptions(options));
    return this.#runs.infoOf(record) as RunInfo<Output>;
  }

  /**
   * What happens in a run, from its beginning or from `after`, until it is over; with `follow: false`, until now. Events of
   * long ago may not be kept any more, where a run has many thousands.
   *
   * @throws {RunNotFoundError}
   */
  async *events(runId: string, options: EventsOptions = {}): AsyncGenerator<RunEvent, void, undefined> {
    yield* this.#waiting.events(runId, readEventsOptions(options));
  }

  /**
   * Removes all that is kept of a run.
   *
   * @throws {RunNotFoundError}
   * @throws {RunStateError} for one that is not over
   */
  async deleteRun(runId: string): Promise<void> {
    await removeRun(this.#runs, runId);
  }

  /** Removes runs that were over before a time, in epoch milliseconds. @returns how many */
  async prune(options: { readonly finishedBefore: number }): Promise<number> {
    return prune(this.#runs, readPruneOptions(options).finishedBefore);
  }

  /**
   * Ends all waiting of this orchestrator at once, whatever the timeout. The engine stays open: others may use it.
   *
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   */
  async close(options?: CloseOptions): Promise<void> {
    readCloseOptions(options);
    this.#waiting.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
