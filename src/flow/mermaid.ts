import { formatDuration } from '../shared/durations.js';
import type { EdgeDefinition, Graph, NodeDefinition } from './blueprint.js';
import type { WorkflowResult } from './run/result.js';

/** Maximum length of a label in the drawing, in characters. */
const longestLabel = 60;

const colours = {
  completed: 'fill:#d3f9d8,stroke:#2f9e44,color:#1b4332',
  skipped: 'fill:#f1f3f5,stroke:#adb5bd,color:#868e96,stroke-dasharray:4 3',
  failed: 'fill:#ffe3e3,stroke:#e03131,color:#7d1a1a',
  recovered: 'fill:#fff3bf,stroke:#f08c00,color:#663c00',
  awaiting: 'fill:#d0ebff,stroke:#1971c2,color:#0b3c66',
  cut: 'fill:#ffe8cc,stroke:#e8590c,color:#6b2a06',
} as const;

/**
 * Draws a graph in Mermaid's flowchart language. Sub-flows, batches and waits have their own shapes, and waits that
 * expire say when. The join strategy of a node, if it is not `all`, stands below its id. Labels are truncated to 60
 * characters.
 *
 * @param graph - a graph or a blueprint
 * @param result - the result of a run, used to colour nodes by how they ended. Default: no colours
 * @returns the text of a Mermaid flowchart
 */
export function toMermaid({ nodes, edges }: Graph, result?: WorkflowResult): string {
  const names = new Map(nodes.map(({ id }, index) => [id, `n${index}`]));
  const lines = ['flowchart TD'];
  for (const node of nodes) lines.push(`  ${names.get(node.id)}${shape(node)}`);
  for (const edge of edges) lines.push(`  ${names.get(edge.source)} ${arrow(edge)} ${names.get(edge.target)}`);
  for (const { id, config } of nodes) {
    if (config?.fallback !== undefined) lines.push(`  ${names.get(id)} -. fallback .-> ${names.get(config.fallback)}`);
  }
  if (result !== undefined) lines.push(...colouring(result, names));
  return `${lines.join('\n')}\n`;
}

function shape(node: NodeDefinition): string {
  const { uses, config } = node;
  const { joinStrategy = 'all' } = config ?? {};
  const name = quoted(nameOf(node));
  const label = joinStrategy === 'all' ? name : name.replace(/"$/, `<br>(${joinStrategy})"`);
  switch (uses) {
    case 'subflow':
      return `[[${label}]]`;
    case 'batch':
      return `[/${label}/]`;
    case 'wait':
    case 'sleep':
      return `([${label}])`;
    default:
      return `[${label}]`;
  }
}

function nameOf({ id, uses, params }: NodeDefinition): string {
  const expiry = uses === 'wait' ? params?.timeout : undefined;
  return typeof expiry === 'number' ? `${id} (at most ${formatDuration(expiry)})` : id;
}

function arrow({ action, condition }: EdgeDefinition): string {
  const label = [action, condition].filter((part) => part !== undefined).join(', ');
  return label === '' ? '-->' : `-->|${quoted(label)}|`;
}

/** Quotes a label. Special characters are replaced by character codes, so that Mermaid does not interpret them. */
function quoted(label: string): string {
  const signs = [...label.slice(0, 4 * longestLabel)];
  const short = signs.length > longestLabel ? `${signs.slice(0, longestLabel - 1).join('')}…` : label;
  return `"${short.replace(/[^\p{L}\p{N} .,:/()_…-]/gu, (character) => `#${character.codePointAt(0)};`)}"`;
}

/**
 * Finds the drawn node that contains a waiting node: for `order/approval`, the node `order`. Because ids may contain
 * slashes, the longest matching id is used.
 */
function outermost(nodeId: string, names: ReadonlyMap<string, string>): string | undefined {
  let id = nodeId;
  while (!names.has(id) && id.includes('/')) id = id.slice(0, id.lastIndexOf('/'));
  return names.has(id) ? id : undefined;
}

function colouring(result: WorkflowResult, names: ReadonlyMap<string, string>): string[] {
  const recovered = result.errors.filter(({ recoveredBy }) => recoveredBy !== undefined);
  const failed = result.errors.filter(({ recoveredBy }) => recoveredBy === undefined);
  const of = {
    completed: result.completed.filter((id) => !recovered.some(({ nodeId }) => nodeId === id)),
    skipped: result.skipped,
    failed: failed.map(({ nodeId }) => nodeId),
    recovered: recovered.map(({ nodeId }) => nodeId),
    awaiting: [...new Set(result.awaiting.flatMap(({ nodeId }) => outermost(nodeId, names) ?? []))],
    cut: result.cutShort,
  };
  return Object.entries(of).flatMap(([state, ids]) => {
    const drawn = ids.flatMap((id) => names.get(id) ?? []);
    if (drawn.length === 0) return [];
    return [`  classDef ${state} ${colours[state as keyof typeof colours]}`, `  class ${drawn.join(',')} ${state}`];
  });
}
