import type { Cancellation } from '../../kernel/cancellation.js';
import { type Carrier, captured, restored } from '../../kernel/hooks/instrumentation.js';
import type { Message, NodeData } from '../node.js';

const noMessages: readonly Message[] = [];

/**
 * A single iteration of a loop. An iteration has ended when its chain and all calls of non-blocking nodes that it
 * started have ended.
 */
export class Iteration {
  /** If true, no more nodes are called in this iteration. */
  isCut = false;
  /** If true, the iteration was cut short by an abort, so its messages have to be delivered again. */
  isAbandoned = false;
  /** The cursor that the producer saved in this iteration, if any. */
  cursor: { readonly value: unknown } | undefined = undefined;
  /** Trace context of the first task. All later tasks of the iteration belong to the same trace. */
  #carrier: Carrier | undefined = undefined;
  /**
   * Number of calls that have not ended. The chain counts as one call, and each call of a non-blocking node as another.
   */
  #open = 1;

  constructor(
    readonly number: number,
    private readonly onEnd: (iteration: Iteration) => void,
    readonly messages: readonly Message[] = noMessages,
  ) {}

  get hasEnded(): boolean {
    return this.#open === 0 && !this.isAbandoned;
  }

  /**
   * Calls `work` in the trace of the iteration. The trace continues the trace of the message, if the message has one;
   * otherwise a new trace starts.
   */
  traced<Result>(work: () => Result): Result {
    const carrier = this.#carrier ?? this.messages.find((message) => message.carrier !== undefined)?.carrier;
    return restored(carrier ?? {}, work);
  }

  /** Stores the trace context. Called inside the first task. */
  hasTask(): void {
    this.#carrier ??= captured();
  }

  begin(): void {
    this.#open++;
  }

  end(): void {
    if (--this.#open === 0 && !this.isAbandoned && (this.cursor !== undefined || this.messages.length > 0))
      this.onEnd(this);
  }
}

/** Implementation of `NodeData`. All fields are own properties, so that copies (`{ ...data }`) are complete. */
export class IterationData implements NodeData {
  attempt = 0;
  readonly loopId: string;
  readonly iteration: number;
  readonly message: Message | undefined;
  readonly messages: readonly Message[];
  readonly signal: AbortSignal;
  readonly #iteration: Iteration;

  constructor(
    readonly value: unknown,
    readonly nodeId: string,
    iteration: Iteration,
    /** The values that are the same for all nodes of a loop. */
    loop: Pick<NodeData, 'loopId' | 'signal'>,
  ) {
    const { messages } = iteration;
    this.loopId = loop.loopId;
    this.iteration = iteration.number;
    this.message = messages.length === 1 ? messages[0] : undefined;
    this.messages = messages;
    // The signal is the same for the whole life of the loop.
    this.signal = loop.signal;
    this.#iteration = iteration;
  }

  /**
   * Replaces the signal with the signal of an attempt that has a timeout. The new signal is created only when a node
   * reads it.
   */
  endsWith(cancellation: Pick<Cancellation, 'signal'>): void {
    Object.defineProperty(this, 'signal', { get: () => cancellation.signal, enumerable: true, configurable: true });
  }

  /** Calls the node in the trace of the iteration. */
  traced<Result>(work: () => Result): Result {
    return this.#iteration.traced(work);
  }

  hasTask(): void {
    this.#iteration.hasTask();
  }
}
