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

/** An id that is not yet in use in the flow. */
type NewId<Id extends string, Ids extends string> = string extends Ids ? Id : Id extends Ids ? never : Id;

/**
 * A graph of nodes and edges: nodes do the work, and edges say which nodes follow and under which conditions. `run`
 * executes the graph.
 *
 * @typeParam State - the type of the context. Default: any object
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
  // biome-ignore lint/suspicious/noExplicitAny: without a type argument the context may hold anything
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
  /** If true, the flow was defined by a start node and its `next` links. */
  readonly #isLinked: boolean;
  #blueprint: WorkflowBlueprint | undefined;

  /**
   * @param nameOrStart - the name of the flow, or its start node, whose `next` links are followed. Default: `flow`
   * @param options - version, limit of visits, parameters and merge functions. Default: none
   * @throws {ValidationError} if an option is unknown or malformed
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

  /** The code that the flow's blueprint refers to, by name. */
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

  /** The first start node as an object, linked to the nodes that follow. `undefined` for a flow without nodes. */
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
   * @param id - id of the node, unique in the flow
   * @param implementation - a function of the input, an action, a class or an instance of `Node`, or another flow
   * @param options - policies, join strategy, fallback and inputs. Default: none
   * @returns this flow, whose type now includes the node
   * @throws {ValidationError} if the implementation or an option is malformed
   */
  node<Id extends string, Implementation extends NodeImplementation<State>, Fallback extends string = never>(
    id: NewId<Id, Ids>,
    implementation: Implementation,
    options: NodeOptions & { readonly fallback?: Fallback | undefined } = {},
  ): Flow<State, Result, Ids | Id, Nodes | Known<Id, ActionsOf<Implementation>, Fallback>> {
    const { outputs, params, ...rest } = readNodeOptions(options);
    const uses = this.#registry.addNode(id, implementation);
    const isFlow = implementation instanceof FlowNode;
    if (outputs !== undefined && !isFlow)
      throw invalid(`outputs of "${id}"`, 'left out, because the node is not a flow', outputs);
    const all = outputs === undefined ? params : { ...params, outputs };
    return isFlow ? this.#add(id, 'subflow', { flow: uses, ...all }, rest) : this.#add(id, uses, all, rest);
  }

  /**
   * Adds a node that runs `worker` for each item of an array, in parallel. The node's output is the array of the
   * workers' outputs, in the order of the items.
   */
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

  /**
   * Adds a node that waits for an external event. When no other node can run, the run ends with the status `awaiting`.
   * To go on, pass the payload of the event to `continue`; the payload becomes the node's output.
   */
  wait<Id extends string>(
    id: NewId<Id, Ids>,
    options: WaitOptions = {},
  ): Flow<State, Result, Ids | Id, Nodes | ChoosesNothing<Id>> {
    const { event, ...rest } = readWaitOptions(options);
    return this.#add(id, 'wait', defined({ event }), rest);
  }

  /** Adds a node that waits for a duration or until a time. The node's output is its input. */
  sleep<Id extends string>(
    id: NewId<Id, Ids>,
    options: SleepOptions,
  ): Flow<State, Result, Ids | Id, Nodes | ChoosesNothing<Id>> {
    const { duration, until, ...rest } = readSleepOptions(options);
    return this.#add(id, 'sleep', defined({ duration, until }), rest);
  }

  /**
   * Adds an edge between two nodes. In a chain of calls, add the nodes before their edges, because the types check the
   * ids.
   *
   * @param source - id of the node that the edge leaves
   * @param target - id of the node that the edge leads to
   * @param options - action, condition and transform. Default: the edge is always followed and passes on the output
   */
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

  /**
   * Adds a function that wraps each execution of the flow's nodes. The function that is added first is the outermost.
   */
  use(middleware: NodeMiddleware): this {
    this.#middleware.push(aFunction(middleware, 'middleware') as NodeMiddleware);
    return this.#changed();
  }

  /** Adds copies of the nodes and edges of a graph, and the code that they refer to. */
  load(graph: Pick<Graph, 'nodes' | 'edges'>, registry: Registry = {}): this {
    this.#nodes = this.#nodes.concat(graph.nodes.map(fixedNode));
    this.#edges = this.#edges.concat(graph.edges.map(fixedEdge));
    this.#registry.addAll(registry);
    return this.#changed();
  }

  /**
   * Returns the flow as data. The blueprint is frozen, and every call returns the same object until the flow is
   * changed.
   */
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
   * Runs the flow from its start. The promise resolves with a result even if the run fails or is cancelled, so check
   * the result's `status`.
   *
   * @param context - the initial data of the run; a copy becomes the context of the run. Default: empty
   * @param options - id, input, limits, executor, checkpoint store and other options of the run. Default: none
   * @throws {BlueprintError} if the flow is faulty; no node has been executed
   * @throws {ValidationError} if an argument is malformed; no node has been executed
   */
  run(context: Partial<State>, options: RunOptions & { readonly executor: DryRunExecutor }): Promise<DryRunResult>;
  run(context?: Partial<State>, options?: RunOptions): Promise<Result>;
  async run(context: Partial<State> = {}, options: RunOptions = {}): Promise<Result | DryRunResult> {
    const read = readAnyRunOptions(options);
    const { executor = defaultExecutor() } = read;
    return executor.run(this, context as Context, read);
  }

  /**
   * Continues a run that is waiting, has failed, was cancelled, or was interrupted by a crash. If a runtime with hooks
   * or dependencies runs the flow, call `runtime.continue` instead.
   *
   * @param run - a result, its `snapshot`, or the id of a run in the `checkpoint` store
   * @param options - `events` holds the payloads for the waiting nodes; `checkpoint` is the store of the run
   */
  continue(run: string | WorkflowResult, options: ContinueOptions = {}): Promise<WorkflowResult<State>> {
    return defaultExecutor().continue<State>(this, run, options);
  }

  /** @deprecated Since 0.9: use `continue`. */
  resume(run: string | WorkflowResult, options: ContinueOptions = {}): Promise<WorkflowResult<State>> {
    return this.continue(run, options);
  }

  /** Runs the flow as a node of another flow, with the executor of the outer flow. */
  exec({ executor = defaultExecutor(), context, signal, logger }: NodeArgs): Promise<unknown> {
    return executor.run(this, context, { signal, logger, params: this.params });
  }

  /** Analyses the shape of the flow: starts, ends, cycles and the longest path. */
  analyze(): Analysis {
    return analyze(this.toBlueprint());
  }

  /** Draws the flow in Mermaid's flowchart language. If a result is given, nodes are coloured by how they ended. */
  toMermaid(result?: WorkflowResult): string {
    return toMermaid(this.toBlueprint(), result);
  }

  #add<Id extends string>(
    id: string,
    uses: string,
    params: Readonly<Record<string, unknown>> | undefined,
    { retry, timeout, policy, limit, inputs, ...config }: ReadNodeOptions,
  ): Flow<State, Result, Ids | Id, never> {
    const policies = defined({ retry, timeout, policy, limit });
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
