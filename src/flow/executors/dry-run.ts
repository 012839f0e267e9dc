import { type Logger, messageFirst, NullLogger } from '../../shared/logger.js';
import { checkedBy } from '../../shared/schema-check.js';
import { isPlainObject } from '../../shared/validate.js';
import type { EdgeDefinition, Graph } from '../blueprint.js';
import { NodeCall, noSettings } from '../execution/node-call.js';
import {
  type AbstractNode,
  FlowNode,
  followerOf,
  type IExecutor,
  Node,
  type Registry,
  type RunOptions,
} from '../node.js';
import { ActionResult } from '../node-result.js';
import type { Context } from '../run/result.js';
import { WorkflowState } from '../run/state.js';
import { nodeObjects, Opaque } from '../start-node.js';
import { Route } from './route.js';

/**
 * A node that a dry run has visited, with the code that a real run would execute. See `DryRunResult.steps` for the
 * order of the visits.
 */
export interface DryRunStep {
  /** Id of the node. For a node in a sub-flow, the ids of the surrounding nodes come first: `order/charge`. */
  readonly nodeId: string;
  /** The name of the function, action or class that the node would execute. */
  readonly uses: string;
  /** The action chosen by the node's `post` method; `undefined` if the node has no phases or chose no action. */
  readonly action?: string | undefined;
}

/**
 * The outcome of a dry run: the visited nodes and the last action. The actions chosen by `post` methods are the only
 * data that the nodes themselves produced.
 */
export interface DryRunResult {
  /** The visited nodes, in the order of the walk. */
  readonly steps: readonly DryRunStep[];
  /** The action chosen by the last visited node; `undefined` if that node chose no action. */
  readonly lastAction: string | undefined;
}

/**
 * Walks through a flow without executing its nodes: no function, no action and no `exec` method is called. For nodes
 * with phases, `prep` and `post` are called, and the walk follows the action that `post` returns. Edges that depend on
 * a missing output (edges with conditions, and edges of functions) are all followed. The walk enters sub-flows and
 * batch workers that are flows. Within a flow, each node is visited once. Nothing fails in a dry run, so nodes that run
 * only after a failure are not visited: fallbacks, and nodes with `joinStrategy: 'failed'`.
 *
 * @example
 * const { steps } = await new DryRunExecutor().run(flow, { orderId: 42 });
 * console.log(steps.map(({ nodeId }) => nodeId));
 */
export class DryRunExecutor implements IExecutor {
  /**
   * Walks through a flow from its start nodes. Rejects with the reason of `signal` if the signal is aborted.
   *
   * @param flow - the flow
   * @param context - the data that `prep` and `post` see; a shallow copy is passed to them. Default: empty
   * @param options - only `input`, `logger`, `params` and `signal` are used; an input is checked by the schema of the flow,
   *   if it has one. Default: no input and no logging
   * @returns the visited nodes and the last action
   */
  async run(flow: FlowNode, context: Context = {}, options: RunOptions = {}): Promise<DryRunResult> {
    const logger = messageFirst(options.logger ?? new NullLogger());
    const walk = new Walk(this, logger, options);
    const schema = options.input === undefined ? undefined : flow.schemas.input;
    if (schema !== undefined) await checkedBy(schema, options.input, 'input');
    logger.info(`dry run of "${flow.toBlueprint().id}" begins`);
    await walk.through(flow, flow.registry, new WorkflowState({ ...context }), '', {
      ...flow.params,
      ...options.params,
    });
    logger.info(`dry run of "${flow.toBlueprint().id}" has ended`);
    return { steps: walk.steps, lastAction: walk.steps.at(-1)?.action };
  }

  /** Returns the node that follows `node` in its flow after `action`, or `undefined` at the end of the flow. */
  getNextNode(node: AbstractNode, action: unknown): AbstractNode | undefined {
    return followerOf(node, action);
  }
}

type Params = Readonly<Record<string, unknown>>;

function isGraph(value: unknown): value is Graph {
  return isPlainObject(value) && Array.isArray(value.nodes) && Array.isArray(value.edges);
}

class Walk {
  readonly steps: DryRunStep[] = [];
  /** The flows around the current node. A flow that contains itself is not entered again. */
  readonly #inside: Graph[] = [];

  constructor(
    private readonly executor: IExecutor,
    private readonly logger: Logger,
    private readonly options: RunOptions,
  ) {}

  async through(
    flow: FlowNode | Graph,
    registry: Registry,
    state: WorkflowState,
    path: string,
    params: Params,
  ): Promise<void> {
    const graph = flow instanceof FlowNode ? flow.toBlueprint() : flow;
    if (this.#inside.includes(graph)) return;
    this.#inside.push(graph);
    const objects = nodeObjects(graph, registry);
    const route = new Route(graph);
    for (let id = route.next(); id !== undefined; id = route.next()) {
      this.options.signal?.throwIfAborted();
      const edges = graph.edges.filter(({ source }) => source === id);
      const visit = await this.#visit(objects.get(id) as AbstractNode, registry, state, path, params);
      for (const edge of followed(edges, visit)) route.follow(edge);
    }
    this.#inside.pop();
  }

  async #visit(
    node: AbstractNode,
    registry: Registry,
    state: WorkflowState,
    path: string,
    params: Params,
  ): Promise<Visit> {
    const { id, type, data } = node.graphData as NonNullable<AbstractNode['graphData']>;
    const nodeId = path + id;
    this.logger.info(`dry run visits "${nodeId}"`);
    const step = { nodeId, uses: type };
    const at = this.steps.push(step) - 1;
    const { originalId: _, ...own } = data;
    const all = { ...params, ...own };
    const inner = node instanceof Opaque ? node.inner : node;
    if (inner instanceof FlowNode) {
      await this.through(inner, inner.registry, state, `${nodeId}/`, { ...inner.params, ...all });
    } else if (node instanceof Opaque && isGraph(inner)) {
      await this.through(inner, registry, state, `${nodeId}/`, all);
    } else if (node instanceof Node) {
      const visit = await this.#phases(node, state, id, all);
      if (visit.action !== undefined) this.steps[at] = { ...step, action: visit.action };
      return visit;
    }
    return { hasChosen: false };
  }

  /** Calls `prep` and `post` to find the chosen action. `post` may throw, because the result of `exec` is missing. */
  async #phases(node: Node, state: WorkflowState, id: string, params: Params): Promise<Visit> {
    const settings = { ...noSettings, params, executor: this.executor, logger: this.logger, dependencies: undefined };
    const call = new NodeCall({ id, uses: id }, undefined, state, 1, settings);
    try {
      call.prepRes = await node.prep(call.args);
      const chosen = await node.post(call.args);
      const action = chosen instanceof ActionResult ? chosen.action : chosen;
      return { hasChosen: true, action: typeof action === 'string' ? action : undefined };
    } catch (error) {
      this.logger.warn(`dry run cannot tell what follows "${id}"`, { err: error });
      return { hasChosen: false };
    }
  }
}

/** The outcome of a visit. `hasChosen` is false if the action of the node is unknown. */
interface Visit {
  readonly hasChosen: boolean;
  readonly action?: string | undefined;
}

/**
 * Returns the edges with the chosen action, or else the edges without an action. If the action of the node is unknown,
 * returns all edges.
 */
function followed(edges: readonly EdgeDefinition[], { hasChosen, action }: Visit): readonly EdgeDefinition[] {
  if (!hasChosen) return edges;
  const matching = edges.filter((edge) => edge.action === action && action !== undefined);
  return matching.length > 0 ? matching : edges.filter((edge) => edge.action === undefined);
}
