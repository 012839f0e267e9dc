import type { LimitData } from '../kernel/policies/limit.js';
import type { PolicyOptions } from '../kernel/policies/policy.js';
import type { JsonSchema } from '../shared/json-schema.js';

/**
 * A flow as data. A blueprint is plain JSON, so it can be stored, sent and drawn, and it can run in any program whose
 * registry has the code that its nodes refer to.
 */

/**
 * The condition under which a node becomes ready, given the nodes before it:
 *
 * - `all`, the default: each of them has ended, and an edge from at least one of them is followed. The edges from nodes
 *   that were skipped are not waited for.
 * - `any`: the first edge is followed.
 * - `allCompleted`: the edges from all of them are followed. If one of them was skipped or its edge is not followed, the
 *   node is skipped.
 * - `settled`: each of them has ended, however: it has completed, has failed, was skipped, or cannot run because of a
 *   failure. For clean-up. As with `all`, the node is skipped if none of their edges is followed and none of them has
 *   failed: the clean-up of a branch that was skipped is skipped with it.
 * - `failed`: one of them has failed and no fallback has recovered it, or cannot run because of a failure. For alarms.
 *   The node becomes ready at the first failure. If each of them has ended without a failure, the node is skipped.
 *
 * `settled` and `failed` need an edge from a node before. They do not change how the run ends: a run with a failed node
 * is `failed`. With `failFast`, after an abort and after the timeout of the run, no node starts, and these do not either.
 */
export type JoinStrategy = 'all' | 'any' | 'settled' | 'failed' | 'allCompleted';

/**
 * The source of a value: a path or an expression.
 *
 * A path is `fetch` or `fetch.user.name`; its first segment is a node id or a key of the context. An expression can use
 * `context` and `params`.
 */
export type InputSource = string;

/**
 * The input of a node: a single source, or an object with a source for each property. With `{ user: 'fetch.user',
 * total: 'sum' }`, the node gets an object with `user` and `total`.
 */
export type InputMapping = InputSource | Readonly<Record<string, InputSource>>;

/**
 * The execution settings of a node: its retry and timeout policies, its limit, its join strategy, its fallback, its limit
 * of visits, and whether it may be repeated. All settings are JSON data, so policies that contain functions cannot be part
 * of a blueprint.
 */
export interface NodeConfig extends Pick<PolicyOptions<never>, 'retry' | 'timeout'> {
  /**
   * Limit of how many attempts of the node run at once or start in a time, over all runs in the program: the name of a
   * `limit()` in the registry, which nodes and actions share, or options for a limit of this node alone. `null` for
   * none. Default: inherited.
   */
  readonly limit?: string | LimitData | null | undefined;
  /**
   * If set to `none`, only the policies in this object apply, without any defaults. Default: policies that this object
   * leaves out are inherited.
   */
  readonly policies?: 'none' | undefined;
  /** The condition under which the node becomes ready. Default: `all`. */
  readonly joinStrategy?: JoinStrategy | undefined;
  /** Id of the node that runs instead if this node fails. Default: none. */
  readonly fallback?: string | undefined;
  /** The maximum number of visits in one run: a whole number of at least 1. Default: the flow's `maxVisits`. */
  readonly maxVisits?: number | undefined;
  /** If true, a fleet may execute the node again after a crash, even though the next node has begun. Default: false. */
  readonly repeatable?: boolean | undefined;
}

/**
 * A node of a blueprint, as data. The registry holds the node's code under the name `uses`; everything else that the
 * node needs is in this object.
 */
export interface NodeDefinition {
  /** Id of the node, unique in the blueprint. `__proto__`, `constructor` and `prototype` are not allowed. */
  readonly id: string;
  /**
   * Name of the node's code: a key of the registry, or one of the built-in kinds `wait`, `sleep`, `subflow` and
   * `batch`.
   */
  readonly uses: string;
  /** Parameters for the node's code, which gets them as `args.params`. Default: none. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  /**
   * The source of the node's input. Default: the predecessor's output, or, with several predecessors, an object that
   * holds their outputs by node id.
   */
  readonly inputs?: InputMapping | undefined;
  /** Policies, join strategy, fallback and limit of visits. Default: none. */
  readonly config?: NodeConfig | undefined;
}

/**
 * An edge of a blueprint. When `source` has completed, the edge passes a value on to `target`, provided that its action
 * and its condition allow it to be followed.
 */
export interface EdgeDefinition {
  /** Id of the node that the edge leaves. */
  readonly source: string;
  /** Id of the node that the edge leads to. */
  readonly target: string;
  /**
   * The action that the source must choose for the edge to be followed. An edge without an action is followed if no
   * edge of the source has the chosen action. Default: none.
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
 * A graph as written by hand or by an editor: a blueprint without the derived fields. Every function that takes a
 * blueprint also takes a graph.
 */
export interface Graph {
  /** Name of the flow, used in messages and checkpoints. */
  readonly id: string;
  /**
   * Version of the flow. A checkpoint records the version, and a run can be continued only with the version that it
   * started with. Default: a hash of nodes and edges.
   */
  readonly version?: string | undefined;
  /** The maximum number of visits per node in one run, for nodes without their own `maxVisits`. Default: 1000. */
  readonly maxVisits?: number | undefined;
  /**
   * JSON Schema of the input of the start nodes. A run with another input is refused. The schemas are not part of the
   * default version. Default: any input is accepted.
   */
  readonly input?: JsonSchema | undefined;
  /**
   * JSON Schemas of the payloads of events, by event name. Each event has to be one that a node of the graph waits for.
   * Default: any payload is accepted.
   */
  readonly events?: Readonly<Record<string, JsonSchema>> | undefined;
  /** JSON Schema of the output. A run with another output fails. Default: any output is accepted. */
  readonly output?: JsonSchema | undefined;
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
 * Makes a blueprint from a graph by adding the predecessors of each node. The graph is not changed; the blueprint
 * shares its nodes and edges. The graph is not validated: use `runtime.validate` for that.
 *
 * @param graph - nodes and edges, for example from a JSON file
 * @returns a new blueprint
 */
export function toBlueprint(graph: Graph): WorkflowBlueprint {
  const { id, version, maxVisits, input, events, output, nodes, edges } = graph;
  const predecessors = new Map(nodes.map((node) => [node.id, new Set<string>()]));
  for (const { source, target } of edges) predecessors.get(target)?.add(source);
  const entries = [...predecessors];
  return {
    id,
    ...(version === undefined ? {} : { version }),
    ...(maxVisits === undefined ? {} : { maxVisits }),
    ...(input === undefined ? {} : { input }),
    ...(events === undefined ? {} : { events }),
    ...(output === undefined ? {} : { output }),
    nodes,
    edges,
    predecessorCountMap: Object.fromEntries(entries.map(([node, sources]) => [node, sources.size])),
    originalPredecessorIdMap: Object.fromEntries(entries.map(([node, sources]) => [node, [...sources]])),
  };
}
