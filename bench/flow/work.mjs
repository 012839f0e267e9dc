/** How many nodes were executed; whoever looks sets it back. */
export const counted = { executions: 0 };

/** What a node does where time is taken: as good as nothing. */
export async function work(input) {
  counted.executions++;
  return typeof input === 'number' ? input + 1 : 1;
}

/** What a node does where results are checked: it uses all that it was given. */
export async function sum(input = 0) {
  counted.executions++;
  return sumOf(input);
}

/**
 * What `sum` leaves in the sink of a graph, worked out one node after the other.
 *
 * @param {import('./graphs.mjs').Graph} graph
 * @param {{ seed: number, joins: 'all' | 'last' }} options whether a node with several predecessors gets all outputs
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

/** Kept small, so that it is exact however many paths lead to the sink. */
function sumOf(input) {
  if (typeof input === 'number') return (input + 1) % 1_000_003;
  return Object.values(input).reduce((total, value) => total + value, 1) % 1_000_003;
}
