import type { Carrier } from '../../kernel/instrumentation.js';
import { LoopStateError } from '../errors.js';
import type { LoopEnd } from '../health.js';
import type { Inlet, LoopEvent, LoopHost } from '../host.js';
import type { LoopShape, PooledLoop } from '../pools/pool.js';
import type { Reader } from '../queues/reader.js';

/** What a loop is given by its workflow: the same for all its lives. */
export interface WorkflowHost extends LoopHost {
  inlet(queue: string): Reader;
}

/** What all lives of a loop have. */
export interface LifeOptions {
  readonly loopId: string;
  readonly host: WorkflowHost;
  /** Called with what happens in a life, as long as it goes on. */
  readonly onEvent: (event: LoopEvent) => void;
}

/**
 * One life of a loop, from the moment its thread or process is made. After its end nothing counts that comes of it, and
 * nobody waits for it any more, whatever its code does.
 */
export class Life implements LoopHost {
  #isOver = false;
  #hasStarted = false;
  /** If true, it goes on until its queue is empty; it ends then if no more messages come. */
  #isReadingOn = false;
  #isDraining = false;
  #inlet: Reader | undefined = undefined;
  /** Pushes that wait for room: what breaks them off, and the queue. */
  readonly #blocked = new Map<(reason: Error) => void, string>();
  #giveUp: (reason: Error) => void = () => {};
  /** Rejects when the life is ended. */
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

  /** If false, it is being made ready: no node of it has run. */
  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** If true, nothing is under way for certain: it reads a queue, and has no message of it. */
  get isIdle(): boolean {
    return this.#inlet !== undefined && this.#inlet.held === 0;
  }

  /** The queues in which it waits for room. */
  get waitsIn(): ReadonlySet<string> {
    return new Set(this.#blocked.values());
  }

  get cursor(): unknown {
    return this.options.host.cursor;
  }

  /** @throws {LoopStateError} where it is ended before it is ready */
  prepare(): Promise<LoopShape> {
    return Promise.race([this.pooled.prepare(), this.#givenUp]);
  }

  /**
   * Starts it, and resolves with its end when it runs.
   *
   * @throws {LoopStateError} where it is ended before it runs
   */
  async start(options: { readonly paused: boolean }): Promise<() => Promise<LoopEnd>> {
    this.#hasStarted = true;
    const starting = this.pooled.start(this, options);
    // It is to drain from its first iteration on.
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
      throw new LoopStateError(this.options.loopId, 'stopped', 'it was left behind, and can push no more');
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

  /** Has it go on until the end of its queue, although it is paused or waits to restart. */
  readOn(): void {
    this.#isReadingOn = true;
    if (this.#hasStarted) this.pooled.stop({ drain: true });
  }

  /** There will be no more messages than there are. */
  drain(): void {
    this.#isDraining = true;
    this.#inlet?.end();
    this.readOn();
  }

  /** Signals abort. Pushes that wait for room wait no longer. */
  abort(reason: Error): void {
    this.pooled.abort(reason);
    for (const reject of this.#blocked.keys()) reject(reason);
  }

  /** What it has not acknowledged is for others, or for the next life. Its thread or process is terminated. */
  async end(): Promise<boolean> {
    this.#isOver = true;
    this.#inlet?.close();
    for (const reject of this.#blocked.keys())
      reject(new LoopStateError(this.options.loopId, 'stopped', 'what it pushed waited for room'));
    this.#giveUp(new LoopStateError(this.options.loopId, 'stopped', 'it was stopped before it had begun'));
    return this.pooled.terminate();
  }
}
