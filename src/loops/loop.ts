import type { Orchestrator } from '../kernel/orchestrator.js';
import { anOrchestrator } from '../kernel/origin.js';
import { aFunction, aName, aValue, invalid, isPlainObject } from '../shared/validate.js';
import type {
  Implementation,
  LoopDefinition,
  LoopEdgeDefinition,
  LoopNodeDefinition,
  LoopRegistry,
  LoopRuntime,
  LoopSettings,
  LoopSource,
  NodeKind,
} from './definition.js';
import type { Mistake, NodeClassOf, NodeOf, NodeType, Passed, ReadValue, Taken, TargetOf } from './loop-types.js';
import { type LoopNodeClass, type NodeData, QueueNode, QueueReader } from './node.js';
import { isNodeClass, kindOfClass } from './node-class.js';
import { readLoopSettings, readNode } from './options.js';
import type { Done, Idle, Routed } from './outcomes.js';
import { type Hosting, hosting, ownHosting } from './pools/hosting.js';
import type { QueueValue, TypedQueues } from './queue.js';

/**
 * Settings of a node that is added to a `Loop`: `retry`, `timeout`, `policy`, `limit`, `policies`, `onError`, `options`,
 * and for non-blocking nodes `maxInFlight` and `overflow`. All are optional.
 */
export type NodeSettings = Omit<LoopNodeDefinition, 'id' | 'kind' | 'uses'>;

const anOptionsObject = aValue<LoopOptions>('an object', isPlainObject);

const someQueues = aValue<TypedQueues>('an object of queues by name', isPlainObject);

const aRegistry = aValue<LoopRegistry>('an object of functions and classes by name', isPlainObject);

type Produced<Out> = Out | Routed<Out | undefined> | Idle | Done;

/**
 * A producer as a plain function. Its output starts an iteration. `idle()` means that there is no value at the moment,
 * `done` ends the loop, and `to(...)` chooses the nodes that receive the output.
 */
export type ProducerFunction<Out = unknown> = (data: NodeData<undefined>) => Produced<Out> | Promise<Produced<Out>>;

/**
 * Transforms each message that a reader takes. Receives the value of the message, or an array of values if the reader
 * has a `batch`. The output goes to the nodes after the reader.
 */
export type ReaderFunction = (
  // biome-ignore lint/suspicious/noExplicitAny: only the function knows what is in the queue
  value: any,
  // biome-ignore lint/suspicious/noExplicitAny: as above
  data: NodeData<any>,
) => unknown;

/**
 * Options of `new Loop(id, options)`: the schedule and error policy of `LoopSettings`, the registry and orchestrator of
 * `LoopRuntime`, and the queues that the loop uses. All are optional. Without options the loop runs as fast as possible
 * and continues after failures.
 */
export interface LoopOptions<Queues extends TypedQueues = TypedQueues> extends LoopSettings, LoopRuntime {
  /**
   * The queues that `read` and `push` may name, as passed to `load`. Their types, if `queue` gives them any, are those
   * of the values that `read` and `push` take. Default: any queue, whose values are not checked by types.
   */
  readonly queues?: Queues | undefined;
}

type QueueName<Queues> = keyof Queues & string;

/**
 * A loop: a producer and the nodes after it, repeated until the producer returns `done` or the loop is stopped. Each
 * node follows the node that was added before it. A loop with `edge` calls uses only its edges instead.
 *
 * @example
 * const loop = new Loop('orders', { schedule: { every: 1_000 } })
 *   .producer('poll', async () => (await fetchOrder()) ?? idle())
 *   .blocking('price', (order: Order) => ({ ...order, total: total(order) }))
 *   .nonBlocking('log', (order: Order) => logger.info(order))
 *   .push('out', 'priced');
 *
 * @typeParam Value - the type of the value that the last node passes on. Default: not known
 * @typeParam Queues - the queues that the loop may use, with the types of their messages. Default: any queues
 * @typeParam Nodes - the nodes that were added in the same chain of calls. Default: none
 * @typeParam Mistakes - descriptions of nodes that do not take what the node before them gives. A loop with mistakes
 *   cannot be loaded; edges remove the mistakes, because the order of the nodes does not matter any more. Default: none
 */
export class Loop<
  // biome-ignore lint/suspicious/noExplicitAny: before the first node, nothing is known of the values
  Value = any,
  Queues extends TypedQueues = TypedQueues,
  Nodes extends NodeType = never,
  Mistakes extends string = never,
