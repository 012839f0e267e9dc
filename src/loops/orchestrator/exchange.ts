import { type Carrier, captured } from '../../kernel/instrumentation.js';
import type { Overflow, PlacedLoop, QueueDefinition } from '../definition.js';
import { LoopStateError, type LoopStoreError, NotFoundError } from '../errors.js';
import type { QueueMetrics } from '../health.js';
import type { LoopEvent } from '../host.js';
import type { Message } from '../node.js';
import { assertCloneable } from '../pools/cloneable.js';
import type { Patience } from '../queues/blocked-pushes.js';
import type { LoopStore, Stored } from '../store/contracts.js';
import type { QueueHandle } from './contracts.js';
import type { WorkflowHost } from './life.js';
import { isRemote } from './placing.js';
import { Queues } from './queues.js';
import type { Supervisor } from './supervisor.js';

/** What an exchange stands on, and whom it tells. */
export interface ExchangeOptions {
  readonly store: LoopStore | undefined;
  readonly definitions: ReadonlyMap<string, QueueDefinition>;
  readonly onEvent: (loopId: string, event: LoopEvent) => void;
  /** Called with a message that was delivered as often as it may. */
  readonly onLimit: (message: Message, loopId: string) => void;
}

/** What loops have between them and behind them: queues, and where producers have got to. There are queues once it is open. */
export class Exchange {
  #queues: Queues | undefined = undefined;
  readonly #cursors = new Map<string, unknown>();
  /** Queues whose messages leave this thread, or are stored. */
  readonly #crossed = new Set<string>();
  #failure: LoopStoreError | undefined = undefined;
  #isClosed = false;

  constructor(private readonly options: ExchangeOptions) {}

  /** Why nothing can be stored for now. */
  get failure(): LoopStoreError | undefined {
    return this.#failure;
  }

  /** What queues do when they are full, by name. */
  get overflows(): Readonly<Record<string, Overflow>> {
    const { definitions } = this.options;
    return Object.fromEntries([...definitions].map(([name, { overflow = 'block' }]) => [name, overflow]));
  }

  /** Makes the queues. @param stored - what was in them, and how far producers had got, when the program ended last */
  open(loops: readonly Supervisor[], stored: Stored | undefined): void {
    const { definitions, store, onLimit } = this.options;
    const shapes = loops.map(({ shape }) => shape);
    this.#queues = new Queues(definitions, shapes, store, stored, onLimit);
    if (this.#failure !== undefined) this.#queues.hold(this.#failure);
    for (const [loopId, cursor] of stored?.cursors ?? []) this.#cursors.set(loopId, cursor);
    for (const { shape, placed } of loops) {
      if (shape.reads !== undefined && (store !== undefined || isRemote(placed))) this.#crossed.add(shape.reads);
    }
  }

  /** What a loop knows of the world. */
  hostOf(placed: PlacedLoop): WorkflowHost {
    const { id } = placed;
    const { store, onEvent } = this.options;
    const cursors = this.#cursors;
    return {
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
        store?.putCursor(id, value);
      },
      report: (event) => onEvent(id, event),
    };
  }

  /** A queue, for code outside of loops. @throws {NotFoundError} for one that is not declared */
  handleOf(name: string): QueueHandle {
    const { definitions, store } = this.options;
    if (!definitions.has(name)) throw new NotFoundError('queue', name, [...definitions.keys()]);
    const queues = () => {
      if (this.#isClosed) throw new LoopStateError('', 'stopped', 'it was closed');
      if (this.#queues === undefined)
        throw new LoopStateError('', 'stopped', 'its queues are there when it has been started');
      return this.#queues;
    };
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

  /** Once more for a loop that has had it already. */
  async pushAgain(name: string, loopId: string, value: unknown, carrier: Carrier | undefined): Promise<void> {
    await this.#queues?.pushAgain(name, loopId, value, carrier);
  }

  /** Queues take messages only while they can be stored. @param failure - why they cannot. Default: they can */
  hold(failure: LoopStoreError | undefined): void {
    this.#failure = failure;
    this.#queues?.hold(failure);
  }

  /** If true, nothing is in the queue. */
  isEmpty(name: string): boolean {
    return this.#queues?.get(name).isEmpty !== false;
  }

  /** If true, someone waits for room in the queue, and no loop that `isReading` would make it. */
  isStuck(name: string, isReading: (loopId: string) => boolean): boolean {
    return this.#queues?.isStuck(name, isReading) === true;
  }

  metrics(): readonly QueueMetrics[] {
    return this.#queues?.metrics() ?? [];
  }

  /** From now on code outside of loops pushes nothing. */
  endPushes(): void {
    this.#isClosed = true;
  }

  /** Nothing is read any more: who waits for room fails. */
  close(reason: Error): void {
    this.#queues?.close(reason);
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
}
