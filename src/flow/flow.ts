import type { OwnPolicies } from '../kernel/policy.js';
import { aFunction, aName, invalid } from '../shared/validate.js';
import { type Analysis, analyze } from './analysis.js';
import {
  type EdgeDefinition,
  type Graph,
  type NodeDefinition,
  toBlueprint,
  type WorkflowBlueprint,
} from './blueprint.js';
import type { ActionsFrom, ActionsOf, ChoosesNothing, Known } from './chosen-actions.js';
import { defined, nodeDefinition } from './definitions.js';
import type { DryRunExecutor, DryRunResult } from './executors/dry-run.js';
import { InMemoryExecutor } from './executors/in-memory.js';
import {
  type BatchOptions,
  type EdgeOptions,
  type FlowOptions,
  type MergeFunction,
  type NodeOptions,
  type ReadNodeOptions,
  readBatchOptions,
  readEdgeOptions,
  readFlowOptions,
  readNodeOptions,
  readSleepOptions,
  readWaitOptions,
  type SleepOptions,
  type WaitOptions,
} from './flow-options.js';
import { FlowRegistry } from './flow-registry.js';
import { toMermaid } from './mermaid.js';
import {
  AbstractNode,
  type ContinueOptions,
  FlowNode,
  type NodeArgs,
  type NodeImplementation,
  type NodeMiddleware,
  type Registry,
  type RunOptions,
} from './node.js';
import { fix, fixedEdge, fixedNode } from './plan/fixed.js';
import type { Context, WorkflowResult } from './run/result.js';
import { readAnyRunOptions } from './run-options.js';
import { graphFrom, nodeObjects, startsOf } from './start-node.js';

/** An id that is not taken yet. */
type NewId<Id extends string, Ids extends string> = string extends Ids ? Id : Id extends Ids ? never : Id;

/**
 * A graph of actions: which follows which, and under which conditions.
 *
 * @example
 * const flow = new Flow('order')
 *   .node('fetch', fetchOrder, { retry: 3 })
 *   .node('check', (order) => withAction(order.total > 100 ? 'review' : 'ok', order))
 *   .node('charge', charge, { inputs: 'fetch', timeout: 5_000 })
 *   .wait('review')
 *   .edge('fetch', 'check')
 *   .edge('check', 'charge', { action: 'ok' })
 *   .edge('check', 'review', { action: 'review' });
 * const { status, output } = await flow.run({ orderId: '42' });
 */
export class Flow<
  // biome-ignore lint/suspicious/noExplicitAny: a flow that does not say what its context is may keep anything in it
  State extends object = any,
  Result = WorkflowResult<State>,
  Ids extends string = never,
  Nodes extends readonly [id: string, action: string] = never,
