import type { PolicyOptions } from '../kernel/policy.js';

/**
 * A flow as data. A blueprint is JSON: it can be stored, sent and drawn. It can run in any program whose registry has
 * the code that its nodes refer to.
 */

/**
 * The condition under which a node with several predecessors becomes ready: after all of them have passed on a value
 * (`all`), or after the first (`any`). The default is `all`. Predecessors that are skipped are not waited for.
 */
export type JoinStrategy = 'all' | 'any';

/**
 * The source of a value: a path or an expression.
 *
 * A path is `fetch` or `fetch.user.name`; its first part is a node id or a key of the context. An expression can use
 * `context` and `params`.
 */
export type InputSource = string;

/**
 * The input of a node: one source, or an object whose properties each have a source. With `{ user: 'fetch.user', total:
 * 'sum' }` the node gets an object with `user` and `total`.
 */
export type InputMapping = InputSource | Readonly<Record<string, InputSource>>;

/**
 * The part of a node definition that says how the node is executed: its retry and timeout policies, its join strategy,
 * its fallback and its limit of visits. Only JSON data; policies that are functions cannot be in a blueprint.
 */
export interface NodeConfig extends Pick<PolicyOptions<never>, 'retry' | 'timeout'> {
  /**
   * With `none`, only the policies in this object apply, without any defaults. Default: policies that this object
   * leaves out are inherited.
   */
  readonly policies?: 'none' | undefined;
  /** The condition under which the node becomes ready. Default: `all`. */
  readonly joinStrategy?: JoinStrategy | undefined;
  /** Id of the node that runs instead if this node fails. Default: none. */
  readonly fallback?: string | undefined;
  /** The maximum number of visits in one run: a whole number of at least 1. Default: the flow's `maxVisits`. */
  readonly maxVisits?: number | undefined;
}

/**
 * A node of a blueprint, as data. The code of the node is in a registry under the name `uses`; everything else that the
 * node needs is in this object.
 */
export interface NodeDefinition {
  /** Id of the node, unique in the blueprint. Not `__proto__`, `constructor` or `prototype`. */
  readonly id: string;
  /**
   * Name of the node's code: a key of the registry, or one of the built-in kinds `wait`, `sleep`, `subflow` and
   * `batch`.
   */
  readonly uses: string;
  /** Parameters for the node's code, which gets them as `args.params`. Default: none. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  /**
   * The source of the node's input. Default: the predecessor's output; with several predecessors, an object of outputs
   * by node id.
   */
  readonly inputs?: InputMapping | undefined;
  /** Policies, join strategy, fallback and limit of visits. Default: none. */
  readonly config?: NodeConfig | undefined;
}

/**
 * An edge of a blueprint: after `source` has completed, the edge leads to `target` and passes on a value. The edge is
 * followed only if its action and its condition allow it.
 */
export interface EdgeDefinition {
  /** Id of the node that the edge leaves. */
  readonly source: string;
  /** Id of the node that the edge leads to. */
  readonly target: string;
  /**
   * The action that the source must choose for the edge to be followed. Default: the edge is followed if no edge of the
   * source has the chosen action.
   */
  readonly action?: string | undefined;
  /**
   * A condition for following the edge: an expression, or the name of a registered function. The result must be a
   * boolean. Default: no condition.
   */
  readonly condition?: string | undefined;
  /**
   * The value that the target gets: an expression, or the name of a registered function. Default: the source's output.
   */
  readonly transform?: string | undefined;
}

/**
 * A graph as written by hand or by an editor: a blueprint without the fields that can be derived. Every function that
 * takes a blueprint also takes a graph.
 */
export interface Graph {
  /** Name of the flow, which appears in messages and in checkpoints. */
  readonly id: string;
  /**
   * The version of the flow, which a checkpoint records: a run can be continued only with the version that it began
   * with. Default: a hash of nodes and edges.
   */
  readonly version?: string | undefined;
  /** The maximum number of visits per node in one run, for nodes without their own `maxVisits`. Default: 1000. */
  readonly maxVisits?: number | undefined;
  /** The nodes, at least one. */
  readonly nodes: readonly NodeDefinition[];
  /** The edges; empty for a flow of independent nodes. */
  readonly edges: readonly EdgeDefinition[];
}

/**
 * A graph with the number and the ids of each node's predecessors, which executors need for joins. `toBlueprint`
 * derives these fields; `flow.toBlueprint()` returns a blueprint.
 */
export interface WorkflowBlueprint extends Graph {
  /** The number of predecessors of each node, by node id. */
  readonly predecessorCountMap: Readonly<Record<string, number>>;
  /** The ids of each node's predecessors, by node id. */
  readonly originalPredecessorIdMap: Readonly<Record<string, readonly string[]>>;
}

/**
 * Makes a blueprint from a graph by adding the predecessors of each node. The graph is not changed, and its nodes and
 * edges are shared with the blueprint. Nothing is validated: use `runtime.validate` for that.
 *
 * @param graph - nodes and edges, for example from a JSON file
 * @returns a new blueprint
 */
export function toBlueprint({ id, version, maxVisits, nodes, edges }: Graph): WorkflowBlueprint {
  const predecessors = new Map(nodes.map((node) => [node.id, new Set<string>()]));
  for (const { source, target } of edges) predecessors.get(target)?.add(source);
  const entries = [...predecessors];
  return {
    id,
    ...(version === undefined ? {} : { version }),
    ...(maxVisits === undefined ? {} : { maxVisits }),
    nodes,
    edges,
    predecessorCountMap: Object.fromEntries(entries.map(([node, sources]) => [node, sources.size])),
    originalPredecessorIdMap: Object.fromEntries(entries.map(([node, sources]) => [node, [...sources]])),
  };
}
