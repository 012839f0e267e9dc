import type { Carrier } from '../kernel/hooks/instrumentation.js';
import type { Done, Idle, Routed } from './outcomes.js';

/**
 * The configuration that a node receives once, in its constructor: its ids, its options, access to the queues, and the
 * cursor of the producer. Available as `this.config` in classes that extend `BaseNode`.
 */
export interface LoopNodeConfig<Options = unknown> {
  /** Id of the loop. */
  readonly loopId: string;
  /** Id of the node. */
  readonly nodeId: string;
  /** Options of the node from its definition. Default: `{}`. */
  readonly options: Options;
  /** Access to the queues of the workflow. */
  readonly messaging: Messaging;
  /** The position that the producer saved last. Survives a restart of the program if the workflow has a store. */
  readonly cursor: Cursor;
}

/**
 * Access of nodes to the queues of the workflow, by name. Nodes do not know which loops read a queue. Available as
 * `config.messaging` in classes that extend `BaseNode`.
 */
export interface Messaging {
  /**
   * Pushes a value to a queue. Returns a promise if the push has to wait for room. Declare the queue with a `push` node
   * of the same loop, so that the push is considered when the workflow is checked and when loops are stopped in order.
   *
   * @throws {QueueFullError} if the queue is full and its policy is `fail`
   */
  push(queue: string, value: unknown): void | Promise<void>;
}

/**
 * The position of a producer in its source, for example the last row that was read. With a store the position survives
 * a restart of the program. Save any value that can be cloned.
 */
export interface Cursor {
  /** The value that was saved last; undefined before the first `save`. */
  readonly value: unknown;
  /**
   * Saves a value. The value takes effect when the current iteration and all iterations before it have ended, so a
   * restart repeats only unfinished iterations.
   */
  save(value: unknown): void;
}

/**
 * The data that a node receives with each call: its input, the position of the call (`loopId`, `nodeId`, `iteration`,
 * `attempt`), the messages of the iteration, and the signal that ends the call.
 */
export interface NodeData<Value = unknown> {
  /**
   * The input of the node: the output of the node before it. For a reader: the value of its message or, with `batch`,
   * an array of values.
   */
  readonly value: Value;
  /** Id of the loop. */
  readonly loopId: string;
  /** Id of the node. */
  readonly nodeId: string;
  /**
   * Number of the iteration in the current life of the loop, counted from 1. Restarts by an error policy continue the
   * count.
   */
  readonly iteration: number;
  /** Number of the attempt within this call, counted from 1. Greater than 1 in a retry. */
  readonly attempt: number;
  /** The message of the iteration, if the loop reads a queue and the iteration has exactly one message. */
  readonly message: Message | undefined;
  /** All messages of the iteration. Empty if the loop reads no queue. */
  readonly messages: readonly Message[];
  /** Aborts when the loop has to end at once, or when the attempt has timed out. */
  readonly signal: AbortSignal;
}

/**
 * A value in a queue, with its number and the number of its deliveries. Use `queue` and `id` together as an idempotency
 * key, because a message may be delivered again after a crash.
 */
export interface Message<Value = unknown> {
  /**
   * Number of the message in its queue. Stays the same when the message is delivered again, even after a restart with a
   * store.
   */
  readonly id: number;
  /** Name of the queue. */
  readonly queue: string;
  /** The value that was pushed. */
  readonly value: Value;
  /** Time of the push, in epoch milliseconds. */
  readonly time: number;
  /** Number of deliveries, including the current delivery. */
  readonly deliveries: number;
  /** Trace context of the push, if tracing is on. See `Instrumentation`. */
  readonly carrier?: Carrier | undefined;
}

/**
 * Base class of all nodes. Each life of a loop has one object per node; a restart creates new objects. Extend one of
 * its subclasses, which also define the kind of the node: `ProducerNode`, `BlockingNode`, `NonBlockingNode`,
 * `QueueNode` or `QueueReader`.
 */
export abstract class BaseNode<In = unknown, Out = unknown, Options = unknown> {
  constructor(readonly config: LoopNodeConfig<Options>) {}

