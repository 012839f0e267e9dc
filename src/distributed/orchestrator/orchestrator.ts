import { checkedInTime } from '../../flow/execution/index.js';
import type { Context } from '../../flow/index.js';
import { FlowRuntime } from '../../flow/index.js';
import { FlowNode, type FlowTypes, type UnknownTypes } from '../../flow/node.js';
import { digestIn } from '../../flow/run/index.js';
import { type CloseOptions, readCloseOptions } from '../../shared/closing.js';
import { aName } from '../../shared/validate.js';
import type { Engine } from '../contracts.js';
import { aReason, aText as aWorkerId } from '../engines/texts.js';
import { WorkerAliveError } from '../errors.js';
import type { SignalOutcome } from '../journal/signals.js';
import { defaultMaxPayload } from '../run/options.js';
import type { Payloads } from '../run/payloads.js';
import type { EndedRun, IdOf, PayloadOf, RunId } from '../run-id.js';
import type { RunInfo } from '../run-info.js';
import { Workflows } from '../workflows/workflows.js';
import type { StartedRun } from './begin.js';
import * as control from './control.js';
import { type OrchestratorOptions, readOrchestratorOptions } from './options.js';
import { Questions } from './questions.js';
import { prune, removeRun } from './removal.js';
import type { RunEvent } from './run-events.js';
import { Runs } from './runs.js';
import { checkedSignal } from './signalling.js';
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

/** Keeps a flow whose request is refused from being taken for a context. */
interface NoFlow {
  readonly toBlueprint?: never;
}

/**
 * Starts, observes and controls the runs of a fleet. The nodes of the runs are executed by workers
 * (`DistributedWorker`). Any number of orchestrators can share an engine.
 *
 * An orchestrator also works with runs of workflows whose code it does not have, by means of the graphs stored on the
 * engine. Without the code, there are no merge functions. For a key of the context that has a merge function,
 * `context()` then returns the value that was written last.
 *
 * @example
 * const orchestrator = new DistributedOrchestrator({ engine: redis(url), workflows: [flow] });
 */
export class DistributedOrchestrator<
  // biome-ignore lint/suspicious/noExplicitAny: an orchestrator without workflows starts runs with any context
  State extends object = any,
  Types extends FlowTypes = UnknownTypes,
