import type { Cancellation } from '../../kernel/cancellation.js';
import { type Carrier, captured, restored } from '../../kernel/instrumentation.js';
import type { Message, NodeData } from '../node.js';

const noMessages: readonly Message[] = [];

/** One turn of a loop: it has ended when its chain has, and all that non-blocking nodes have begun in it. */
export class Iteration {
  /** Whether nothing more is to be begun in it. */
  isCut = false;
  /** Whether some of it was left undone, since all had to end: its messages are to be delivered again. */
  isAbandoned = false;
  /** Where the producer has got to with it, if it has said so. */
  cursor: { readonly value: unknown } | undefined = undefined;
  /** The trace of its first task, which those that follow are part of. */
  #carrier: Carrier | undefined = undefined;
  /** The chain, and calls of non-blocking nodes. */
  #open = 1;

  constructor(
    readonly number: number,
    private readonly onEnd: (iteration: Iteration) => void,
    readonly messages: readonly Message[] = noMessages,
  ) {}

  get hasEnded(): boolean {
    return this.#open === 0 && !this.isAbandoned;
  }

  /** Calls work in its trace: that of the message that it is about, where that has one, else a new one. */
  traced<Result>(work: () => Result): Result {
    const carrier = this.#carrier ?? this.messages.find((message) => message.carrier !== undefined)?.carrier;
    return restored(carrier ?? {}, work);
  }

  /** A task of it is under way, and this is called inside. */
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

/** What a node gets at each iteration: own properties, so that copies (`{ ...data }`) have them all. */
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
    /** What is the same for all that the nodes of a loop get. */
    loop: Pick<NodeData, 'loopId' | 'signal'>,
  ) {
    const { messages } = iteration;
    this.loopId = loop.loopId;
    this.iteration = iteration.number;
    this.message = messages.length === 1 ? messages[0] : undefined;
    this.messages = messages;
    // One for the whole life of a loop.
    this.signal = loop.signal;
    this.#iteration = iteration;
  }

  /** What ends the attempt, where that is more than what ends the loop: its timeout. Its signal is made when it is read. */
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
