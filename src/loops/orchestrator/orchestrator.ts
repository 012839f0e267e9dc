import { EventEmitter } from 'node:events';
import { captured } from '../../kernel/hooks/instrumentation.js';
import { Deadline } from '../../shared/deadline.js';
import { type LoopFault, LoopStateError } from '../errors.js';
import type { DeadLetter } from '../health.js';
import type { QueueGiven, TypedQueues } from '../queue.js';
import type { DesiredState, Stored } from '../store/contracts.js';
import { Announcer } from './announcer.js';
import type {
  Agreeing,
  CloseOptions,
  LoadedLoop,
  LoopWorkflow,
  QueueHandle,
  QueuesOf,
  StopOptions,
  StopSummary,
  WorkflowEvents,
  WorkflowHealth,
  WorkflowMetrics,
  WorkflowOrchestratorOptions,
} from './contracts.js';
import { DeadLetters } from './dead-letters.js';
import { Exchange } from './exchange.js';
import { LoadedWorkflow } from './loaded-workflow.js';
import { LoopLogger } from './loop-logger.js';
import { Opening } from './opening.js';
import { readCloseOptions, readOptions, readStopOptions } from './options.js';
import { all, pauseInOrder } from './pausing.js';
import { place } from './placing.js';
import { stopInTime } from './stopping.js';
import { Supervisor } from './supervisor.js';
import { healthOf, metricsOf } from './views.js';

/** The queues of two calls of `load`. */
type Joined<Before, Own> = string extends keyof Before ? Own : Before & Own;

/**
 * Runs a workflow: loads loops and the queues between them, starts, pauses, resumes and stops the loops in their pools,
 * and delivers messages. Emits the events of `WorkflowEvents`. When the orchestrator is no longer needed, close it with
 * `close` or `await using`.
 *
 * @example
 * const orchestrator = new WorkflowOrchestrator().load({
 *   queues: { lines: { capacity: 10_000 } },
 *   loops: [reader, { id: 'parse', module: new URL('./parse.js', import.meta.url), pool: 'thread' }],
 * });
 * await orchestrator.start();
 * process.once('SIGINT', () => orchestrator.stop());
 *
 * @typeParam Queues - the queues that were loaded in the same chain of calls. Default: not known
 * @typeParam Used - the queues of the loops that were loaded in the same chain of calls, and the loaded queues, as a
 *   union. A queue has messages of one type in all of them. Default: none
 */
export class WorkflowOrchestrator<
  Queues extends TypedQueues = TypedQueues,
  Used extends TypedQueues = never,
