import type { PolicyOptions } from '../kernel/policy.js';

/**
 * A flow as data. A blueprint is JSON: it can be stored, sent and drawn, and run wherever a registry has what its nodes
 * use.
 */

/** When a node with several predecessors is ready: after `all` of them, or after the first (`any`). */
export type JoinStrategy = 'all' | 'any';

/**
 * Where a value comes from: a path (`fetch`, `fetch.user.name`; its first part is a node's id or a key of the context),
 * or an expression over `context` and `params`.
 */
export type InputSource = string;

/** A node's input: one source, or an object of them. */
export type InputMapping = InputSource | Readonly<Record<string, InputSource>>;

/** How a node is executed: the kernel's policies, and its place in the graph. */
export interface NodeConfig extends Pick<PolicyOptions<never>, 'retry' | 'timeout'> {
  /** With `none`, only the policies beside it hold, and no default. */
  readonly policies?: 'none' | undefined;
  /** When it is ready. Default: `all`. */
  readonly joinStrategy?: JoinStrategy | undefined;
  /** Id of the node that stands in for this one where it fails. Default: none. */
  readonly fallback?: string | undefined;
  /** How often it may be visited in one run. Default: that of the flow. */
  readonly maxVisits?: number | undefined;
}

/** One node of a blueprint. */
export interface NodeDefinition {
  /** Unique in the blueprint. */
  readonly id: string;
  /** What it does: a key of the registry, or one of `wait`, `sleep`, `subflow`, `batch`. */
  readonly uses: string;
  /** Data for what it uses. Default: none. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  /** Its input. Default: its predecessor's output; of several, an object by node id. */
  readonly inputs?: InputMapping | undefined;
  readonly config?: NodeConfig | undefined;
}

/** One edge of a blueprint. */
export interface EdgeDefinition {
  /** Id of the node that it comes from. */
  readonly source: string;
  /** Id of the node that it leads to. */
  readonly target: string;
  /** It is followed where the source chose this action. Default: followed where no edge has the action that was chosen. */
  readonly action?: string | undefined;
  /** An expression, or the name of a registered function, that has to be true. Default: always followed. */
  readonly condition?: string | undefined;
  /** An expression, or the name of a registered function: what the target gets. Default: the source's output. */
  readonly transform?: string | undefined;
}

/** A graph as it is written by hand: a blueprint without what can be derived. */
export interface Graph {
  /** Name of the flow. */
  readonly id: string;
  /** Says which blueprint a checkpoint belongs to. Default: a hash of the nodes and edges. */
  readonly version?: string | undefined;
  /** How often a node may be visited in one run, where it does not say so itself. Default: 1000. */
  readonly maxVisits?: number | undefined;
  readonly nodes: readonly NodeDefinition[];
  readonly edges: readonly EdgeDefinition[];
}

/** A flow as data, with what an executor needs to know about its joins. */
export interface WorkflowBlueprint extends Graph {
  /** For each node, how many nodes lead to it. */
  readonly predecessorCountMap: Readonly<Record<string, number>>;
  /** For each node, the ids of the nodes that lead to it, as their author gave them. */
  readonly originalPredecessorIdMap: Readonly<Record<string, readonly string[]>>;
}

/** Adds what is derived. The graph itself is not changed. */
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
