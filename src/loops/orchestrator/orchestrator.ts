import { EventEmitter } from 'node:events';
import pTimeout from 'p-timeout';
import { type Carrier, captured } from '../../kernel/instrumentation.js';
import { invalid } from '../../shared/validate.js';
import type { Overflow, QueueDefinition } from '../definition.js';
import {
  DeliveryLimitError,
  LoopDefinitionError,
  type LoopFault,
  LoopStateError,
  type LoopStoreError,
  NotFoundError,
} from '../errors.js';
import type { DeadLetter } from '../health.js';
import type { LoopEvent } from '../host.js';
import type { Message } from '../node.js';
import { readQueue } from '../options.js';
import { assertCloneable } from '../pools/cloneable.js';
import type { LoopShape } from '../pools/pool.js';
import type { Patience } from '../queues/message-queue.js';
import type { DesiredState, Stored } from '../store/contracts.js';
import { checkWorkflow, isBehind, warningsOf } from '../workflow.js';
import type {
  LoadedLoop,
  QueueHandle,
  StopOptions,
  StopSummary,
  Workflow,
  WorkflowEvents,
  WorkflowHealth,
  WorkflowMetrics,
  WorkflowOrchestratorOptions,
} from './contracts.js';
import { DeadLetters } from './dead-letters.js';
import { readOptions, readStopOptions, readWorkflow } from './options.js';
import { isRemote, place } from './placing.js';
import { Queues } from './queues.js';
import { stopInOrder } from './stopping.js';
import { type StopReport, Supervisor } from './supervisor.js';
import { LoopLog, outside } from './telling.js';

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
  readonly #log: LoopLog;
  readonly #definitions = new Map<string, QueueDefinition>();
  readonly #loops = new Map<string, Supervisor>();
  readonly #cursors = new Map<string, unknown>();
  #queues: Queues | undefined = undefined;
  #stored: Stored | undefined = undefined;
  #opening: Promise<void> | undefined = undefined;
  #ticker: NodeJS.Timeout | undefined = undefined;
  #isClosed = false;
  #isStoreOpen = false;
  #warnings: readonly LoopFault[] | undefined = undefined;
  /** Why nothing can be stored for now. */
  #storeFailure: LoopStoreError | undefined = undefined;
  #closing: Promise<void> | undefined = undefined;
  /** Starts that wait until all is open, each with what was stopped meanwhile. */
  readonly #starts = new Set<Set<string>>();
  /** How loops are wanted to be. */
  readonly #desired = new Map<string, DesiredState>();
  /** Queues whose messages leave this thread, or are stored. */
  readonly #crossed = new Set<string>();

  /** @throws {ValidationError} for an option that is unknown or of the wrong kind */
  constructor(options: WorkflowOrchestratorOptions = {}) {
    super();
    this.#options = readOptions(options);
    const { deadLetterCapacity = 1_000, store, logger } = this.#options;
    this.#log = new LoopLog(logger);
    this.deadLetters = new DeadLetters(
      deadLetterCapacity,
      (letter) => this.#replay(letter),
      () => store,
      (letter) => this.#onDropped(letter, deadLetterCapacity),
    );
  }

  /**
   * Adds loops, and queues between them. Loops that are put together here are checked at once, those in modules when they
   * are started.
   *
   * @throws {ValidationError} for a field that is unknown or of the wrong kind
   * @throws {LoopDefinitionError} that lists every fault
   */
  load(workflow: Workflow): this {
    const { queues = {}, loops } = readWorkflow(workflow, 'workflow');
    if (this.#opening !== undefined)
      throw new LoopStateError('', 'running', 'workflows are loaded before the first start');
    if (!Array.isArray(loops)) throw invalid('workflow.loops', 'an array', loops);
    const faults: LoopFault[] = [];
    const supervisors = new Map<string, Supervisor>();
    for (const [index, loaded] of loops.entries()) {
      try {
        const supervisor = this.#supervisorOf(loaded, `workflow.loops[${index}]`);
        if (this.#loops.has(supervisor.id) || supervisors.has(supervisor.id)) {
          faults.push({ message: `there are two loops "${supervisor.id}"`, loopId: supervisor.id });
        }
        supervisors.set(supervisor.id, supervisor);
      } catch (error) {
        if (!(error instanceof LoopDefinitionError)) throw error;
        faults.push(...error.faults);
      }
    }
    const definitions = Object.entries(queues).map(
      ([name, queue]) => [name, readQueue(queue, `workflow.queues.${name}`)] as const,
    );
    for (const [name] of definitions) {
      if (this.#definitions.has(name)) faults.push({ message: `there are two queues "${name}"`, queue: name });
    }
    if (faults.length > 0) throw new LoopDefinitionError(faults);
    for (const [name, definition] of definitions) this.#definitions.set(name, definition);
    for (const [id, supervisor] of supervisors) this.#loops.set(id, supervisor);
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
    const named = loopId === undefined ? undefined : this.#get(loopId);
    const stopped = new Set<string>();
    this.#starts.add(stopped);
    const isStopped = () => stopped.has(everything) || (loopId !== undefined && stopped.has(loopId));
    const stoppedEarly = () => new LoopStateError(loopId ?? '', 'stopped', 'it was stopped before it had begun');
    try {
      await this.#opened();
    } catch (error) {
      throw isStopped() ? stoppedEarly() : error;
    } finally {
      this.#starts.delete(stopped);
    }
    if (isStopped()) {
      await this.#discard();
      throw stoppedEarly();
    }
    if (named?.isRunning) throw new LoopStateError(named.id, named.state, 'it has been started');
    const idle = [...this.#loops.values()].filter(({ isRunning }) => !isRunning);
    const starting =
      named === undefined ? idle.filter(({ id }) => this.#desired.get(id) !== 'stopped' && !stopped.has(id)) : [named];
    this.#startTicker();
    await all(
      starting.map(async (supervisor) => {
        const paused =
          named === undefined && this.#options.store !== undefined && this.#desired.get(supervisor.id) === 'paused';
        const started = supervisor.start({ paused });
        void supervisor.ended?.then(() => this.#stopTickerIfIdle());
        await started;
        if (!paused) this.#want(supervisor.id, 'running');
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
    const paused = this.#running(loopId);
    for (const { id } of paused) this.#want(id, 'paused');
    const pauses = new Map<Supervisor, Promise<void>>();
    const pause = (supervisor: Supervisor): Promise<void> => {
      const known = pauses.get(supervisor);
      if (known !== undefined) return known;
      // Who waits for room in a queue is not paused before somebody has read it.
      pauses.set(supervisor, Promise.resolve());
      const before = paused.filter((other) => other !== supervisor && isBehind(supervisor.shape, [other.shape]));
      const pausing = Promise.all(before.map(pause)).then(() => {
        // It may have been resumed meanwhile.
        return this.#desired.get(supervisor.id) === 'paused' ? supervisor.pause() : undefined;
      });
      pauses.set(supervisor, pausing);
      return pausing;
    };
    await all(paused.map(pause));
  }

  /**
   * Has a loop, or all that run, go on where they were paused.
   *
   * @throws {LoopStateError} where the one does not run
   */
  resume(loopId?: string): void {
    for (const supervisor of this.#running(loopId)) {
      this.#want(supervisor.id, 'running');
      supervisor.resume();
    }
  }

  /**
   * Stops a loop, or all. Producers stop first; loops that read go on until their queues are empty; then all that is under
   * way ends, and nodes clean up. Past the deadline signals abort; a second later threads and processes are terminated, and
   * what is on the event loop is left behind.
   *
   * @returns how each has ended, and what was left undone
   * @throws {LoopStoreError} when all has ended, where what was to be stored could not be
   */
  async stop(options: StopOptions = {}): Promise<StopSummary> {
    const { loopId, deadline = 10_000, drain = loopId === undefined } = readStopOptions(options);
    const named = loopId === undefined ? undefined : this.#get(loopId);
    if (named !== undefined) this.#want(named.id, 'stopped');
    for (const start of this.#starts) start.add(loopId ?? everything);
    // Whoever loads a module that takes its time, or never ends, is not waited for.
    if (loopId === undefined) await this.#discard();
    const stopped = (named === undefined ? [...this.#loops.values()] : [named]).filter(({ isRunning }) => isRunning);
    const loops = await this.#stopInTime(stopped, deadline, drain);
    const queues = this.#queues?.metrics() ?? [];
    const summary = {
      loops,
      abandoned: loops.reduce((sum, { inFlight }) => sum + inFlight, 0),
      messages: queues.reduce((sum, { depth, unacknowledged, blocked }) => sum + depth + unacknowledged + blocked, 0),
    };
    await this.#options.store?.flushed();
    return summary;
  }

  /** A queue, for code outside of loops. @throws {NotFoundError} for one that is not declared */
  queue(name: string): QueueHandle {
    if (!this.#definitions.has(name)) throw new NotFoundError('queue', name, [...this.#definitions.keys()]);
    const queues = () => {
      if (this.#isClosed) throw new LoopStateError('', 'stopped', 'it was closed');
      if (this.#queues === undefined)
        throw new LoopStateError('', 'stopped', 'its queues are there when it has been started');
      return this.#queues;
    };
    const { store } = this.#options;
    return {
      push: async (value) => {
        await this.#push(queues(), name, value, captured(), 'while-stored');
        await store?.flushed();
      },
      get metrics() {
        return queues().get(name).metrics;
      },
    };
  }

  /** What everything does at the moment, and has done. */
  metrics(): WorkflowMetrics {
    return {
      loops: [...this.#loops.values()].map((supervisor) => supervisor.metrics()),
      queues: this.#queues?.metrics() ?? [],
      deadLetters: this.deadLetters.size,
      deadLettersDropped: this.deadLetters.dropped,
    };
  }

  /** What may be meant otherwise in the workflow, from its first start on: nothing is wrong with it, and it runs. */
  get warnings(): readonly LoopFault[] {
    return this.#warnings ?? [];
  }

  /** How everything stands. */
  health(): WorkflowHealth {
    const loops = [...this.#loops.values()].map((supervisor) => {
      const { state, nodes, error } = supervisor.metrics();
      const failing = nodes.filter((node) => node.state !== 'healthy').map(({ nodeId }) => nodeId);
      return { loopId: supervisor.id, state, failing, error };
    });
    const hasError = loops.some(({ state }) => state === 'error');
    const store = this.#storeFailure?.message;
    const isFailing =
      store !== undefined || loops.some(({ state, failing }) => state === 'restarting' || failing.length > 0);
    return { status: hasError ? 'error' : isFailing ? 'failing' : 'healthy', store, loops };
  }

  /** Resolves when no loop runs: each has ended by itself, or was stopped, and none was started again since. */
  async ended(): Promise<void> {
    for (;;) {
      const ends = [...this.#loops.values()].flatMap(({ ended }) => ended ?? []);
      if (ends.length === 0) return;
      await Promise.all(ends);
    }
  }

  /** Stops all, and closes the store. It cannot be started again. */
  async close(options: Omit<StopOptions, 'loopId'> = {}): Promise<StopSummary> {
    this.#isClosed = true;
    const { deadline = 10_000 } = readStopOptions(options);
    await this.#discard();
    const opened = this.#opening?.catch(() => undefined);
    if (opened !== undefined)
      await pTimeout(opened, { milliseconds: Math.max(deadline, 1), fallback: () => undefined });
    try {
      return await this.stop(options);
    } finally {
      this.#closing ??= this.#release();
      await this.#closing;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #release(): Promise<void> {
    this.#stopTicker();
    this.#queues?.close(new LoopStateError('', 'stopped', 'it was closed'));
    await this.#discard();
    if (this.#isStoreOpen) await this.#options.store?.close();
  }

  get #shapes(): LoopShape[] {
    return [...this.#loops.values()].map(({ shape }) => shape);
  }

  /** Has loops end; what has not ended in time is ended. */
  async #stopInTime(stopped: readonly Supervisor[], deadline: number, drain: boolean): Promise<StopReport[]> {
    const late = new AbortController();
    const reports: StopReport[] = [];
    const isReading = (loopId: string) => this.#loops.get(loopId)?.isReading === true;
    const stopping = stopInOrder(stopped, { queues: this.#queues, drain, signal: late.signal, isReading }, reports);
    const fallback = () => undefined;
    if ((await pTimeout(stopping, { milliseconds: Math.max(deadline, 1), fallback })) !== undefined) return reports;
    late.abort();
    const inTime = [...reports];
    const problem = `it did not end within ${deadline} ms`;
    const aborted = await Promise.all(
      stopped.map((supervisor) => supervisor.abort(new LoopStateError(supervisor.id, 'stopping', problem))),
    );
    return [...inTime, ...aborted.filter((report) => report !== undefined)];
  }

  /** Opens the store, makes the loops ready, and makes the queues between them; once. */
  async #opened(): Promise<void> {
    if (this.#isClosed) throw new LoopStateError('', 'stopped', 'it was closed');
    this.#opening ??= this.#open();
    try {
      await this.#opening;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
    if (this.#isClosed) throw new LoopStateError('', 'stopped', 'it was closed');
  }

  async #open(): Promise<void> {
    try {
      if (this.#stored === undefined) {
        this.#stored = await this.#options.store?.open((failure) => this.#onStore(failure));
        this.#isStoreOpen = this.#options.store !== undefined;
      }
      if (this.#isClosed) throw new LoopStateError('', 'stopped', 'it was closed');
      if ([...this.#starts].every((stopped) => stopped.has(everything)))
        throw new LoopStateError('', 'stopped', 'it was stopped before it had begun');
      await all([...this.#loops.values()].map((supervisor) => supervisor.prepare()));
      checkWorkflow(this.#shapes, this.#definitions);
      this.#warn(warningsOf(this.#shapes, this.#definitions));
    } catch (error) {
      await this.#discard();
      throw error;
    }
    const { store } = this.#options;
    const onLimit = (message: Message, loopId: string) => this.#onLimit(message, loopId);
    this.#queues = new Queues(this.#definitions, this.#shapes, store, this.#stored, onLimit);
    if (this.#storeFailure !== undefined) this.#queues.hold(this.#storeFailure);
    for (const [loopId, cursor] of this.#stored?.cursors ?? []) this.#cursors.set(loopId, cursor);
    for (const [loopId, state] of this.#stored?.desired ?? []) this.#desired.set(loopId, state);
    for (const { shape, placed } of this.#loops.values()) {
      if (shape.reads !== undefined && (store !== undefined || isRemote(placed))) this.#crossed.add(shape.reads);
    }
    this.deadLetters.restore(this.#stored?.deadLetters ?? []);
  }

  /** Lets go of threads and processes that were made ready and not started. */
  async #discard(): Promise<void> {
    await Promise.all([...this.#loops.values()].map((supervisor) => supervisor.discard()));
  }

  /** With a store, what a loop is wanted to be is known at the next start. */
  #want(loopId: string, state: DesiredState): void {
    const { store } = this.#options;
    if (store !== undefined || state !== 'stopped') this.#desired.set(loopId, state);
    store?.putDesired(loopId, state);
  }

  /** What leaves this thread, or goes to a store, is looked at before. */
  #push(
    queues: Queues,
    name: string,
    value: unknown,
    carrier: Carrier | undefined,
    patience?: Patience,
  ): void | Promise<void> {
    if (this.#crossed.has(name)) assertCloneable(value, `queue "${name}"`);
    return queues.push(name, value, carrier, patience);
  }

  /** What may be meant otherwise, once. */
  #warn(warnings: readonly LoopFault[]): void {
    if (this.#warnings !== undefined) return;
    this.#warnings = warnings;
    for (const warning of warnings) {
      this.#log.warning(warning);
      this.#tell('warning', warning);
    }
  }

  /** The store cannot be written for now, or can again: queues take messages only while they can be stored. */
  #onStore(failure: LoopStoreError | undefined): void {
    this.#storeFailure = failure;
    this.#queues?.hold(failure);
    this.#log.store(failure);
    this.#tell('store', { error: failure });
  }

  #get(loopId: string): Supervisor {
    const supervisor = this.#loops.get(loopId);
    if (supervisor === undefined) throw new NotFoundError('loop', loopId, [...this.#loops.keys()]);
    return supervisor;
  }

  #running(loopId: string | undefined): Supervisor[] {
    if (loopId === undefined) return [...this.#loops.values()].filter(({ isRunning }) => isRunning);
    const supervisor = this.#get(loopId);
    if (!supervisor.isRunning) throw new LoopStateError(loopId, supervisor.state, 'it does not run');
    return [supervisor];
  }

  #supervisorOf(loaded: LoadedLoop, field: string): Supervisor {
    const { registry, orchestrator } = this.#options;
    const around = { registry, orchestrator, overflows: () => this.#overflows };
    const [placed, newLife] = place(loaded, field, around);
    const { id } = placed;
    const cursors = this.#cursors;
    return new Supervisor(placed, newLife, {
      inlet: (queue) => (this.#queues as Queues).reader(queue, id),
      push: (queue, value, carrier) => {
        const queues = this.#queues as Queues;
        return isRemote(placed) ? queues.push(queue, value, carrier) : this.#push(queues, queue, value, carrier);
      },
      get cursor() {
        return cursors.get(id);
      },
      saveCursor: (value) => {
        cursors.set(id, value);
        this.#options.store?.putCursor(id, value);
      },
      report: (event) => this.#onEvent(id, event),
    });
  }

  get #overflows(): Readonly<Record<string, Overflow>> {
    return Object.fromEntries([...this.#definitions].map(([name, { overflow = 'block' }]) => [name, overflow]));
  }

  #onEvent(loopId: string, event: LoopEvent): void {
    this.#log.event(loopId, event);
    switch (event.type) {
      case 'state':
      case 'node':
      case 'failure': {
        const { type, ...rest } = event;
        this.#tell(type, { loopId, ...rest } as never);
        return;
      }
      case 'dead-letter':
        this.#tell('deadLetter', this.deadLetters.add({ ...event.letter, loopId }));
    }
  }

  #onDropped(letter: DeadLetter, capacity: number): void {
    this.#log.dropped(letter, this.deadLetters.dropped, capacity);
    this.#tell('deadLetterDropped', letter);
  }

  /** A message was delivered as often as it may: it is a dead letter. */
  #onLimit({ queue, id, value, deliveries, carrier }: Message, loopId: string): void {
    const error = new DeliveryLimitError(queue, id, deliveries);
    const message = { queue, id, value, carrier };
    this.#onEvent(loopId, { type: 'failure', nodeId: '', iteration: 0, error });
    const letter = { loopId, nodeId: '', iteration: 0, value, error, time: Date.now(), message };
    this.#onEvent(loopId, { type: 'dead-letter', letter });
  }

  async #replay({ loopId, nodeId, value, message }: DeadLetter): Promise<void> {
    if (message !== undefined)
      await this.#queues?.pushAgain(message.queue, loopId, message.value, message.carrier ?? captured());
    else this.#get(loopId).replay(nodeId, value);
  }

  /** What listeners throw is theirs: no loop fails of it. */
  #tell<Name extends keyof WorkflowEvents>(name: Name, ...args: WorkflowEvents[Name]): void {
    // biome-ignore lint/suspicious/noExplicitAny: the names and what comes with them belong together, which is lost here
    outside(() => this.emit(name as any, ...(args as any)));
  }

  /** A workflow that runs keeps the program alive, whatever its loops wait for. */
  #startTicker(): void {
    this.#ticker ??= setInterval(() => this.#tell('metrics', this.metrics()), this.#options.metricsInterval ?? 1_000);
  }

  #stopTickerIfIdle(): void {
    if (![...this.#loops.values()].some(({ isRunning }) => isRunning)) this.#stopTicker();
  }

  #stopTicker(): void {
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }
}

/** In place of the id of a loop. */
const everything = '';

/** Waits for all, also where some fail; then fails like the first. */
async function all(pending: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(pending);
  for (const result of settled) if (result.status === 'rejected') throw result.reason;
}