  /** Called once before the first iteration, and awaited. An error prevents the loop from starting. */
  setUp(): unknown {
    return undefined;
  }

  /** Called in each iteration that reaches the node. */
  abstract run(data: NodeData<In>): Out | Promise<Out>;

  /** Called once after the last iteration, and awaited, even if the loop failed or was aborted. */
  cleanUp(): unknown {
    return undefined;
  }
}

/**
 * Base class of producers. A producer runs first in each iteration and sets the pace: `run` is called again when all
 * blocking nodes of the iteration have ended. `run` returns a value, `idle()`, `done` or `to(...)`.
 */
export abstract class ProducerNode<Out = unknown, Options = unknown, In = undefined> extends BaseNode<
  In,
  Out | Routed<Out | undefined> | Idle | Done,
  Options
> {}

/**
 * Base class of nodes that the loop waits for. The output of `run` goes to the nodes after this node, and the next
 * iteration starts when those have ended too. `to(...)` chooses among the nodes after this node.
 */
export abstract class BlockingNode<In = unknown, Out = unknown, Options = unknown> extends BaseNode<
  In,
  Out | Routed<Out | undefined>,
  Options
> {}

/**
 * Base class of nodes that the loop does not wait for, for side effects such as logging or sending. The nodes after
 * this node receive its input, not its output. The output is ignored, except for `to(...)` returned synchronously,
 * which chooses among the nodes after this node.
 */
export abstract class NonBlockingNode<In = unknown, Options = unknown> extends BaseNode<In, unknown, Options> {}

/**
 * A node that pushes its input to the queue `options.queue` and also passes the input on. If the queue is full, its
 * overflow policy decides whether the node waits for room, fails or drops a message.
 */
export class QueueNode<Value = unknown> extends BlockingNode<Value, Value, QueueNodeOptions> {
  run({ value }: NodeData<Value>): Value | Promise<Value> {
    const { messaging, options } = this.config;
    const pushed = messaging.push(options.queue, value);
    return pushed === undefined ? value : pushed.then(() => value);
  }
}

/**
 * Options of a `QueueNode`: the queue that the node pushes to. The queue has to be declared in the workflow.
 * `Loop.push(id, queue)` sets this option.
 */
export interface QueueNodeOptions {
  /** Name of the queue. */
  readonly queue: string;
}

/**
 * A producer that starts each iteration with a message of the queue `options.queue`. The message is acknowledged when
 * the iteration has ended, including the calls of non-blocking nodes. Unacknowledged messages are delivered again.
 * Override `run` to transform the value of a message.
 */
export class QueueReader<Value = unknown, Out = Value> extends ProducerNode<Out, QueueReaderOptions, Value> {
  run({ value }: NodeData<Value>): Out | Promise<Out> {
    return value as unknown as Out;
  }
}

/**
 * Options of a `QueueReader`: the queue that the loop reads, and the number of messages in an iteration. `Loop.read(id,
 * queue, { batch })` sets both.
 */
export interface QueueReaderOptions {
  /** Name of the queue. */
  readonly queue: string;
  /**
   * Maximum number of messages in an iteration, at least 1. With this option the value of the iteration is an array.
   * Default: one message, whose value is not wrapped in an array.
   */
  readonly batch?: number | undefined;
}

/**
 * A class that implements a node: any class that extends `BaseNode`. The loop creates one object per life and passes
 * the `LoopNodeConfig` to the constructor. Accepted by `Loop.node`, by the other methods of `Loop`, and in a
 * `LoopRegistry`.
 */
// biome-ignore lint/suspicious/noExplicitAny: any node class, whatever it takes and gives
export type LoopNodeClass = new (config: LoopNodeConfig<any>) => BaseNode<any, any, any>;

/**
 * A node as a plain function, sync or async, or as an action. Receives the input of the node and the `NodeData` of the
 * call. Producers receive only the `NodeData`; see `ProducerFunction`.
 */
export type LoopNodeFunction<In = unknown, Out = unknown> = (value: In, data: NodeData<In>) => Out;