> extends Questions {
  readonly engine: Engine;
  readonly #runs: Runs;
  readonly #payloads: Payloads;
  readonly #starting: Starting;
  readonly #waiting: Waiting;

  /**
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   * @throws {BlueprintError} for a workflow that is not valid
   */
  constructor(options: OrchestratorOptions<State, Types>) {
    const read = readOrchestratorOptions(options);
    const { engine, workflows = [], runtime = new FlowRuntime(), maxPayload = defaultMaxPayload } = read;
    const runs = new Runs(engine, new Workflows(workflows, runtime, maxPayload));
    super(runs);
    this.engine = engine;
    this.#runs = runs;
    this.#payloads = runs.workflows.payloads;
    this.#starting = new Starting(runs, this.#payloads, read.retention);
    this.#waiting = new Waiting(runs, read.signal);
  }

  /**
   * Starts a run of the first workflow, or of the workflow named by `options.workflow`. When the promise resolves, the
   * run is stored and will be executed. If a run with `options.id` already exists, nothing is started and the id is
   * returned; use `start` to tell the two cases apart.
   *
   * @param context - the initial data of the run: a plain object, or a `WorkflowCtx`. Default: empty
   * @param input - the input of the nodes without an incoming edge. Default: undefined
   * @param options - the `id`, `delay`, `priority`, `timeout` and `retention` of the run, and the `workflow` with its
   *   `version`. Default: `{}`
   * @returns the id of the run
   * @throws {ValidationError} for an argument that is unknown or of the wrong kind, and for an input that the schema of
   *   the workflow refuses, with every fault and its path
   * @throws {WorkflowNotFoundError} for a workflow that was not given and is not on the engine
   * @throws {WorkflowChangedError} if active runs were started with another graph of the workflow in this version
   * @throws {SerializationError} for a value that cannot be serialized
   * @throws {PayloadError} for a value that is larger than `maxPayload`
   * @throws {RunExistsError} if a run of another workflow has this id
   */
  async startRun(
    context?: Begun<State>,
    input?: Types['input'],
    options?: StartOptions & { workflow?: undefined },
  ): Promise<IdOf<Types>>;
  async startRun(context: Begun<Context> | undefined, input: unknown, options: StartOptions): Promise<string>;
  async startRun(context: object = {}, input?: unknown, options: StartOptions = {}): Promise<string> {
    return (await this.#starting.start(startOf(context, input, options))).id;
  }

  /**
   * Starts a run of a workflow, and reports if a run with the id already existed. Starting again with the same `id`
   * starts nothing new, so a start can be repeated after an error.
   *
   * @param workflow - a flow, or the id of a workflow that the orchestrator was given or whose graph is on the
   *   engine. If the orchestrator was not given the flow, it observes the run through the graph
   * @param request - `context`, `input`, `id` and the other settings of the run. Default: an empty context, no input
   * @returns `id`; `existed`: if true, a run with this id already existed and nothing was started; `incarnation`: a
   *   number that distinguishes the run from earlier and later runs with its id
   *
   * Throws the errors of `startRun`, a `BlueprintError` for a flow that is not valid, and a `ValidationError` for a
   * flow whose graph differs from the graph that the orchestrator was given under the same id and version.
   *
   * @example
   * const { existed } = await orchestrator.start(order, { id: 'order-42', context: { cents: 999 } });
   * if (existed) console.log('ordered before');
   */
  async start<Own extends object = Context, OwnTypes extends FlowTypes = UnknownTypes>(
    workflow: FlowNode<Own, OwnTypes> | string,
    request?: StartRequest<NoInfer<Own>, NoInfer<OwnTypes>['input']>,
  ): Promise<StartedRun<OwnTypes>>;
  /** @deprecated Since 0.9: use `start(workflow, { context, input, id, ... })`. */
  async start(
    context?: Begun<State> & NoFlow,
    input?: unknown,
    options?: StartOptions & { workflow?: undefined },
  ): Promise<StartedRun>;
  /** @deprecated Since 0.9: use `start(workflow, { context, input, id, ... })`. */
  async start(
    context: (Begun<Context> & NoFlow) | undefined,
    input: unknown,
    options: StartOptions,
  ): Promise<StartedRun>;
  async start(what: object | string = {}, second?: unknown, options: StartOptions = {}): Promise<StartedRun> {
    const isWorkflow = typeof what === 'string' || what instanceof FlowNode;
    return this.#starting.start(isWorkflow ? startOfWorkflow(what, second ?? {}) : startOf(what, second, options));
  }

  /**
   * Cancels a run. Queued work is removed. The signals of nodes that are being executed abort within a second, and the
   * results of these nodes are discarded.
   *
   * Can be repeated after an `EngineError`, because a run that was already cancelled for the same reason is left
   * unchanged.
   *
   * @param reason - stored as the `error` of the run: at most 2000 characters. Default: `cancelled`
   * @throws {RunNotFoundError} for an unknown run
   * @throws {RunStateError} for a run that has ended in another way
   */
  async cancel(runId: string, reason = 'cancelled'): Promise<void> {
    await control.cancel(await this.#runs.open(runId), aReason(reason, 'reason'));
  }

  /**
   * Pauses a run. Nodes that are being executed continue to their end, but no further nodes start. Does nothing for a
   * paused run.
   *
   * @throws {RunNotFoundError} for an unknown run
   * @throws {RunStateError} for a run that has ended
   */
  async pause(runId: string): Promise<void> {
    await control.pause(await this.#runs.open(runId));
  }

  /**
   * Resumes a paused run. If the start of the run is still to come, the run becomes scheduled again. For a run that is
   * not paused, `resume` queues jobs that are missing from the queue.
   *
   * @throws {RunNotFoundError} for an unknown run
   * @throws {RunStateError} for a run that has ended
   */
  async resume(runId: string): Promise<void> {
    await control.resume(await this.#runs.open(runId));
  }

  /**
   * Retries a run that failed, stalled or was cancelled. Nodes that failed or were interrupted are executed again;
   * completed nodes are not. The run loses its deadline. If the start of the run is still to come, the run becomes
   * scheduled again.
   *
   * Can be repeated after an `EngineError`, because a run that was already retried and is active is left unchanged.
   *
   * @throws {RunNotFoundError} for an unknown run
   * @throws {RunStateError} for a run that is completed, or active without having been retried
   */
  async retry(runId: string): Promise<void> {
    await control.retry(await this.#runs.open(runId));
  }

  /**
   * Delivers an event to the nodes of a run that wait for it. If an event arrives before a node waits for it, the event
   * is kept for the node.
   *
   * @param event - the name of the event
   * @param payload - the value that the nodes receive. Default: null
   * @param options - `id`: an id for this signal, at most 500 characters. Signals with the same id count as one, so a
   *   signal can be sent again after an `EngineError`. Default: each call is a separate signal. `signal`: ends the check
   *   of the payload by an async schema; the call rejects with its reason. Default: none
   * @returns the answer to the signal: it was delivered, is kept for later, comes too late, or was sent before
   * @throws {RunNotFoundError} for an unknown run
   * @throws {ValidationError} for an event for which no node of the workflow waits, and for a payload that the schema of
   *   the event refuses, with every fault and its path
   * @throws {SerializationError} for a payload that cannot be serialized
   * @throws {PayloadError} for a payload that is larger than `maxPayload`
   */
  async signal<Id extends string, Event extends string>(
    runId: Id,
    event: Event,
    payload?: PayloadOf<Id, Event> | null,
    options: SignalOptions = {},
  ): Promise<SignalOutcome> {
    const { id, signal } = readSignalOptions(options);
    const handle = await this.#runs.open(runId);
    const checking = checkedSignal(handle, aName(event, 'event'), payload ?? null);
    const { checked, unchecked } = await checkedInTime(event, { signal }, checking);
    const text = this.#payloads.encode(checked, 'payload');
    const sent = checked === payload ? undefined : digestIn(this.#runs.workflows.codec, payload ?? null);
    return control.signal(handle, { event, payload: text, id, unchecked, sent });
  }

  /**
   * Removes a silent worker, for example a worker that has died, from the list of workers. A worker that returns is
   * listed again.
   *
   * @returns true if the worker was listed
   * @throws {WorkerAliveError} for a worker that is alive
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
   * Waits until a run has ended: completed, failed, cancelled or stalled. Rejects with the signal's reason when
   * `options.signal` aborts, and with an `AbortError` when the orchestrator is closed.
   *
   * @typeParam Output - the type of the last node's output, as declared by the caller. It is not checked
   * @param options - `pollInterval` and `signal`; a number stands for `{ pollInterval }`. Default: `{}`
   * @returns the record of the run, with its status and output. Also resolves for a run that has failed
   * @throws {RunNotFoundError} for an unknown run, or if the run is removed in the meantime
   */
  async waitForCompletion<OwnTypes extends FlowTypes>(
    runId: RunId<OwnTypes>,
    options?: WaitForOptions | number,
  ): Promise<EndedRun<OwnTypes['output']>>;
  async waitForCompletion<Output = unknown>(runId: string, options?: WaitForOptions | number): Promise<RunInfo<Output>>;
  async waitForCompletion(runId: string, options: WaitForOptions | number = {}): Promise<RunInfo> {
    const record = await this.#waiting.untilOver(runId, readWaitOptions(options));
    return this.#runs.infoOf(record);
  }

  /**
   * Iterates over the events of a run until the run has ended, starting with the first event or after `options.after`.
   * With `follow: false`, iterates only over the events so far. If a run has many thousands of events, the early events
   * may have been dropped.
   *
   * @throws {RunNotFoundError} for an unknown run, or if the run is removed in the meantime
   *
   * @example
   * for await (const { type, nodeId } of orchestrator.events(runId)) console.log(type, nodeId);
   */
  async *events(runId: string, options: EventsOptions = {}): AsyncGenerator<RunEvent, void, undefined> {
    yield* this.#waiting.events(runId, readEventsOptions(options));
  }

  /**
   * Removes a finished run: its record, journal, context and errors. Afterwards the id can be used again. A run whose
   * snapshot the engine has lost can be removed at any time, since it cannot go on.
   *
   * @throws {RunNotFoundError} for an unknown run
   * @throws {RunStateError} for a run that has not ended
   */
  async deleteRun(runId: string): Promise<void> {
    await removeRun(this.#runs, runId);
  }

  /**
   * Removes all runs that ended before a time.
   *
   * @param options - `finishedBefore`: the time, in epoch milliseconds
   * @returns the number of removed runs
   */
  async prune(options: { readonly finishedBefore: number }): Promise<number> {
    return prune(this.#runs, readPruneOptions(options).finishedBefore);
  }

  /**
   * Ends all waiting of this orchestrator at once, regardless of the timeout. Pending `waitForCompletion` calls reject
   * with an `AbortError`, and iterations over events end. The engine stays open, because it may be shared.
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
