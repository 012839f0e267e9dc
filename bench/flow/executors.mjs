// Two executors as one would write them by hand. Both take the graph as data, pass each node its input and collect the
// outputs by id. They stop at the first failure and have no cancellation, limits, conditions, loops or checkpoints.

/**
 * Creates a promise per node, which waits for the promises of the node's predecessors. Predecessors are listed first.
 */
export async function runPromises({ nodes, edges }, registry, context) {
  const outputs = { ...context };
  const sources = new Map(nodes.map(({ id }) => [id, []]));
  for (const { source, target } of edges) sources.get(target).push(source);
  const promises = new Map();
  const execute = async (node, from) => {
    const values = await Promise.all(from.map((source) => promises.get(source)));
    const input = node.inputs === undefined ? joined(from, values) : outputs[node.inputs];
    const output = await registry[node.uses](input);
    outputs[node.id] = output;
    return output;
  };
  for (const node of nodes) promises.set(node.id, execute(node, sources.get(node.id)));
  await Promise.all(promises.values());
  return outputs;
}

/**
 * Keeps a counter per node with the number of unfinished predecessors. The last predecessor to finish starts the node.
 */
export function runCounters({ nodes, edges }, registry, context) {
  const outputs = { ...context };
  const indexOf = new Map(nodes.map(({ id }, index) => [id, index]));
  const sources = nodes.map(() => []);
  const successors = nodes.map(() => []);
  for (const { source, target } of edges) {
    sources[indexOf.get(target)].push(source);
    successors[indexOf.get(source)].push(indexOf.get(target));
  }
  const missing = sources.map(({ length }) => length);
  return new Promise((resolve, reject) => {
    let left = nodes.length;
    const start = (index) => {
      const node = nodes[index];
      const complete = (output) => {
        outputs[node.id] = output;
        for (const successor of successors[index]) if (--missing[successor] === 0) start(successor);
        if (--left === 0) resolve(outputs);
      };
      registry[node.uses](inputOf(node, sources[index], outputs))
        .then(complete)
        .catch(reject);
    };
    for (const [index, { length }] of sources.entries()) if (length === 0) start(index);
  });
}

/** The input of a node, computed from the outputs so far. */
export function inputOf(node, sources, outputs) {
  if (node.inputs !== undefined) return outputs[node.inputs];
  const values = sources.map((source) => outputs[source]);
  return joined(sources, values);
}

/** The output of the only predecessor, or an object with the outputs of all predecessors by id. */
function joined(sources, values) {
  if (sources.length < 2) return values[0];
  const input = {};
  for (const [index, source] of sources.entries()) input[source] = values[index];
  return input;
}
