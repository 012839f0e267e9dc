import type { Carrier } from '../kernel/instrumentation.js';
import type { Done, Idle, Routed } from './outcomes.js';

/** What a node gets once, before its first iteration. */
export interface LoopNodeConfig<Options = unknown> {
  readonly loopId: string;
  readonly nodeId: string;
  /** As the definition has them. */
  readonly options: Options;
  /** The way to the queues of the workflow. */
  readonly messaging: Messaging;
  /** Where a producer has got to, as it has saved it last; `undefined` at first, and without a store. */
  readonly cursor: Cursor;
}

/** The way of nodes to queues; which loops are behind them they do not know. */
export interface Messaging {
  /**
   * Puts a value into a queue that the node is declared to push to. A promise comes back where it has to wait for room.
   *
   * @throws {QueueFullError} where the queue is full and its policy is `fail`
   */
  push(queue: string, value: unknown): void | Promise<void>;
}

/** What survives a restart, where the workflow has a store. */
export interface Cursor {
  /** As it was saved last. */
  readonly value: unknown;
  /** It counts from the end of the iteration on: a restart repeats what was not done, and nothing else. */
  save(value: unknown): void;
}

/** What a node gets at each iteration. */
export interface NodeData<Value = unknown> {
  /** What the node before it has given. */
  readonly value: Value;
  readonly loopId: string;
  readonly nodeId: string;
  /** Number of the iteration since the loop was started, from 1. */
  readonly iteration: number;
  /** Number of the call in this iteration, from 1: more than one where the node is tried again. */
  readonly attempt: number;
  /** The message that the iteration is about, where the loop reads a queue one by one. */
  readonly message: Message | undefined;
  /** Those that it is about, where the loop reads a queue in batches. */
  readonly messages: readonly Message[];
  /** Aborts when the loop has to end at once, and when the attempt has timed out. */
  readonly signal: AbortSignal;
}

/** A value in a queue. */
export interface Message<Value = unknown> {
  /** Its number in the queue: the same when it is delivered again, also after a restart with a store. */
  readonly id: number;
  readonly queue: string;
  readonly value: Value;
  /** When it was pushed, in epoch milliseconds. */
  readonly time: number;
  /** How often it has been delivered, this time included. */
  readonly deliveries: number;
  /** The trace that it was pushed in, where there is one: see `Instrumentation`. */
  readonly carrier?: Carrier | undefined;
}

/** The smallest executable unit of a loop. One object lives as long as its loop, and is made anew when it restarts. */
export abstract class BaseNode<In = unknown, Out = unknown, Options = unknown> {
  constructor(readonly config: LoopNodeConfig<Options>) {}

  /** Called once, before the first iteration; it is awaited. One that throws keeps the loop from starting. */
  setUp(): unknown {
    return undefined;
  }

  /** Called in each iteration that reaches the node. */
  abstract run(data: NodeData<In>): Out | Promise<Out>;

  /** Called once after the last iteration, however the loop has ended; it is awaited. */
  cleanUp(): unknown {
    return undefined;
  }
}

/** Runs first in each iteration, and sets its pace. It is not asked again before all blocking nodes have ended. */
export abstract class ProducerNode<Out = unknown, Options = unknown, In = undefined> extends BaseNode<
  In,
  Out | Routed<Out | undefined> | Idle | Done,
  Options
> {}

/** Is awaited: what it returns goes to the nodes behind it, and the next iteration starts when they have ended. */
export abstract class BlockingNode<In = unknown, Out = unknown, Options = unknown> extends BaseNode<
  In,
  Out | Routed<Out | undefined>,
  Options
> {}

/**
 * A side effect: it is called in its turn, its promise is not waited for, and what follows it gets what it got. What it
 * returns is dropped, but for `to(...)` returned at once, which chooses what follows.
 */
export abstract class NonBlockingNode<In = unknown, Options = unknown> extends BaseNode<In, unknown, Options> {}

/** Pushes what it gets into a queue of the workflow, and passes it on. Where the queue is full it waits for room. */
export class QueueNode<Value = unknown> extends BlockingNode<Value, Value, QueueNodeOptions> {
  run({ value }: NodeData<Value>): Value | Promise<Value> {
    const { messaging, options } = this.config;
    const pushed = messaging.push(options.queue, value);
    return pushed === undefined ? value : pushed.then(() => value);
  }
}

export interface QueueNodeOptions {
  readonly queue: string;
}

/**
 * A producer whose iterations are the messages of a queue. They are acknowledged when the iteration has ended, with all
 * that it has started; what was not acknowledged is delivered again. A subclass may make something else of a message.
 */
export class QueueReader<Value = unknown, Out = Value> extends ProducerNode<Out, QueueReaderOptions, Value> {
  run({ value }: NodeData<Value>): Out | Promise<Out> {
    return value as unknown as Out;
  }
}

export interface QueueReaderOptions {
  readonly queue: string;
  /** How many messages an iteration takes at most; then its value is an array. Default: one, and its value. */
  readonly batch?: number | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: any node class, whatever it takes and gives
export type LoopNodeClass = new (config: LoopNodeConfig<any>) => BaseNode<any, any, any>;

/** A node as a plain function, or an action. */
export type LoopNodeFunction<In = unknown, Out = unknown> = (value: In, data: NodeData<In>) => Out;
