/** Number of executed nodes. Readers reset it. */
export const counted = { executions: 0 };

/** The work of a node in measurements: practically nothing. */
export async function work(input) {
  counted.executions++;
  return typeof input === 'number' ? input + 1 : 1;
}

/** The work of a node in checks: uses its whole input. */
export async function sum(input = 0) {
  counted.executions++;
  return sumOf(input);
}

/**
 * The output that `sum` produces in the sink of a graph, computed node by node.
 *
 * @param {import('./graphs.mjs').Graph} graph
 * @param {{ seed: number, joins: 'all' | 'last' }} options `joins`: outputs that a node with several predecessors gets
 */
export function expectedOf({ nodes, edges }, { seed, joins }) {
  const outputs = new Map();
  const sources = new Map(nodes.map(({ id }) => [id, []]));
  for (const { source, target } of edges) sources.get(target).push(source);
  for (const { id, inputs: from } of nodes) {
    const values = sources.get(id).map((source) => outputs.get(source));
    const none = from === 'seed' ? seed : 0;
    outputs.set(id, sumOf(values.length === 0 ? none : joins === 'all' ? values : values.at(-1)));
  }
  return outputs.get(nodes.at(-1).id);
}

/** Limits the values, so that they stay exact however many paths lead to the sink. */
function sumOf(input) {
  if (typeof input === 'number') return (input + 1) % 1_000_003;
  return Object.values(input).reduce((total, value) => total + value, 1) % 1_000_003;
}
