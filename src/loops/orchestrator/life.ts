import type { Carrier } from '../../instrumentation.js';
import { LoopStateError } from '../errors.js';
import type { Inlet, LoopEvent, LoopHost } from '../host.js';
import type { HostedLoop } from '../pools/pool.js';
import type { Reader } from '../queues/message-queue.js';

/** What a loop is given by its orchestrator: the same for all its lives. */
export interface Surroundings {
  inlet(queue: string): Reader;
  push(queue: string, value: unknown, carrier?: Carrier): void | Promise<void>;
  readonly cursor: unknown;
  saveCursor(value: unknown): void;
  onEvent(event: LoopEvent): void;
}

/** One life of a loop, and what it may do to the world until it is over: after that nothing counts that comes of it. */
export class Life implements LoopHost {
  #isOver = false;
  #isDraining = false;
  #inlet: Reader | undefined = undefined;
  readonly #blocked = new Set<(reason: Error) => void>();

  constructor(
    private readonly loopId: string,
    readonly hosted: HostedLoop,
    private readonly around: Surroundings,
    private readonly onEvent: (event: LoopEvent) => void,
  ) {}

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether it surely has nothing under way: it reads a queue, and has no message of it. */
  get isIdle(): boolean {
    return this.#inlet !== undefined && this.#inlet.held === 0;
  }

  get cursor(): unknown {
    return this.around.cursor;
  }

  inlet(queue: string): Inlet {
    this.#inlet = this.around.inlet(queue);
    if (this.#isDraining) this.#inlet.end();
    return this.#inlet;
  }

  push(queue: string, value: unknown, carrier?: Carrier): void | Promise<void> {
    if (this.#isOver) throw new LoopStateError(this.loopId, 'stopped', 'it was left behind, and can push no more');
    const pushed = this.around.push(queue, value, carrier);
    if (pushed === undefined) return undefined;
    return new Promise((resolve, reject) => {
      this.#blocked.add(reject);
      pushed.then(resolve, reject).finally(() => this.#blocked.delete(reject));
    });
  }

  saveCursor(value: unknown): void {
    if (!this.#isOver) this.around.saveCursor(value);
  }

  report(event: LoopEvent): void {
    if (!this.#isOver) this.onEvent(event);
  }

  /** There will be no more messages than there are. */
  drain(): void {
    this.#isDraining = true;
    this.#inlet?.end();
  }

  /** Pushes that wait for room wait no longer. */
  abort(reason: Error): void {
    for (const reject of this.#blocked) reject(reason);
  }

  /** What it has not acknowledged is for others, or for the next life. */
  end(): void {
    this.#isOver = true;
    this.#inlet?.close();
    this.abort(new LoopStateError(this.loopId, 'stopped', 'what it pushed waited for room'));
  }
}
