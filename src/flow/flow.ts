import type { OwnPolicies } from '../kernel/policies/policy.js';
import { ValidationError } from '../shared/errors.js';
import { aFunction, aName, invalid } from '../shared/validate.js';
import { type Analysis, analyze } from './analysis.js';
import {
  type EdgeDefinition,
  type Graph,
  type InputMapping,
  type JoinStrategy,
  type NodeDefinition,
  toBlueprint,
  type WorkflowBlueprint,
} from './blueprint.js';
import { defined, jsonSchemasOf, nodeDefinition } from './definitions.js';
import { type EdgeBefore, type EdgeOptions, edgesBefore, type ReadAfter, readEdgeOptions } from './edge-options.js';
import type { DryRunExecutor, DryRunResult } from './executors/dry-run.js';
import { InMemoryExecutor } from './executors/in-memory.js';
import {
  type BatchWorkOptions,
  type FlowOptions,
  type MergeFunction,
  type ReadNodeOptions,
  readBatchOptions,
  readFlowOptions,
  readNodeOptions,
  readSleepOptions,
  readWaitOptions,
  type SleepSettings,
  type WaitSettings,
  type WorkOptions,
} from './flow-options.js';
import { FlowRegistry } from './flow-registry.js';
import { toMermaid } from './mermaid.js';
import {
  AbstractNode,
  FlowNode,
  type FlowSchemas,
  type NodeArgs,
  type NodeImplementation,
  type NodeMiddleware,
  type Registry,
  type ResultOptions,
  type RunOptions,
} from './node.js';
import { fix, fixedEdge, fixedNode } from './plan/fixed.js';
import type { Context, WorkflowResult } from './run/result.js';
import { readAnyRunOptions } from './run-options.js';
import { graphFrom, nodeObjects, startsOf } from './start-node.js';
import type { Absent, AfterOf, InputOf, OutputsAt } from './typing/after.js';
import type { Around, Between } from './typing/around.js';
import type {
  At,
  EdgeCondition,
  EdgeTransform,
  EdgeValue,
  Either,
  ExactOptions,
  Falling,
  ItemOf,
  Mapped,
  MappedOut,
  NewId,
  NodeCode,
  Placement,
  Unmapped,
  WithBatch,
  WithNode,
  WithSleep,
  WithWait,
} from './typing/builder.js';
import type { Any } from './typing/code.js';
import type { FittingCode, FittingTarget, FittingWorker } from './typing/fits.js';
import type { Known, LabelsOf } from './typing/known.js';
import type {
  ResultOfFlow,
  RunResult,
  StartInput,
  TypedContinueOptions,
  TypedRunOptions,
  TypesOf,
} from './typing/results.js';

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
  Nodes extends Known = Known,
  Options extends FlowOptions = FlowOptions,
