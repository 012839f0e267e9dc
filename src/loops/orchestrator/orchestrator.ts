import { EventEmitter } from 'node:events';
import { captured } from '../../kernel/instrumentation.js';
import { Deadline } from '../../shared/deadline.js';
import { type LoopFault, LoopStateError } from '../errors.js';
import type { DeadLetter } from '../health.js';
import type { DesiredState, Stored } from '../store/contracts.js';
import { Announcer } from './announcer.js';
import type {
  CloseOptions,
  LoadedLoop,
  LoopWorkflow,
  QueueHandle,
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
import { Opening } from './opening.js';
import { readCloseOptions, readOptions, readStopOptions } from './options.js';
import { all, pauseInOrder } from './pausing.js';
import { place } from './placing.js';
import { stopInTime } from './stopping.js';
import { Supervisor } from './supervisor.js';
import { LoopLog } from './telling.js';
import { healthOf, metricsOf } from './views.js';

/**
 * Owns loops, the queues between them, and the pools that they live in.
 *
 * @example
 * const orchestrator = new WorkflowOrchestrator().load({
 *   queues: { lines: { capacity: 10_000 } },
 *   loops: [reader, { id: 'parse', module: new URL('./parse.js', import.meta.url), pool: 'thread' }],
 * });
 * await orchestrator.start();
 * process.once('SIGINT', () => orchestrator.stop());
 */
export class WorkflowOrchestrator extends EventEmitter<WorkflowEvents> {
  readonly deadLetters: DeadLetters;
  readonly #options: WorkflowOrchestratorOptions;
  readonly #loaded = new LoadedWorkflow();
  readonly #announcer: Announcer;
  readonly #exchange: Exchange;
  readonly #opening: Opening;
  /** When `close` has to have ended loops. */
  readonly #deadline = new Deadline();
  #warnings: readonly LoopFault[] = [];
  #closing: Promise<void> | undefined = undefined;
  #ticker: NodeJS.Timeout | undefined = undefined;

  /** @throws {ValidationError} for an option that is unknown or of the wrong kind */
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
    // biome-ignore lint/suspicious/noExplicitAny: the names and what comes with them belong together, which is lost here
    const emit = (name: keyof WorkflowEvents, ...args: any) => void this.emit(name, ...args);
    this.#announcer = new Announcer(new LoopLog(logger), this.deadLetters, emit);
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
   * Adds loops, and queues between them. Loops that are put together here are checked at once, those in modules when they
   * are started.
   *
   * @throws {ValidationError} for a field that is unknown or of the wrong kind
   * @throws {LoopDefinitionError} that lists every fault
   */
  load(workflow: LoopWorkflow): this {
    if (this.#opening.hasBegun) throw new LoopStateError('', 'running', 'workflows are loaded before the first start');
    this.#loaded.add(workflow, (loop, field) => this.#supervisorOf(loop, field));
    return this;
  }

  /**
   * Starts a loop, or all that do not run, side by side. Resolves when all have begun; where one cannot, it rejects, and the
   * others go on. Loops that a store knows as stopped or paused are left so, unless they are named.
   *
   * @throws {LoopDefinitionError} for faults between loops
   * @throws {NotFoundError} for a loop that is not there
   * @throws {LoopModuleError} for a module that cannot be loaded, or holds no loop
   * @throws {LoopStateError} where the named one runs already, or it is stopped before it has begun
   */
  async start(loopId?: string): Promise<void> {
    const named = loopId === undefined ? undefined : this.#loaded.get(loopId);
    const stopped = await this.#opening.opened(loopId);
    if (named?.isRunning) throw new LoopStateError(named.id, named.state, 'it has been started');
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
   * Pauses a loop, or all that run: those that push before those that read. Resolves when the iterations that are under
   * way have ended, or they are resumed.
   *
   * @throws {LoopStateError} where the one does not run
   */
  async pause(loopId?: string): Promise<void> {
    const paused = this.#loaded.running(loopId);
    for (const supervisor of paused) this.#want(supervisor, 'paused');
    await pauseInOrder(paused);
  }

  /**
   * Has a loop, or all that run, go on where they were paused.
   *
   * @throws {LoopStateError} where the one does not run
   */
  resume(loopId?: string): void {
    for (const supervisor of this.#loaded.running(loopId)) {
      this.#want(supervisor, 'running');
      supervisor.resume();
    }
  }

  /**
   * Stops a loop, or all. Producers stop first; loops that read go on until their queues are empty; then all that is under
   * way ends, and nodes clean up. After the timeout signals abort; a second later threads and processes are terminated, and
   * what is on the event loop is left behind.
   *
   * @returns how each has ended, and what was left undone
   * @throws {LoopStoreError} when all has ended, where what was to be stored could not be
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

  /** A queue, for code outside of loops. @throws {NotFoundError} for one that is not declared */
  queue(name: string): QueueHandle {
    return this.#exchange.handleOf(name);
  }

  /** What everything does at the moment, and has done. */
  metrics(): WorkflowMetrics {
    return metricsOf(this.#loaded.loops, this.#exchange, this.deadLetters);
  }

  /** What may be meant otherwise in the workflow, from its first start on: nothing is wrong with it, and it runs. */
  get warnings(): readonly LoopFault[] {
    return this.#warnings;
  }

  /** How everything stands. */
  health(): WorkflowHealth {
    return healthOf(this.#loaded.loops, this.#exchange);
  }

  /** Resolves when no loop runs: each has ended by itself, or was stopped, and none was started again since. */
  async ended(): Promise<void> {
    for (;;) {
      const ends = this.#loaded.loops.flatMap(({ ended }) => ended ?? []);
      if (ends.length === 0) return;
      await Promise.all(ends);
    }
  }

  /**
   * Stops all, and closes the store. It cannot be started again.
   *
   * @example
   * process.on('SIGTERM', () => orchestrator.close({ timeout: 20_000 }));
   * process.on('SIGINT', () => orchestrator.close({ timeout: 1_000 })); // also where the other is under way
   *
   * @returns how each loop has ended that ran, and what was left undone
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   * @throws {LoopStoreError} when all has ended, where what was to be stored could not be
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
    // Whoever loads a module that takes its time, or never ends, is not waited for.
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
    this.#exchange.close(new LoopStateError('', 'stopped', 'it was closed'));
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

  /** With a store, what a loop is wanted to be is known at the next start. */
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

  /** A workflow that runs keeps the program alive, whatever its loops wait for. */
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
