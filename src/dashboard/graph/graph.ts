import type { WorkflowBlueprint } from '../../flow/index.js';
import type { EdgeView, NodeStatus, NodeView } from '../api/index.js';

/** A graph to draw. */
export interface Graph {
  readonly nodes: readonly (Pick<NodeView, 'id' | 'kind'> & {
    /** Status of the node. Default: drawn without a status. */
    readonly status?: NodeStatus | undefined;
  })[];
  readonly edges: readonly EdgeView[];
}

const builtIn = ['wait', 'sleep', 'subflow', 'batch'];

/**
 * Converts a blueprint into a graph to draw.
 *
 * @param statuses - statuses of the nodes, by id. Default: drawn without statuses
 */
export function graphOf(
  blueprint: Pick<WorkflowBlueprint, 'nodes' | 'edges'>,
  statuses: Readonly<Record<string, NodeStatus>> = {},
): Graph {
  const nodes = blueprint.nodes.map(({ id, uses }) => ({
    id,
    kind: builtIn.includes(uses) ? uses : 'function',
    status: Object.hasOwn(statuses, id) ? statuses[id] : undefined,
  }));
  const edges = blueprint.edges.map(({ source, target, action, condition }): EdgeView => {
    const label = [action, condition].filter((part) => part !== undefined).join(', ');
    return { source, target, isFallback: false, ...(label === '' ? {} : { label }) };
  });
  const fallbacks = blueprint.nodes.flatMap(({ id, config }): EdgeView[] => {
    return config?.fallback === undefined ? [] : [{ source: id, target: config.fallback, isFallback: true }];
  });
  return { nodes, edges: [...edges, ...fallbacks] };
}
