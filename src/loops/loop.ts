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
import { type LoopNodeClass, type NodeData, QueueNode, QueueReader } from './node.js';
import { isNodeClass, kindOfClass } from './node-class.js';
import { readLoopSettings, readNode } from './options.js';
import type { Done, Idle, Routed } from './outcomes.js';
import { type Hosting, hosting, ownHosting } from './pools/hosting.js';

/**
 * Settings of a node that is added to a `Loop`: `retry`, `timeout`, `policies`, `onError`, `options`, and for
 * non-blocking nodes `maxInFlight` and `overflow`. All are optional.
 */
export type NodeSettings = Omit<LoopNodeDefinition, 'id' | 'kind' | 'uses'>;

const anOptionsObject = aValue<LoopOptions>('an object', isPlainObject);

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
 * Options of `new Loop(id, options)`: the schedule and error policy of `LoopSettings`, and the registry and
 * orchestrator of `LoopRuntime`. All are optional. Without options the loop runs as fast as possible and continues
 * after failures.
 */
export interface LoopOptions extends LoopSettings, LoopRuntime {}

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
 */
export class Loop {
  /** Name of the loop, unique within its workflow. */
  readonly id: string;
  readonly #settings: LoopSettings;
  // biome-ignore lint/suspicious/noExplicitAny: only the caller knows the type of its state
  readonly #orchestrator: Orchestrator<any> | undefined;
  readonly #registry: LoopRegistry;
  readonly #nodes: LoopNodeDefinition[] = [];
  readonly #edges: LoopEdgeDefinition[] = [];
  readonly #implementations = new Map<string, Implementation>();

  /**
   * Creates an empty loop. Add exactly one producer or reader before loading it.
   *
   * @param id - name of the loop, unique within its workflow
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   */
  constructor(id: string, options: LoopOptions = {}) {
    this.id = aName(id, 'id');
    const { orchestrator, registry = {}, ...settings } = anOptionsObject(options, 'options');
    this.#settings = readLoopSettings(settings);
    this.#orchestrator = orchestrator === undefined ? undefined : anOrchestrator(orchestrator, 'orchestrator');
    this.#registry = aRegistry(registry, 'registry');
  }

  /** Adds the producer, which starts each iteration. Its output goes to the nodes after it. */
  producer<Out>(id: string, implementation: ProducerFunction<Out> | LoopNodeClass, settings?: NodeSettings): this {
    return this.#add(id, 'producer', implementation as Implementation, settings);
  }

  /**
   * Adds a reader: each iteration starts with a message of `queue`.
   *
   * @param settings - settings of the node. `batch`: maximum number of messages in an iteration. With `batch`, the
   *   value of the iteration is an array
   * @param implementation - transforms the value of the message. Default: passes the value on unchanged
   * @throws {ValidationError} for a setting that is unknown or of the wrong kind
   */
  read(
    id: string,
    queue: string,
    settings: NodeSettings & { readonly batch?: number } = {},
    implementation?: ReaderFunction | LoopNodeClass,
  ): this {
    if (!isPlainObject(settings)) throw invalid(`settings of "${id}"`, 'an object', settings);
    const { batch, options, ...rest } = settings;
    const own = { ...options, queue, ...(batch === undefined ? {} : { batch }) };
    return this.#add(id, 'reader', (implementation ?? QueueReader) as Implementation, { ...rest, options: own });
  }

  /** Adds a node that the loop waits for. Its output goes to the nodes after it. */
  // biome-ignore lint/suspicious/noExplicitAny: only the function knows what the node before it gives
  blocking<In = any>(
    id: string,
    implementation: ((value: In, data: NodeData<In>) => unknown) | LoopNodeClass,
    settings?: NodeSettings,
  ): this {
    return this.#add(id, 'blocking', implementation as Implementation, settings);
  }

  /** Adds a node that the loop does not wait for. Its input goes to the nodes after it. */
  // biome-ignore lint/suspicious/noExplicitAny: only the function knows what the node before it gives
  nonBlocking<In = any>(
    id: string,
    implementation: ((value: In, data: NodeData<In>) => unknown) | LoopNodeClass,
    settings?: NodeSettings,
  ): this {
    return this.#add(id, 'non-blocking', implementation as Implementation, settings);
  }

  /**
   * Adds a node that pushes its input to `queue` and also passes the input on. If the queue is full and its policy is
   * `block`, the loop waits for room.
   */
  push(id: string, queue: string, settings: NodeSettings = {}): this {
    return this.#add(id, 'queue', QueueNode as LoopNodeClass, { ...settings, options: { ...settings.options, queue } });
  }

  /**
   * Adds a node whose kind is determined by its class: `ProducerNode`, `BlockingNode`, `NonBlockingNode`, `QueueNode`
   * or `QueueReader`. Classes that extend `BaseNode` directly are blocking.
   *
   * @throws {ValidationError} if `implementation` is not a class that extends `BaseNode`
   */
  node(id: string, implementation: LoopNodeClass, settings?: NodeSettings): this {
    if (!isNodeClass(implementation))
      throw invalid(`implementation of "${id}"`, 'a class that extends BaseNode', implementation);
    return this.#add(id, kindOfClass(implementation) ?? 'blocking', implementation, settings);
  }

  /** Adds an edge: `target` receives the output of `source`. */
  edge(source: string, target: string): this {
    this.#edges.push({ source: aName(source, 'source'), target: aName(target, 'target') });
    return this;
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

  #add(id: string, kind: NodeKind, implementation: Implementation, settings: NodeSettings = {}): this {
    aName(id, 'id');
    aFunction(implementation, `implementation of "${id}"`);
    const isBuiltIn = implementation === QueueNode || implementation === QueueReader;
    const uses = isBuiltIn ? {} : { uses: id };
    this.#nodes.push(readNode({ ...settings, ...uses, id, kind }, ''));
    // A second node with the same id is a fault that `planOf` reports together with all other faults.
    if (!this.#implementations.has(id)) this.#implementations.set(id, implementation);
    return this;
  }
}