> {
  /** Carries the mistakes; the property does not exist at run time. */
  declare readonly mistakes?: Mistakes | undefined;
  /** Name of the loop, unique within its workflow. */
  readonly id: string;
  readonly #settings: LoopSettings;
  // biome-ignore lint/suspicious/noExplicitAny: only the caller knows the type of its state
  readonly #orchestrator: Orchestrator<any> | undefined;
  readonly #registry: LoopRegistry;
  readonly #queues: TypedQueues | undefined;
  readonly #nodes: LoopNodeDefinition[] = [];
  readonly #edges: LoopEdgeDefinition[] = [];
  readonly #implementations = new Map<string, Implementation>();

  /**
   * Creates an empty loop. Add exactly one producer or reader before loading it.
   *
   * @param id - name of the loop, unique within its workflow
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   */
  constructor(id: string, options: LoopOptions<Queues> = {}) {
    this.id = aName(id, 'id');
    const { orchestrator, registry = {}, queues, ...settings } = anOptionsObject(options, 'options');
    this.#queues = queues === undefined ? undefined : someQueues(queues, 'queues');
    this.#settings = readLoopSettings(settings);
    this.#orchestrator = orchestrator === undefined ? undefined : anOrchestrator(orchestrator, 'orchestrator');
    this.#registry = aRegistry(registry, 'registry');
  }

  /** Adds the producer, which starts each iteration. Its output goes to the nodes after it. */
  producer<Out, const Id extends string = string>(
    id: Id,
    implementation: ProducerFunction<Out> | NodeClassOf<undefined, Produced<Out> | Promise<Produced<Out>>>,
    settings?: NodeSettings,
  ): Loop<Passed<Out>, Queues, Nodes | readonly [Id, undefined, Passed<Out>], Mistakes> {
    return this.#add(id, 'producer', implementation as Implementation, settings);
  }

  /**
   * Adds a reader: each iteration starts with a message of `queue`.
   *
   * @param queue - name of the queue. In a loop with the option `queues`, one of these
   * @param settings - settings of the node. `batch`: maximum number of messages in an iteration. With `batch`, the
   *   value of the iteration is an array
   * @param implementation - transforms the value of the message. Default: passes the value on unchanged
   * @throws {ValidationError} for a setting that is unknown or of the wrong kind, and for a queue that is not among the
   *   loop's `queues`
   */
  read<
    Name extends QueueName<Queues>,
    Batch extends number | undefined = undefined,
    In = ReadValue<QueueValue<Queues, Name>, Batch>,
    Out = In,
    const Id extends string = string,
  >(
    id: Id,
    queue: Name,
    settings: NodeSettings & { readonly batch?: Batch } = {},
    implementation?: ((value: In, data: NodeData<In>) => Out) | NodeClassOf<In, Out>,
  ): Loop<
    Passed<Awaited<Out>>,
    Queues,
    Nodes | readonly [Id, undefined, Passed<Awaited<Out>>],
    Mistakes | Mistake<Id, ReadValue<QueueValue<Queues, Name>, Batch>, In, 'its queue'>
  > {
    if (!isPlainObject(settings)) throw invalid(`settings of "${id}"`, 'an object', settings);
    const { batch, options, ...rest } = settings;
    const own = { ...options, queue: this.#queueOf(id, queue), ...(batch === undefined ? {} : { batch }) };
    return this.#add(id, 'reader', (implementation ?? QueueReader) as Implementation, { ...rest, options: own });
  }

  /** Adds a node that the loop waits for. Its output goes to the nodes after it. */
  blocking<In = Taken<Value>, Out = unknown, const Id extends string = string>(
    id: Id,
    implementation: ((value: In, data: NodeData<In>) => Out) | NodeClassOf<In, Out>,
    settings?: NodeSettings,
  ): Loop<
    Passed<Awaited<Out>>,
    Queues,
    Nodes | NodeOf<Id, Taken<Value>, In, Passed<Awaited<Out>>>,
    Mistakes | Mistake<Id, Taken<Value>, In>
  > {
    return this.#add(id, 'blocking', implementation as Implementation, settings);
  }

  /** Adds a node that the loop does not wait for. Its input goes to the nodes after it. */
  nonBlocking<In = Taken<Value>, const Id extends string = string>(
    id: Id,
    implementation: ((value: In, data: NodeData<In>) => unknown) | NodeClassOf<In, unknown>,
    settings?: NodeSettings,
  ): Loop<
    unknown extends Value ? In : Value,
    Queues,
    Nodes | NodeOf<Id, Taken<Value>, In, In>,
    Mistakes | Mistake<Id, Taken<Value>, In>
  > {
    return this.#add(id, 'non-blocking', implementation as Implementation, settings);
  }

  /**
   * Adds a node that pushes its input to `queue` and also passes the input on. If the queue is full and its policy is
   * `block`, the loop waits for room.
   *
   * @param queue - name of the queue. In a loop with the option `queues`, one of these
   * @throws {ValidationError} for a queue that is not among the loop's `queues`
   */
  push<Name extends QueueName<Queues>, const Id extends string = string>(
    id: Id,
    queue: Name,
    settings: NodeSettings = {},
  ): Loop<
    Value,
    Queues,
    Nodes | readonly [Id, QueueValue<Queues, Name>, QueueValue<Queues, Name>],
    Mistakes | Mistake<Id, Taken<Value>, QueueValue<Queues, Name>>
  > {
    const own = { ...settings.options, queue: this.#queueOf(id, queue) };
    return this.#add(id, 'queue', QueueNode as LoopNodeClass, { ...settings, options: own });
  }

  /**
   * Adds a node whose kind is determined by its class: `ProducerNode`, `BlockingNode`, `NonBlockingNode`, `QueueNode`
   * or `QueueReader`. Classes that extend `BaseNode` directly are blocking.
   *
   * @throws {ValidationError} if `implementation` is not a class that extends `BaseNode`
   */
  // biome-ignore lint/suspicious/noExplicitAny: types do not tell of which kind the node is, and so what it passes on
  node(id: string, implementation: LoopNodeClass, settings?: NodeSettings): Loop<any, Queues, Nodes, Mistakes> {
    if (!isNodeClass(implementation))
      throw invalid(`implementation of "${id}"`, 'a class that extends BaseNode', implementation);
    return this.#add(id, kindOfClass(implementation) ?? 'blocking', implementation, settings);
  }

  /**
   * Adds an edge: `target` receives the output of `source`. If both nodes were added before in the same chain of calls,
   * the types check that the target takes what the source gives.
   */
  edge<const Source extends string, const Target extends string>(
    source: Source,
    target: TargetOf<Nodes, Source, Target>,
    // biome-ignore lint/suspicious/noExplicitAny: in a loop with edges the order of the nodes tells nothing
  ): Loop<any, Queues, Nodes> {
    this.#edges.push({ source: aName(source, 'source'), target: aName(target, 'target') });
    return this as never;
  }

  /**
   * Returns the loop as plain data, without functions and classes. A registry has to provide each implementation under
   * the name in `uses`, which is the id of the node.
   */
  toDefinition(): LoopDefinition {
    return { id: this.id, ...this.#settings, nodes: [...this.#nodes], ...this.#edgesIfAny() };
  }

  /** The definition of the loop together with its implementations. Argument of `planOf`. */
  get source(): LoopSource {
    return {
      definition: this.toDefinition(),
      implementations: this.#implementations,
      registry: this.#registry,
      orchestrator: this.#orchestrator,
    };
  }

  /**
   * The copy of this package that created the loop. The same copy has to execute the loop, even if the program that
   * starts the loop uses another copy.
   *
   * @internal
   */
  get [hosting](): Hosting {
    return ownHosting;
  }

  #edgesIfAny() {
    return this.#edges.length === 0 ? {} : { edges: [...this.#edges] };
  }

  #queueOf(id: string, queue: string): string {
    if (this.#queues !== undefined && !Object.hasOwn(this.#queues, queue)) {
      const names = Object.keys(this.#queues).join(', ') || 'there are none';
      throw invalid(`queue of "${id}"`, `one of the loop's queues (${names})`, queue);
    }
    return queue;
  }

  /** Adds a node. The loop is the same object after each step; only its type changes. */
  #add(id: string, kind: NodeKind, implementation: Implementation, settings: NodeSettings = {}): never {
    aName(id, 'id');
    aFunction(implementation, `implementation of "${id}"`);
    const isBuiltIn = implementation === QueueNode || implementation === QueueReader;
    const uses = isBuiltIn ? {} : { uses: id };
    this.#nodes.push(readNode({ ...settings, ...uses, id, kind }, ''));
    // A second node with the same id is a fault that `planOf` reports together with all other faults.
    if (!this.#implementations.has(id)) this.#implementations.set(id, implementation);
    return this as never;
  }
}
