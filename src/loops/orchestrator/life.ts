import type { Carrier } from '../../kernel/hooks/instrumentation.js';
import { LoopStateError } from '../errors.js';
import type { LoopEnd } from '../health.js';
import type { Inlet, LoopEvent, LoopHost } from '../host.js';
import type { LoopShape, PooledLoop } from '../pools/pool.js';
import type { Reader } from '../queues/reader.js';

/** The host that a workflow provides to a loop, shared by all lives of the loop. */
export interface WorkflowHost extends LoopHost {
  inlet(queue: string): Reader;
}

/** Options shared by all lives of a loop. */
export interface LifeOptions {
  readonly loopId: string;
  readonly host: WorkflowHost;
  /** Called with the events of a life, until the life ends. */
  readonly onEvent: (event: LoopEvent) => void;
}

/**
 * A single life of a loop, which begins with the creation of its thread or process. After the end of the life, its
 * events, pushes and cursors are ignored and every wait for the life is rejected, even if its code is still running.
 */
export class Life implements LoopHost {
  #isOver = false;
  #hasStarted = false;
  /** If true, the loop drains: it runs until its queue is empty and no more messages can come. */
  #isReadingOn = false;
  #isDraining = false;
  #inlet: Reader | undefined = undefined;
  /** Pushes that wait for room. Maps the function that rejects a push to the name of its queue. */
  readonly #blocked = new Map<(reason: Error) => void, string>();
  #giveUp: (reason: Error) => void = () => {};
  /** Rejects when the life ends. */
  readonly #givenUp: Promise<never>;

  constructor(
    readonly pooled: PooledLoop,
    private readonly options: LifeOptions,
  ) {
    this.#givenUp = new Promise((_, reject) => {
      this.#giveUp = reject;
    });
    this.#givenUp.catch(() => undefined);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** If true, the loop has been started. Before, the loop is only being prepared, and no node has run. */
  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /**
   * If true, the loop is certainly idle, because it reads a queue and holds no message. If false, the loop may still be
   * idle.
   */
  get isIdle(): boolean {
    return this.#inlet !== undefined && this.#inlet.held === 0;
  }

  /** Names of the queues in which a push of the loop waits for room. */
  get waitsIn(): ReadonlySet<string> {
    return new Set(this.#blocked.values());
  }

  get cursor(): unknown {
    return this.options.host.cursor;
  }

  /**
   * Prepares the loop and returns its shape.
   *
   * @throws {LoopStateError} if the life ends first
   */
  prepare(): Promise<LoopShape> {
    return Promise.race([this.pooled.prepare(), this.#givenUp]);
  }

  /**
   * Starts the loop. Resolves when the loop is running, with a function that waits for the end of the loop.
   *
   * @throws {LoopStateError} if the life ends before the loop is running
   */
  async start(options: { readonly paused: boolean }): Promise<() => Promise<LoopEnd>> {
    this.#hasStarted = true;
    const starting = this.pooled.start(this, options);
    // The drain was requested before the start.
    if (this.#isReadingOn) this.pooled.stop({ drain: true });
    const { ended } = await Promise.race([starting, this.#givenUp]);
    return () => Promise.race([ended, this.#givenUp]);
  }

  inlet(queue: string): Inlet {
    this.#inlet = this.options.host.inlet(queue);
    if (this.#isDraining) this.#inlet.end();
    return this.#inlet;
  }

  push(queue: string, value: unknown, carrier?: Carrier): void | Promise<void> {
    if (this.#isOver)
      throw new LoopStateError(
        this.options.loopId,
        'stopped',
        'it can no longer push, end its nodes when data.signal aborts',
      );
    const pushed = this.options.host.push(queue, value, carrier);
    if (pushed === undefined) return undefined;
    return new Promise((resolve, reject) => {
      this.#blocked.set(reject, queue);
      pushed.then(resolve, reject).finally(() => this.#blocked.delete(reject));
    });
  }

  saveCursor(value: unknown): void {
    if (!this.#isOver) this.options.host.saveCursor(value);
  }

  report(event: LoopEvent): void {
    if (!this.#isOver) this.options.onEvent(event);
  }

  /** Makes the loop run until its queue is drained, even if the loop is paused or waits for a restart. */
  readOn(): void {
    this.#isReadingOn = true;
    if (this.#hasStarted) this.pooled.stop({ drain: true });
  }

  /** Drains the loop: no more messages will be pushed to its queue. */
  drain(): void {
    this.#isDraining = true;
    this.#inlet?.end();
    this.readOn();
  }

  /** Aborts the signals of the nodes, and rejects pushes that wait for room. */
  abort(reason: Error): void {
    this.pooled.abort(reason);
    for (const reject of this.#blocked.keys()) reject(reason);
  }

  /**
   * Ends the life: gives unacknowledged messages back to their queue, and terminates the thread or process.
   *
   * @returns true if a thread or process was terminated
   */
  async end(): Promise<boolean> {
    this.#isOver = true;
    this.#inlet?.close();
    for (const reject of this.#blocked.keys())
      reject(
        new LoopStateError(
          this.options.loopId,
          'stopped',
          'it ended while its push waited for room, start a loop that reads the queue',
        ),
      );
    this.#giveUp(
      new LoopStateError(this.options.loopId, 'stopped', 'it was stopped during its start, call start() again'),
    );
    return this.pooled.terminate();
  }
}