> extends EventEmitter<WorkflowEvents> {
  /** The inputs of failed nodes, which can be listed, replayed and removed. */
  readonly deadLetters: DeadLetters;
  readonly #options: WorkflowOrchestratorOptions;
  readonly #loaded = new LoadedWorkflow();
  readonly #announcer: Announcer;
  readonly #exchange: Exchange;
  readonly #opening: Opening;
  /** The time limit of `close`. */
  readonly #deadline = new Deadline();
  #warnings: readonly LoopFault[] = [];
  #closing: Promise<void> | undefined = undefined;
  #ticker: NodeJS.Timeout | undefined = undefined;

  /**
   * Creates an orchestrator without loops. Add loops with `load`.
   *
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   */
  constructor(options: WorkflowOrchestratorOptions = {}) {
    super();
    this.#options = readOptions(options);
    const { deadLetterCapacity = 1_000, store, logger } = this.#options;
    this.deadLetters = new DeadLetters(
      deadLetterCapacity,
      (letter) => this.#replay(letter),
      () => store,
      (letter) => this.#announcer.dropped(letter, deadLetterCapacity),
    );
    // biome-ignore lint/suspicious/noExplicitAny: the type of `args` depends on `name`, which TypeScript cannot express here
    const emit = (name: keyof WorkflowEvents, ...args: any) => void this.emit(name, ...args);
    this.#announcer = new Announcer(new LoopLogger(logger), this.deadLetters, emit);
    this.#exchange = new Exchange({
      store,
      definitions: this.#loaded.queues,
      onEvent: (loopId, event) => this.#announcer.event(loopId, event),
      onLimit: (message, loopId) => this.#announcer.limit(message, loopId),
    });
    this.#opening = new Opening({
      store,
      loaded: this.#loaded,
      onStore: (failure) => {
        this.#exchange.hold(failure);
        this.#announcer.store(failure);
      },
      onWarnings: (warnings) => {
        this.#warnings = warnings;
        this.#announcer.warnings(warnings);
      },
      onReady: (stored) => this.#restore(stored),
    });
  }

  /**
   * Adds loops and queues. Loops that are built in this program are checked at once, loops in modules at the first
   * start. Can be called several times before the first start.
   *
   * @throws {ValidationError} for a field that is unknown or of the wrong kind
   * @throws {LoopDefinitionError} with every fault
   * @throws {LoopStateError} after the first start
   */
  load<Own extends TypedQueues = TypedQueues, const Loops extends readonly LoadedLoop[] = readonly LoadedLoop[]>(
    workflow: LoopWorkflow<Own, Loops> & Agreeing<Used | Own | QueuesOf<Loops[number]>>,
  ): WorkflowOrchestrator<Joined<Queues, Own>, Used | Own | QueuesOf<Loops[number]>> {
    if (this.#opening.hasBegun) throw new LoopStateError('', 'running', 'call load() before start()');
    this.#loaded.add(workflow, (loop, field) => this.#supervisorOf(loop, field));
    return this as never;
  }

  /**
   * Starts the given loop, or all loops that are not running, in parallel. Resolves when all of these loops are
   * running. If a loop cannot start, `start` rejects and the other loops keep running. Without `loopId`, loops that the
   * store recorded as stopped are not started, and loops recorded as paused start paused.
   *
   * @param loopId - the loop to start. Default: all
   * @throws {LoopDefinitionError} for faults between loops
   * @throws {NotFoundError} for an unknown loop
   * @throws {LoopModuleError} for a module that cannot be loaded or does not export a loop
   * @throws {LoopStateError} if the given loop is already running, or if a loop is stopped during its start
   */
  async start(loopId?: string): Promise<void> {
    const named = loopId === undefined ? undefined : this.#loaded.get(loopId);
    const stopped = await this.#opening.opened(loopId);
    if (named?.isRunning) throw new LoopStateError(named.id, named.state, 'call stop() before start()');
    const idle = this.#loaded.loops.filter(({ isRunning }) => !isRunning);
    const starting =
      named === undefined ? idle.filter(({ id, desired }) => desired !== 'stopped' && !stopped.has(id)) : [named];
    this.#startTicker();
    await all(
      starting.map(async (supervisor) => {
        const paused = named === undefined && this.#options.store !== undefined && supervisor.desired === 'paused';
        const started = supervisor.start({ paused });
        void supervisor.ended?.then(() => this.#stopTickerIfIdle());
        await started;
        if (supervisor.desired === 'running') this.#want(supervisor, 'running');
      }),
    );
  }

  /**
   * Pauses the given loop, or all running loops. Loops that push to a queue are paused before the loops that read the
   * queue. Resolves when the current iterations have ended, or when the loops are resumed before then.
   *
   * @param loopId - the loop to pause. Default: all running loops
   * @throws {NotFoundError} for an unknown loop
   * @throws {LoopStateError} if the given loop is not running
   */
  async pause(loopId?: string): Promise<void> {
    const paused = this.#loaded.running(loopId);
    for (const supervisor of paused) this.#want(supervisor, 'paused');
    await pauseInOrder(paused);
  }

  /**
   * Resumes the given loop, or all running loops, after a pause.
   *
   * @param loopId - the loop to resume. Default: all running loops
   * @throws {NotFoundError} for an unknown loop
   * @throws {LoopStateError} if the given loop is not running
   */
  resume(loopId?: string): void {
    for (const supervisor of this.#loaded.running(loopId)) {
      this.#want(supervisor, 'running');
      supervisor.resume();
    }
  }

  /**
   * Stops the given loop, or all loops. Loops that read no queue stop first. Loops that read a queue continue until the
   * queue is empty. Each loop then cleans up its nodes. After the timeout, the signals of nodes abort. One second
   * later, threads and processes are terminated, and loops on the event loop are abandoned.
   *
   * @param options - the loop, the time limit and the handling of remaining messages; see `StopOptions`
   * @returns the end of each loop, and the work that was left unfinished
   * @throws {NotFoundError} for an unknown loop
   * @throws {LoopStoreError} after all loops have ended, if the store could not be written
   */
  async stop(options: StopOptions = {}): Promise<StopSummary> {
    const { timeout = 10_000, ...rest } = readStopOptions(options);
    const limit = new Deadline();
    limit.limitTo(timeout);
    try {
      return await this.#stop(rest, limit);
    } finally {
      limit.cancel();
    }
  }

  /**
   * Returns a queue for code outside loops.
   *
   * @throws {NotFoundError} for a queue that is not declared
   */
  queue<Name extends string>(name: Name): QueueHandle<QueueGiven<Queues, Name>> {
    return this.#exchange.handleOf(name);
  }

  /** Returns the current figures of all loops and queues. */
  metrics(): WorkflowMetrics {
    return metricsOf(this.#loaded.loops, this.#exchange, this.deadLetters);
  }

  /** Possible mistakes in the workflow, which do not prevent it from running. Empty before the first start. */
  get warnings(): readonly LoopFault[] {
    return this.#warnings;
  }

  /** Returns the health of the workflow and of each loop. */
  health(): WorkflowHealth {
    return healthOf(this.#loaded.loops, this.#exchange);
  }

  /** Resolves when no loop is running, because each loop has ended or was stopped and was not started again. */
  async ended(): Promise<void> {
    for (;;) {
      const ends = this.#loaded.loops.flatMap(({ ended }) => ended ?? []);
      if (ends.length === 0) return;
      await Promise.all(ends);
    }
  }

  /**
   * Stops all loops and closes the store. The workflow cannot be started again.
   *
   * @example
   * process.on('SIGTERM', () => orchestrator.close({ timeout: 20_000 }));
   * process.on('SIGINT', () => orchestrator.close({ timeout: 1_000 })); // shortens a close in progress
   *
   * @param options - the time limit and the handling of remaining messages; see `CloseOptions`
   * @returns the end of each loop that was running, and the work that was left unfinished
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   * @throws {LoopStoreError} after all loops have ended, if the store could not be written
   */
  async close(options: CloseOptions = {}): Promise<StopSummary> {
    const { timeout = 10_000, drain } = readCloseOptions(options);
    this.#exchange.endPushes();
    this.#deadline.limitTo(timeout);
    await Promise.race([this.#opening.end(), this.#deadline.passed]);
    try {
      return await this.#stop({ drain }, this.#deadline);
    } finally {
      this.#closing ??= this.#release();
      await this.#closing;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #stop(
    { loopId, drain = loopId === undefined }: Omit<StopOptions, 'timeout' | 'deadline'>,
    deadline: Deadline,
  ): Promise<StopSummary> {
    const named = loopId === undefined ? undefined : this.#loaded.get(loopId);
    if (named !== undefined) this.#want(named, 'stopped');
    this.#opening.stop(loopId);
    // Do not wait for modules that are still loading, because they may never finish.
    if (named === undefined) await this.#opening.discard();
    const running = (named === undefined ? this.#loaded.loops : [named]).filter(({ isRunning }) => isRunning);
    const isReading = (id: string) => this.#loaded.get(id).isReading;
    const summary = await stopInTime(running, { exchange: this.#exchange, drain, isReading }, deadline);
    await this.#options.store?.flushed();
    return summary;
  }

  async #release(): Promise<void> {
    this.#deadline.cancel();
    this.#stopTicker();
    this.#exchange.close(new LoopStateError('', 'stopped', 'it was closed, create a new WorkflowOrchestrator'));
    await this.#opening.discard();
    await this.#opening.closeStore();
  }

  #restore(stored: Stored | undefined): void {
    this.#exchange.open(this.#loaded.loops, stored);
    for (const loop of this.#loaded.loops) {
      const desired = stored?.desired.get(loop.id);
      if (desired !== undefined) loop.want(desired);
    }
    this.deadLetters.restore(stored?.deadLetters ?? []);
  }

  /** Records the desired state of a loop. With a store, the next start of the program uses the recorded state. */
  #want(supervisor: Supervisor, state: DesiredState): void {
    const { store } = this.#options;
    if (store !== undefined || state !== 'stopped') supervisor.want(state);
    store?.putDesired(supervisor.id, state);
  }

  #supervisorOf(loop: LoadedLoop, field: string): Supervisor {
    const { registry, orchestrator } = this.#options;
    const overflows = () => this.#exchange.overflows;
    const [placed, newLife] = place(loop, field, { registry, orchestrator, overflows });
    return new Supervisor(placed, newLife, this.#exchange.hostOf(placed));
  }

  async #replay({ loopId, nodeId, value, message }: DeadLetter): Promise<void> {
    if (message === undefined) this.#loaded.get(loopId).replay(nodeId, value);
    else await this.#exchange.pushAgain(message.queue, loopId, message.value, message.carrier ?? captured());
  }

  /** Emits metrics at an interval. The timer also keeps the program alive while loops run. */
  #startTicker(): void {
    this.#ticker ??= setInterval(
      () => this.#announcer.tell('metrics', this.metrics()),
      this.#options.metricsInterval ?? 1_000,
    );
  }

  #stopTickerIfIdle(): void {
    if (!this.#loaded.loops.some(({ isRunning }) => isRunning)) this.#stopTicker();
  }

  #stopTicker(): void {
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }
}
