import type { EdgeDefinition } from '../blueprint.js';
import { NodeCall, noSettings } from '../execution/node-call.js';
import {
  type AbstractNode,
  FlowNode,
  followerOf,
  type IExecutor,
  type Logger,
  Node,
  NullLogger,
  type RunOptions,
} from '../node.js';
import { ActionResult } from '../node-result.js';
import type { Context } from '../result.js';
import { nodeObjects, Opaque, startsOf } from '../start-node.js';
import { WorkflowState } from '../state.js';

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
    const logger = options.logger ?? new NullLogger();
    const walk = new Walk(this, logger, options);
    logger.info(`dry run of "${flow.toBlueprint().id}" begins`);
    await walk.through(flow, new WorkflowState({ ...context }), '');
    logger.info(`dry run of "${flow.toBlueprint().id}" has ended`);
    return { steps: walk.steps, lastAction: walk.steps.at(-1)?.action };
  }

  getNextNode(node: AbstractNode, action: unknown): AbstractNode | undefined {
    return followerOf(node, action);
  }
}

class Walk {
  readonly steps: DryRunStep[] = [];
  /** The flows that the walk is in: one that is part of itself is not gone into again. */
  readonly #inside: FlowNode[] = [];

  constructor(
    private readonly executor: IExecutor,
    private readonly logger: Logger,
    private readonly options: RunOptions,
  ) {}

  async through(flow: FlowNode, state: WorkflowState, path: string): Promise<void> {
    if (this.#inside.includes(flow)) return;
    this.#inside.push(flow);
    const blueprint = flow.toBlueprint();
    const objects = nodeObjects(blueprint, flow.registry);
    const visited = new Set(startsOf(blueprint));
    // The set grows while it is walked.
    for (const id of visited) {
      this.options.signal?.throwIfAborted();
      const edges = blueprint.edges.filter(({ source }) => source === id);
      const action = await this.#visit(objects.get(id) as AbstractNode, state, path);
      for (const { target } of followed(edges, action, objects.get(id))) visited.add(target);
    }
    this.#inside.pop();
  }

  async #visit(node: AbstractNode, state: WorkflowState, path: string): Promise<string | undefined> {
    const { id, type } = node.graphData as NonNullable<AbstractNode['graphData']>;
    const nodeId = path + id;
    this.logger.info(`dry run visits "${nodeId}"`);
    const step = { nodeId, uses: type };
    const at = this.steps.push(step) - 1;
    const inner = node instanceof Opaque ? node.worker : node;
    if (inner instanceof FlowNode) await this.through(inner, state, `${nodeId}/`);
    else if (node instanceof Node) {
      const action = await this.#phases(node, state, id);
      if (action !== undefined) this.steps[at] = { ...step, action };
      return action;
    }
    return undefined;
  }

  async #phases(node: Node, state: WorkflowState, id: string): Promise<string | undefined> {
    const { params = {} } = this.options;
    const settings = { ...noSettings, params, executor: this.executor, logger: this.logger, dependencies: undefined };
    const call = new NodeCall({ id, uses: id }, undefined, state, 1, settings);
    call.prepRes = await node.prep(call);
    const chosen = await node.post(call);
    if (chosen instanceof ActionResult) return chosen.action;
    return typeof chosen === 'string' ? chosen : undefined;
  }
}

/** By the action that was chosen; all of them for a node that could not choose, because it was not executed. */
function followed(
  edges: readonly EdgeDefinition[],
  action: string | undefined,
  node: unknown,
): readonly EdgeDefinition[] {
  if (!(node instanceof Node)) return edges;
  const matching = edges.filter((edge) => edge.action === action && action !== undefined);
  return matching.length > 0 ? matching : edges.filter((edge) => edge.action === undefined);
}
