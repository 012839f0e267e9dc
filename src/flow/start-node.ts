import type { EdgeDefinition, Graph, NodeDefinition } from './blueprint.js';
import { isNodeClass } from './execution/work.js';
import { AbstractNode, type GraphData, type NodeArgs, type NodeFunction, type Registry } from './node.js';

/**
 * Converts between graphs and linked node objects. A flow can be written as links from a start node, and an executor
 * can walk through a flow along such links.
 */

/**
 * Collects the graph that can be reached from `start` along links, with its nodes by id. The id of a node is the name
 * of its class, followed by a number if the name is not unique.
 */
export function graphFrom(start: AbstractNode): { graph: Graph; registry: Registry } {
  const ids = new Map<AbstractNode, string>();
  const registry: Record<string, AbstractNode> = {};
  const nodes: NodeDefinition[] = [];
  const edges: EdgeDefinition[] = [];
  const idOf = (node: AbstractNode) => {
    const known = ids.get(node);
    if (known !== undefined) return known;
    const id = freeName(node, registry);
    ids.set(node, id);
    registry[id] = node;
    node.graphData = { id, type: id, data: { originalId: id } };
    nodes.push({ id, uses: id });
    return id;
  };
  idOf(start);
  // The loop also visits the nodes that `idOf` adds to the map.
  for (const [node, source] of ids) {
    for (const [action, followers] of node.successors) {
      for (const follower of followers) {
        edges.push({ source, target: idOf(follower), ...(action === undefined ? {} : { action }) });
      }
    }
  }
  return { graph: { id: 'flow', nodes, edges }, registry };
}

function freeName(node: AbstractNode, taken: object): string {
  const { name } = node as { name?: unknown };
  const base = typeof name === 'string' ? name : node.constructor.name || 'node';
  let id = base;
  for (let number = 2; Object.hasOwn(taken, id); number++) id = `${base}-${number}`;
  return id;
}

/** Creates the nodes of a graph as objects that are linked along the edges. */
export function nodeObjects({ nodes, edges }: Graph, registry: Registry): Map<string, AbstractNode> {
  const byId = new Map(nodes.map((definition) => [definition.id, objectOf(definition, registry)]));
  for (const { source, target, action } of edges) {
    const follower = byId.get(target);
    if (follower !== undefined) byId.get(source)?.next(follower, action);
  }
  return byId;
}

/**
 * Returns the ids of the nodes that have no predecessor except themselves, or the id of the first node if there are
 * none. Fallbacks are not starts.
 */
export function startsOf({ nodes, edges }: Graph): string[] {
  const targets = new Set(edges.filter(({ source, target }) => source !== target).map(({ target }) => target));
  const fallbacks = new Set(nodes.map(({ config }) => config?.fallback));
  const candidates = nodes.filter(({ id }) => !fallbacks.has(id)).map(({ id }) => id);
  const starts = candidates.filter((id) => !targets.has(id));
  return starts.length > 0 ? starts : candidates.slice(0, 1);
}

function objectOf({ id, uses, params = {} }: NodeDefinition, registry: Registry): AbstractNode {
  const own = (name: unknown) => (Object.hasOwn(registry, String(name)) ? registry[String(name)] : undefined);
  const used = uses === 'subflow' ? own(params.flow) : own(uses);
  const node = isNodeClass(used)
    ? new used()
    : used instanceof AbstractNode
      ? used
      : new Opaque(used, own(params.worker) ?? used);
  return placed(node, { id, type: uses, data: { ...params, originalId: id } });
}

/**
 * Makes a view of a node for one place in a graph, with its own links and graph data, because the same node object may
 * be used in several places.
 */
function placed(node: AbstractNode, graphData: GraphData): AbstractNode {
  const own = { successors: new Map<string | undefined, AbstractNode[]>(), graphData };
  return new Proxy(node, {
    get(target, key, receiver) {
      if (Object.hasOwn(own, key)) return own[key as keyof typeof own];
      const value = Reflect.get(target, key, target);
      if (typeof value !== 'function' || key === 'constructor') return value;
      return value.bind(key === 'next' ? receiver : target);
    },
  });
}

/** A node without phases: a function, or code that only a runtime can execute. */
export class Opaque extends AbstractNode {
  constructor(
    private readonly fn: unknown,
    /** The inner code: the worker of a batch, or a flow that is data. */
    readonly inner: unknown,
  ) {
    super();
  }

  override exec(args: NodeArgs): unknown {
    return typeof this.fn === 'function' ? (this.fn as NodeFunction)(args.input, args) : args.input;
  }
}
