import { type Logger, messageFirst, NullLogger } from '../../shared/logger.js';
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
import { nodeObjects, Opaque, startsOf } from '../start-node.js';

/** A node that a dry run has come by. */
export interface DryRunStep {
  /** The node; in a sub-flow with the nodes around it: `order/charge`. */
  readonly nodeId: string;
  /** What it would execute. */
  readonly uses: string;
  /** The action that its `post` has chosen, if it has phases and chose one. */
  readonly action?: string | undefined;
}

/** What a dry run has come by. */
export interface DryRunResult {
  /** In the order of the walk, each node once. */
  readonly steps: readonly DryRunStep[];
  /** The action that the last node has chosen. */
  readonly lastAction: string | undefined;
}

/**
 * Walks through a flow and executes nothing: no function, no action, no `exec`. Of nodes with phases `prep` and `post`
 * are called, and the action that `post` gives is followed. What depends on an output that there is not (the edges of
 * functions, conditions) is followed everywhere. It goes into sub-flows and workers of batches, and by each node once.
 */
export class DryRunExecutor implements IExecutor {
  async run(flow: FlowNode, context: Context = {}, options: RunOptions = {}): Promise<DryRunResult> {
    const logger = messageFirst(options.logger ?? new NullLogger());
    const walk = new Walk(this, logger, options);
    logger.info(`dry run of "${flow.toBlueprint().id}" begins`);
    await walk.through(flow, flow.registry, new WorkflowState({ ...context }), '', {
      ...flow.params,
      ...options.params,
    });
    logger.info(`dry run of "${flow.toBlueprint().id}" has ended`);
    return { steps: walk.steps, lastAction: walk.steps.at(-1)?.action };
  }

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
  /** The flows that the walk is in: one that is part of itself is not gone into again. */
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
    const visited = new Set(startsOf(graph));
    // The set grows while it is walked.
    for (const id of visited) {
      this.options.signal?.throwIfAborted();
      const edges = graph.edges.filter(({ source }) => source === id);
      const visit = await this.#visit(objects.get(id) as AbstractNode, registry, state, path, params);
      for (const { target } of followed(edges, visit)) visited.add(target);
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

  /** The action that `post` chooses; it may not be able to, without what `exec` would have given. */
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

/** What is known of the edges that are followed from a node. */
interface Visit {
  readonly hasChosen: boolean;
  readonly action?: string | undefined;
}

/** By the action that was chosen; all of them for a node that could not choose, because it was not executed. */
function followed(edges: readonly EdgeDefinition[], { hasChosen, action }: Visit): readonly EdgeDefinition[] {
  if (!hasChosen) return edges;
  const matching = edges.filter((edge) => edge.action === action && action !== undefined);
  return matching.length > 0 ? matching : edges.filter((edge) => edge.action === undefined);
}