> extends FlowNode<State> {
  readonly name: string;
  override params: Record<string, unknown>;
  readonly #options: FlowOptions;
  #nodes: NodeDefinition[] = [];
  #edges: EdgeDefinition[] = [];
  readonly #registry = new FlowRegistry();
  readonly #policies = new Map<string, OwnPolicies>();
  readonly #middleware: NodeMiddleware[] = [];
  #start: AbstractNode | undefined;
  /** Whether it was written as links from a start node. */
  readonly #isLinked: boolean;
  #blueprint: WorkflowBlueprint | undefined;

  /**
   * @param nameOrStart - its name; or the node that it starts with, whose `next` links are followed
   * @throws {ValidationError} for an option that is unknown or of the wrong kind
   */
  constructor(nameOrStart: string | AbstractNode = 'flow', options: FlowOptions = {}) {
    super();
    const read = readFlowOptions(options);
    this.#start = nameOrStart instanceof AbstractNode ? nameOrStart : undefined;
    this.#isLinked = this.#start !== undefined;
    this.name = this.#start === undefined ? aName(nameOrStart, 'name') : 'flow';
    this.params = read.params ?? {};
    this.#options = read;
  }

  /** What its blueprint uses, by name. */
  get registry(): Registry {
    this.toBlueprint();
    return this.#registry.entries;
  }

  get policies(): ReadonlyMap<string, OwnPolicies> {
    return this.#policies;
  }

  get merge(): Readonly<Record<string, MergeFunction>> {
    return this.#options.merge ?? {};
  }

  get middleware(): readonly NodeMiddleware[] {
    return this.#middleware;
  }

  /** The node that it starts with, linked to those that follow. */
  get startNode(): AbstractNode | undefined {
    const blueprint = this.toBlueprint();
    if (this.#start === undefined) {
      const [first] = startsOf(blueprint);
      this.#start = first === undefined ? undefined : nodeObjects(blueprint, this.#registry.entries).get(first);
    }
    return this.#start;
  }

  /**
   * Adds a node.
   *
   * @param id - unique in the flow
   * @param implementation - a function of the input, an action, a class or instance of `Node`, or another flow
   */
  node<Id extends string, Implementation extends NodeImplementation<State>, Fallback extends string = never>(
    id: NewId<Id, Ids>,
    implementation: Implementation,
    options: NodeOptions & { readonly fallback?: Fallback | undefined } = {},
  ): Flow<State, Result, Ids | Id, Nodes | Known<Id, ActionsOf<Implementation>, Fallback>> {
    const { outputs, params, ...rest } = readNodeOptions(options);
    const uses = this.#registry.addNode(id, implementation);
    const isFlow = implementation instanceof FlowNode;
    if (outputs !== undefined && !isFlow) throw invalid(`outputs of "${id}"`, 'left out, since it is no flow', outputs);
    const all = outputs === undefined ? params : { ...params, outputs };
    return isFlow ? this.#add(id, 'subflow', { flow: uses, ...all }, rest) : this.#add(id, uses, all, rest);
  }

  /** Adds a node that handles each item of an array, side by side; its output is the array of theirs. */
  batch<Id extends string>(
    id: NewId<Id, Ids>,
    worker: NodeImplementation<State>,
    options: BatchOptions = {},
  ): Flow<State, Result, Ids | Id, Nodes> {
    const { items, concurrency, failFast, params, ...rest } = readBatchOptions(options);
    const own = {
      worker: this.#registry.addNode(id, worker),
      items,
      concurrency: concurrency === Infinity ? undefined : concurrency,
      failFast,
    };
    return this.#add(id, 'batch', { ...params, ...defined(own) }, rest);
  }

  /** Adds a node that waits for an event from outside; its output is what the run is continued with. */
  wait<Id extends string>(
    id: NewId<Id, Ids>,
    options: WaitOptions = {},
  ): Flow<State, Result, Ids | Id, Nodes | ChoosesNothing<Id>> {
    const { event, ...rest } = readWaitOptions(options);
    return this.#add(id, 'wait', defined({ event }), rest);
  }

  /** Adds a node that waits for a time to come; its output is its input. */
  sleep<Id extends string>(
    id: NewId<Id, Ids>,
    options: SleepOptions,
  ): Flow<State, Result, Ids | Id, Nodes | ChoosesNothing<Id>> {
    const { duration, until, ...rest } = readSleepOptions(options);
    return this.#add(id, 'sleep', defined({ duration, until }), rest);
  }

  /** Adds an edge. */
  edge<Source extends Ids>(
    source: Source,
    target: Ids,
    options: EdgeOptions<State, ActionsFrom<Nodes, Source>> = {},
  ): this {
    const { action, condition, transform } = readEdgeOptions(options as EdgeOptions);
    const number = this.#edges.length + 1;
    const edge = {
      source,
      target,
      ...defined({
        action,
        condition: this.#registry.addEdge('condition', number, condition),
        transform: this.#registry.addEdge('transform', number, transform),
      }),
    };
    this.#edges.push(fixedEdge(edge));
    return this.#changed();
  }

  /** Wraps each execution of its nodes; the first is the outermost. */
  use(middleware: NodeMiddleware): this {
    this.#middleware.push(aFunction(middleware, 'middleware') as NodeMiddleware);
    return this.#changed();
  }

  /** Adds copies of nodes and edges that are data, and what they use from a registry. */
  load(graph: Pick<Graph, 'nodes' | 'edges'>, registry: Registry = {}): this {
    this.#nodes = this.#nodes.concat(graph.nodes.map(fixedNode));
    this.#edges = this.#edges.concat(graph.edges.map(fixedEdge));
    this.#registry.addAll(registry);
    return this.#changed();
  }

  /** The flow as data: frozen, and the same object until the flow is changed. */
  toBlueprint(): WorkflowBlueprint {
    if (this.#blueprint === undefined) {
      const linked = this.#isLinked && this.#start !== undefined ? graphFrom(this.#start) : undefined;
      this.#registry.addAll(linked?.registry ?? {});
      const { version, maxVisits } = this.#options;
      const nodes = [...(linked?.graph.nodes.map(fixedNode) ?? []), ...this.#nodes];
      const edges = [...(linked?.graph.edges.map(fixedEdge) ?? []), ...this.#edges];
      this.#blueprint = fix(toBlueprint({ id: this.name, version, maxVisits, nodes, edges }));
    }
    return this.#blueprint;
  }

  /**
   * Runs it from its start. It resolves with the result however the run ends.
   *
   * Rejects with `BlueprintError` or `ValidationError` before anything has run.
   *
   * @param context - the data that the run begins with; a copy of it becomes the run's context. Default: empty
   */
  run(context: Partial<State>, options: RunOptions & { readonly executor: DryRunExecutor }): Promise<DryRunResult>;
  run(context?: Partial<State>, options?: RunOptions): Promise<Result>;
  async run(context: Partial<State> = {}, options: RunOptions = {}): Promise<Result | DryRunResult> {
    const read = readAnyRunOptions(options);
    const { executor = defaultExecutor() } = read;
    return executor.run(this, context as Context, read);
  }

  /**
   * Goes on with a run: one that waits, was cancelled, has failed, or whose program has crashed. A flow that is run by
   * a runtime with hooks or dependencies is continued by `runtime.continue`.
   *
   * @param run - a result, its `snapshot`, or with `checkpoint` the id of a run in that store
   * @param options - `events` has what has come for the nodes that wait
   */
  continue(run: string | WorkflowResult, options: ContinueOptions = {}): Promise<WorkflowResult<State>> {
    return defaultExecutor().continue<State>(this, run, options);
  }

  /** @deprecated Since 0.9: another name of `continue`. */
  resume(run: string | WorkflowResult, options: ContinueOptions = {}): Promise<WorkflowResult<State>> {
    return this.continue(run, options);
  }

  /** Runs it as a part of another flow, with the executor of that. */
  exec({ executor = defaultExecutor(), context, signal, logger }: NodeArgs): Promise<unknown> {
    return executor.run(this, context, { signal, logger, params: this.params });
  }

  /** Starts, ends, cycles, the longest path. */
  analyze(): Analysis {
    return analyze(this.toBlueprint());
  }

  /** A drawing in Mermaid's language, with how the nodes stand in a run where a result is given. */
  toMermaid(result?: WorkflowResult): string {
    return toMermaid(this.toBlueprint(), result);
  }

  #add<Id extends string>(
    id: string,
    uses: string,
    params: Readonly<Record<string, unknown>> | undefined,
    { retry, timeout, policy, inputs, ...config }: ReadNodeOptions,
  ): Flow<State, Result, Ids | Id, never> {
    const policies = defined({ retry, timeout, policy });
    if (policies !== undefined) this.#policies.set(id, policies as OwnPolicies);
    this.#nodes.push(nodeDefinition({ id, uses, params, inputs, config: { ...config, retry, timeout } }));
    this.#changed();
    return this as unknown as Flow<State, Result, Ids | Id, never>;
  }

  #changed(): this {
    this.#blueprint = undefined;
    if (!this.#isLinked) this.#start = undefined;
    return this;
  }
}

let shared: InMemoryExecutor | undefined;

function defaultExecutor(): InMemoryExecutor {
  shared ??= new InMemoryExecutor();
  return shared;
}
