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

/** What a node is given besides its implementation. */
export type NodeSettings = Omit<LoopNodeDefinition, 'id' | 'kind' | 'uses'>;

const anOptionsObject = aValue<LoopOptions>('an object', isPlainObject);

const aRegistry = aValue<LoopRegistry>('an object of functions and classes by name', isPlainObject);

type Produced<Out> = Out | Routed<Out | undefined> | Idle | Done;

/** A producer as a plain function. */
export type ProducerFunction<Out = unknown> = (data: NodeData<undefined>) => Produced<Out> | Promise<Produced<Out>>;

/** What a reader may make of each message. */
export type ReaderFunction = (
  // biome-ignore lint/suspicious/noExplicitAny: only the function knows what is in the queue
  value: any,
  // biome-ignore lint/suspicious/noExplicitAny: as above
  data: NodeData<any>,
) => unknown;

export interface LoopOptions extends LoopSettings, LoopRuntime {}

/**
 * A producer and the nodes behind it, which repeat. Nodes follow each other in the order in which they are added, unless
 * edges say otherwise; then edges say all.
 *
 * @example
 * const loop = new Loop('orders', { schedule: { every: 1_000 } })
 *   .producer('poll', async () => (await fetchOrder()) ?? idle())
 *   .blocking('price', (order: Order) => ({ ...order, total: total(order) }))
 *   .nonBlocking('log', (order: Order) => logger.info(order))
 *   .push('out', 'priced');
 */
export class Loop {
  readonly id: string;
  readonly #settings: LoopSettings;
  // biome-ignore lint/suspicious/noExplicitAny: only the caller knows the type of its state
  readonly #orchestrator: Orchestrator<any> | undefined;
  readonly #registry: LoopRegistry;
  readonly #nodes: LoopNodeDefinition[] = [];
  readonly #edges: LoopEdgeDefinition[] = [];
  readonly #implementations = new Map<string, Implementation>();

  /** @throws {ValidationError} for an option that is unknown or of the wrong kind */
  constructor(id: string, options: LoopOptions = {}) {
    this.id = aName(id, 'id');
    const { orchestrator, registry = {}, ...settings } = anOptionsObject(options, 'options');
    this.#settings = readLoopSettings(settings);
    this.#orchestrator = orchestrator === undefined ? undefined : anOrchestrator(orchestrator, 'orchestrator');
    this.#registry = aRegistry(registry, 'registry');
  }

  /** What iterations start with: what it returns goes to the nodes behind it. */
  producer<Out>(id: string, implementation: ProducerFunction<Out> | LoopNodeClass, settings?: NodeSettings): this {
    return this.#add(id, 'producer', implementation as Implementation, settings);
  }

  /** Iterations start with the messages of a queue. */
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

  /** A node that is waited for; what it returns goes on. */
  // biome-ignore lint/suspicious/noExplicitAny: only the function knows what the node before it gives
  blocking<In = any>(
    id: string,
    implementation: ((value: In, data: NodeData<In>) => unknown) | LoopNodeClass,
    settings?: NodeSettings,
  ): this {
    return this.#add(id, 'blocking', implementation as Implementation, settings);
  }

  /** A node that is called and not waited for; what it got goes on. */
  // biome-ignore lint/suspicious/noExplicitAny: only the function knows what the node before it gives
  nonBlocking<In = any>(
    id: string,
    implementation: ((value: In, data: NodeData<In>) => unknown) | LoopNodeClass,
    settings?: NodeSettings,
  ): this {
    return this.#add(id, 'non-blocking', implementation as Implementation, settings);
  }

  /** Puts what it gets into a queue, and passes it on. */
  push(id: string, queue: string, settings: NodeSettings = {}): this {
    return this.#add(id, 'queue', QueueNode as LoopNodeClass, { ...settings, options: { ...settings.options, queue } });
  }

  /** A node of a class, which says what kind it is. */
  node(id: string, implementation: LoopNodeClass, settings?: NodeSettings): this {
    if (!isNodeClass(implementation))
      throw invalid(`implementation of "${id}"`, 'a class that extends BaseNode', implementation);
    return this.#add(id, kindOfClass(implementation) ?? 'blocking', implementation, settings);
  }

  /** Has one node follow another: `target` follows `source`. */
  edge(source: string, target: string): this {
    this.#edges.push({ source: aName(source, 'source'), target: aName(target, 'target') });
    return this;
  }

  /** The loop as data. Functions and classes are not in it: `uses` says what a registry has to call them. */
  toDefinition(): LoopDefinition {
    return { id: this.id, ...this.#settings, nodes: [...this.#nodes], ...this.#edgesIfAny() };
  }

  /** What the loop is put together from. */
  get source(): LoopSource {
    return {
      definition: this.toDefinition(),
      implementations: this.#implementations,
      registry: this.#registry,
      orchestrator: this.#orchestrator,
    };
  }

  /**
   * What carries the loop out: the copy of this package that it is made with, which may be another than the one of the program
   * that starts it.
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
    // A second one of the same name is a fault, which is found with all others.
    if (!this.#implementations.has(id)) this.#implementations.set(id, implementation);
    return this;
  }
}
