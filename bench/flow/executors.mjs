// What one would write by hand. Both take the graph as data, hand each node its input and collect the outputs by id.
// They know no failure but to stop, no cancellation, no limit, no condition, no loop and no state that can be saved.

/** A promise for each node, which waits for those of the node's predecessors; these are listed before it. */
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

/** A counter for each node of the predecessors that it still waits for; the last one to end starts it. */
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

/** A node's input, of the outputs that are there. */
export function inputOf(node, sources, outputs) {
  if (node.inputs !== undefined) return outputs[node.inputs];
  const values = sources.map((source) => outputs[source]);
  return joined(sources, values);
}

/** The output of the one predecessor, or those of all by their ids. */
function joined(sources, values) {
  if (sources.length < 2) return values[0];
  const input = {};
  for (const [index, source] of sources.entries()) input[source] = values[index];
  return input;
}
