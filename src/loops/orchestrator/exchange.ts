import { type Carrier, captured } from '../../kernel/hooks/instrumentation.js';
import { asSchema } from '../../shared/json-schema.js';
import { checkedBy } from '../../shared/schema-check.js';
import type { Overflow, PlacedLoop, QueueDefinition } from '../definition.js';
import { LoopStateError, type LoopStoreError, NotFoundError } from '../errors.js';
import type { QueueMetrics } from '../health.js';
import type { LoopEvent } from '../host.js';
import type { Message } from '../node.js';
import { assertCloneable } from '../pools/cloneable.js';
import type { Patience } from '../queues/blocked-pushes.js';
import type { LoopStore, Stored } from '../store/contracts.js';
import type { QueueHandle } from './contracts.js';
import { InOrder } from './in-order.js';
import type { WorkflowHost } from './life.js';
import { isRemote } from './placing.js';
import { Queues } from './queues.js';
import type { Supervisor } from './supervisor.js';

/** Options of an `Exchange`: its store, its queues and its callbacks. */
export interface ExchangeOptions {
  readonly store: LoopStore | undefined;
  readonly definitions: ReadonlyMap<string, QueueDefinition>;
  readonly onEvent: (loopId: string, event: LoopEvent) => void;
  /** Called with a message that reached the `maxDeliveries` of its queue. */
  readonly onLimit: (message: Message, loopId: string) => void;
}

/** The queues between loops and the cursors of producers. `open` creates the queues. */
export class Exchange {
  #queues: Queues | undefined = undefined;
  readonly #cursors = new Map<string, unknown>();
  /** Names of queues whose messages leave this thread or are stored. */
  readonly #crossed = new Set<string>();
  /** The order of the pushes from outside loops, by name of the queue. */
  readonly #orders = new Map<string, InOrder>();
  #failure: LoopStoreError | undefined = undefined;
  #isClosed = false;

  constructor(private readonly options: ExchangeOptions) {}

  /** The error of the store. Undefined while messages can be stored. */
  get failure(): LoopStoreError | undefined {
    return this.#failure;
  }

  /** Overflow policies by queue name. */
  get overflows(): Readonly<Record<string, Overflow>> {
    const { definitions } = this.options;
    return Object.fromEntries([...definitions].map(([name, { overflow = 'block' }]) => [name, overflow]));
  }

  /**
   * Creates the queues.
   *
   * @param stored - messages and cursors from the previous run of the program
   */
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

  /** Creates the host of a loop. */
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

  /**
   * Returns a queue for code outside loops.
   *
   * @throws {NotFoundError} for a queue that is not declared
   */
  handleOf(name: string): QueueHandle {
    const { definitions, store } = this.options;
    if (!definitions.has(name)) throw new NotFoundError('queue', name, [...definitions.keys()]);
    const queues = () => {
      if (this.#isClosed) throw new LoopStateError('', 'stopped', 'it was closed, create a new WorkflowOrchestrator');
      if (this.#queues === undefined) throw new LoopStateError('', 'stopped', 'call start() before using its queues');
      return this.#queues;
    };
    return {
      push: async (value) => {
        const { schema } = definitions.get(name) as QueueDefinition;
        const carrier = captured();
        const enter = (checked: unknown) => this.#push(queues(), name, checked, carrier, 'while-stored');
        queues();
        if (schema === undefined) await enter(value);
        else await this.#orderOf(name).after(checkedBy(asSchema(schema), value, `queue "${name}"`), enter);
        await store?.flushed();
      },
      get metrics() {
        return queues().get(name).metrics;
      },
    };
  }

  /** Pushes the value of a replayed dead letter. In a topic, only the given loop receives the value. */
  async pushAgain(name: string, loopId: string, value: unknown, carrier: Carrier | undefined): Promise<void> {
    await this.#queues?.pushAgain(name, loopId, value, carrier);
  }

  /**
   * Stops accepting messages while the store fails, and accepts them again afterwards.
   *
   * @param failure - the error of the store. Default: none, because messages can be stored again
   */
  hold(failure: LoopStoreError | undefined): void {
    this.#failure = failure;
    this.#queues?.hold(failure);
  }

  /** Returns true if the queue is empty. */
  isEmpty(name: string): boolean {
    return this.#queues?.get(name).isEmpty !== false;
  }

  /** Returns true if a push waits for room in the queue, and no loop that satisfies `isReading` reads the queue. */
  isStuck(name: string, isReading: (loopId: string) => boolean): boolean {
    return this.#queues?.isStuck(name, isReading) === true;
  }

  metrics(): readonly QueueMetrics[] {
    return this.#queues?.metrics() ?? [];
  }

  /** Rejects further pushes from outside loops. */
  endPushes(): void {
    this.#isClosed = true;
  }

  /** Closes the queues. Pushes that wait for room fail with `reason`. */
  close(reason: Error): void {
    this.#queues?.close(reason);
  }

  #orderOf(name: string): InOrder {
    const order = this.#orders.get(name) ?? new InOrder();
    this.#orders.set(name, order);
    return order;
  }

  /** Pushes a value. A value that leaves this thread or is stored is checked first. */
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