> extends FlowNode<State, TypesOf<Nodes, Ids, Options>> {
  /**
   * Makes the compiler compare flows by their members, not by their type arguments, so that a flow with more nodes can be
   * assigned to a variable of the same flow with fewer.
   */
  declare nodeTypes?: { carry(nodes: Required<Nodes>): void }['carry'];
  readonly name: string;
  override params: Record<string, unknown>;
  readonly #options: FlowOptions;
  #nodes: NodeDefinition[] = [];
  #edges: EdgeDefinition[] = [];
  readonly #ids = new Set<string>();
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
  constructor(nameOrStart: string | AbstractNode = 'flow', options: Options & ExactOptions<Options> = {} as never) {
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

  override get schemas(): FlowSchemas {
    return this.#options;
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
   * @param options - what the node follows (`after`), policies, join strategy, fallback and inputs. Default: none
   * @returns this flow, whose type now includes the node
   * @throws {ValidationError} if the implementation or an option is malformed, or if `after` names a node that was not
   *   added before
   *
   * @example
   * .node('check', (order) => withAction(order.total > 100 ? 'review' : 'ok', order), { after: 'fetch' })
   * .node('charge', charge, { after: { check: 'ok' }, retry: 3 })
   */
  node<
    Id extends string,
    Code extends NodeCode<
      State,
      InputOf<Near, Id, StartInput<Ids, Options>, At<After, Join, Inputs, Condition, Transform>>
    >,
    const After extends AfterOf<Ids, Nodes, State> | Absent,
    Condition extends EdgeCondition<State, OutputsAt<Near, After>> | Absent,
    Transform extends EdgeTransform<State, OutputsAt<Near, After>> | Absent,
    Join extends JoinStrategy = 'all',
    Inputs extends InputMapping | Absent = Absent,
    Fallback extends string | undefined = undefined,
    Outputs extends InputMapping | Absent = Absent,
    Near extends Known = Around<Nodes, Id, After>,
  >(
    id: NewId<Id, Ids>,
    implementation: FittingCode<
      Id,
      Code,
      State,
      InputOf<Near, Id, StartInput<Ids, Options>, At<After, Join, Inputs, Condition, Transform>>
    >,
    options: Unmapped<WorkOptions> &
      Placement<After, Join, Condition, Transform> &
      Mapped<Inputs> &
      MappedOut<Outputs> &
      Falling<Fallback> = {},
  ): Flow<
    State,
    Result,
    Ids | Id,
    Nodes | WithNode<Near, Options, Ids, Id, At<After, Join, Inputs, Condition, Transform>, Code, Fallback, Outputs>,
    Options
  > {
    const { outputs, params, ...rest } = readNodeOptions(options);
    const edges = this.#edgesBefore(id, rest);
    const uses = this.#registry.addNode(id, implementation as NodeImplementation);
    const isFlow = (implementation as unknown) instanceof FlowNode;
    if (outputs !== undefined && !isFlow)
      throw invalid(`outputs of "${id}"`, 'left out, because the node is not a flow', outputs);
    const all = outputs === undefined ? params : { ...params, outputs };
    return this.#add(id, isFlow ? 'subflow' : uses, isFlow ? { flow: uses, ...all } : all, rest, edges);
  }

  /**
   * Adds a node that runs `worker` for each item of an array, in parallel. The node's output is the array of the
   * workers' outputs, in the order of the items.
   */
  batch<
    Id extends string,
    Code extends NodeCode<
      State,
      ItemOf<InputOf<Near, Id, StartInput<Ids, Options>, At<After, Join, Either<Inputs, Items>, Condition, Transform>>>
    >,
    const After extends AfterOf<Ids, Nodes, State> | Absent,
    Condition extends EdgeCondition<State, OutputsAt<Near, After>> | Absent,
    Transform extends EdgeTransform<State, OutputsAt<Near, After>> | Absent,
    Join extends JoinStrategy = 'all',
    Inputs extends InputMapping | Absent = Absent,
    Items extends string | Absent = Absent,
    Fallback extends string | undefined = undefined,
    Near extends Known = Around<Nodes, Id, After>,
  >(
    id: NewId<Id, Ids>,
    worker: FittingWorker<
      Id,
      Code,
      State,
      InputOf<Near, Id, StartInput<Ids, Options>, At<After, Join, Either<Inputs, Items>, Condition, Transform>>
    >,
    options: Unmapped<BatchWorkOptions> &
      Placement<After, Join, Condition, Transform> &
      Mapped<Inputs> &
      Falling<Fallback> & { readonly items?: Items | undefined } = {},
  ): Flow<
    State,
    Result,
    Ids | Id,
    | Nodes
    | WithBatch<Near, Options, Ids, Id, At<After, Join, Either<Inputs, Items>, Condition, Transform>, Code, Fallback>,
    Options
  > {
    const { items, concurrency, failFast, params, ...rest } = readBatchOptions(options);
    const edges = this.#edgesBefore(id, rest);
    const own = {
      worker: this.#registry.addNode(id, worker as NodeImplementation),
      items,
      concurrency: concurrency === Infinity ? undefined : concurrency,
      failFast,
    };
    return this.#add(id, 'batch', { ...params, ...defined(own) }, rest, edges);
  }

  /**
   * Adds a node that waits for an external event. When no other node can run, the run ends with the status `awaiting`.
   * To go on, pass the payload of the event to `continue`; the payload becomes the node's output. With a `timeout`, the
   * wait expires if the event has not arrived by then.
   */
  wait<
    Id extends string,
    const After extends AfterOf<Ids, Nodes, State> | Absent,
    Condition extends EdgeCondition<State, OutputsAt<Near, After>> | Absent,
    Join extends JoinStrategy = 'all',
    Event extends string = Id,
    Timeout extends number | Absent = Absent,
    Near extends Known = Around<Nodes, Id, After>,
  >(
    id: NewId<Id, Ids>,
    options: Omit<WaitSettings, 'timeout'> &
      Placement<After, Join, Condition, never> & {
        readonly event?: Event | undefined;
        /**
         * Maximum length of the wait in milliseconds, counted from the start of the node: a finite number greater than 0.
         * When the wait expires, the edges with the action `timeout` are followed, and the output of the node is its
         * input. Without such an edge, the node fails with a `TimeoutError`. Default: no limit.
         */
        readonly timeout?: Timeout | undefined;
      } = {},
  ): Flow<
    State,
    Result,
    Ids | Id,
    Nodes | WithWait<Near, Options, Ids, Id, At<After, Join, Absent, Condition>, Event, Timeout>,
    Options
  > {
    const { event, timeout, ...rest } = readWaitOptions(options);
    return this.#add(id, 'wait', defined({ event, timeout }), rest, this.#edgesBefore(id, rest));
  }

  /** Adds a node that waits for a duration or until a time. The node's output is its input. */
  sleep<
    Id extends string,
    const After extends AfterOf<Ids, Nodes, State> | Absent,
    Condition extends EdgeCondition<State, OutputsAt<Near, After>> | Absent,
    Transform extends EdgeTransform<State, OutputsAt<Near, After>> | Absent,
    Join extends JoinStrategy = 'all',
    Near extends Known = Around<Nodes, Id, After>,
  >(
    id: NewId<Id, Ids>,
    options: SleepSettings & Placement<After, Join, Condition, Transform>,
  ): Flow<
    State,
    Result,
    Ids | Id,
    Nodes | WithSleep<Near, Options, Ids, Id, At<After, Join, Absent, Condition, Transform>>,
    Options
  > {
    const { duration, until, ...rest } = readSleepOptions(options);
    return this.#add(id, 'sleep', defined({ duration, until }), rest, this.#edgesBefore(id, rest));
  }

  /**
   * Adds an edge between two nodes: one that leads back, or one that `after` cannot name because its source is added
   * later. In a chain of calls, add the nodes before their edges, because the types check the ids, the action, and
   * whether the target takes what the source gives.
   *
   * @param source - id of the node that the edge leaves
   * @param target - id of the node that the edge leads to
   * @param options - action, condition and transform. Default: the edge is always followed and passes on the output
   */
  edge<
    Source extends Ids,
    Target extends Ids,
    Transform extends EdgeTransform<State, Any> | Absent,
    Action extends LabelsOf<Near, Source> | undefined = undefined,
    Near extends Known = Between<Nodes, Source, Target>,
  >(
    source: Source,
    target: FittingTarget<Near, Ids, Source, Target, EdgeValue<Near, Source, Action, Transform>>,
    options: Omit<EdgeOptions<State>, 'action' | 'transform'> & {
      readonly action?: Action | undefined;
      readonly transform?: Transform | undefined;
    } = {},
  ): this {
    return this.#addEdge(source, target as string, readEdgeOptions(options));
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
    for (const { id } of graph.nodes) this.#ids.add(id);
    this.#registry.addAll(registry);
    return this.#changed();
  }

  /**
   * Returns the flow as data, with its schemas as JSON Schemas. The blueprint is frozen, and every call returns the same
   * object until the flow is changed.
   */
  toBlueprint(): WorkflowBlueprint {
    if (this.#blueprint === undefined) {
      const linked = this.#isLinked && this.#start !== undefined ? graphFrom(this.#start) : undefined;
      this.#registry.addAll(linked?.registry ?? {});
      const { version, maxVisits } = this.#options;
      const nodes = [...(linked?.graph.nodes.map(fixedNode) ?? []), ...this.#nodes];
      const edges = [...(linked?.graph.edges.map(fixedEdge) ?? []), ...this.#edges];
      const schemas = jsonSchemasOf(this.#options);
      this.#blueprint = fix(toBlueprint({ id: this.name, version, maxVisits, ...schemas, nodes, edges }));
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
  run(
    context: Partial<State>,
    options: TypedRunOptions<TypesOf<Nodes, Ids, Options>> & { readonly executor: DryRunExecutor },
  ): Promise<DryRunResult>;
  run(
    context?: Partial<State>,
    options?: TypedRunOptions<TypesOf<Nodes, Ids, Options>>,
  ): Promise<ResultOfFlow<State, Result, TypesOf<Nodes, Ids, Options>>>;
  async run(context: Partial<State> = {}, options: RunOptions = {}): Promise<unknown> {
    const read = readAnyRunOptions(options);
    const { executor = defaultExecutor() } = read;
    return executor.run(this, context as Context, read);
  }

  /**
   * Continues a run that is waiting, has failed, was cancelled, or was interrupted by a crash. Failed nodes are executed
   * again only if the run has ended as `failed`. If a runtime with hooks or dependencies runs the flow, call
   * `runtime.continue` instead.
   *
   * @param run - a result, its `snapshot`, or the id of a run in the `checkpoint` store
   * @param options - `events` holds the payloads for the waiting nodes; `checkpoint` is the store of the run
   */
  continue(
    run: string | WorkflowResult,
    options: TypedContinueOptions<TypesOf<Nodes, Ids, Options>> = {},
  ): Promise<RunResult<State, TypesOf<Nodes, Ids, Options>>> {
    return defaultExecutor().continue(this, run, options) as Promise<RunResult<State, TypesOf<Nodes, Ids, Options>>>;
  }

  /**
   * Reads the outcome of a run so far, without executing or claiming anything. The status is `running` if the run is in
   * progress, or if it was cancelled or interrupted. If the flow needs a registry or a serializer of a runtime, call
   * `runtime.result` instead.
   *
   * @param run - a result, its `snapshot`, or the id of a run in the `checkpoint` store
   * @param options - `checkpoint` is the store of the run. Default: none, `run` is a result or a snapshot
   * @throws {CheckpointError} if the run is unknown, damaged or belongs to another version of the flow
   */
  result(
    run: string | WorkflowResult,
    options: ResultOptions = {},
  ): Promise<RunResult<State, TypesOf<Nodes, Ids, Options>>> {
    return defaultExecutor().result(this, run, options) as Promise<RunResult<State, TypesOf<Nodes, Ids, Options>>>;
  }

  /** @deprecated Since 0.9: use `continue`. */
  resume(
    run: string | WorkflowResult,
    options: TypedContinueOptions<TypesOf<Nodes, Ids, Options>> = {},
  ): Promise<RunResult<State, TypesOf<Nodes, Ids, Options>>> {
    return this.continue(run, options);
  }

  /** Runs the flow as a node of another flow, with the executor of the outer flow. */
  exec({ executor = defaultExecutor(), input, context, signal, logger }: NodeArgs): Promise<unknown> {
    return executor.run(this, context, { input, signal, logger, params: this.params });
  }

  /** Analyses the shape of the flow: starts, ends, cycles and the longest path. */
  analyze(): Analysis {
    return analyze(this.toBlueprint());
  }

  /** Draws the flow in Mermaid's flowchart language. If a result is given, nodes are coloured by how they ended. */
  toMermaid(result?: WorkflowResult): string {
    return toMermaid(this.toBlueprint(), result);
  }

  #add<Added>(
    id: string,
    uses: string,
    params: Readonly<Record<string, unknown>> | undefined,
    { retry, timeout, policy, limit, inputs, after, condition, transform, ...config }: ReadNodeOptions,
    edges: readonly EdgeBefore[],
  ): Added {
    const policies = defined({ retry, timeout, policy, limit });
    if (policies !== undefined) this.#policies.set(id, policies as OwnPolicies);
    this.#nodes.push(nodeDefinition({ id, uses, params, inputs, config: { ...config, retry, timeout } }));
    this.#ids.add(id);
    for (const { source, options: own } of edges) this.#addEdge(source, id, own);
    return this.#changed() as unknown as Added;
  }

  /** Returns the edges that the options of a node make. */
  #edgesBefore(id: string, options: ReadAfter): readonly EdgeBefore[] {
    const edges = edgesBefore(id, options);
    for (const { source } of edges) {
      if (this.#ids.has(source) || (this.#isLinked && this.#hasLinked(source))) continue;
      throw new ValidationError(
        `after of "${id}" names "${source}", which is not a node yet: add it before "${id}", or use edge`,
      );
    }
    return edges;
  }

  #hasLinked(id: string): boolean {
    return this.toBlueprint().nodes.some((node) => node.id === id);
  }

  #addEdge(source: string, target: string, { action, condition, transform }: EdgeOptions): this {
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
