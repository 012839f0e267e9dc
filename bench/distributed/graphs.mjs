/**
 * The measured graphs as data, so that all contenders run the same ones. A node depends on all sources of its edges.
 *
 * @typedef {{ id: string, nodes: readonly string[], edges: readonly (readonly [string, string])[] }} Graph
 */

/** @returns {Graph} `size` nodes, one after another */
export function chain(size) {
  const nodes = Array.from({ length: size }, (_, index) => `n${index}`);
  return { id: `chain-${size}`, nodes, edges: nodes.slice(1).map((node, index) => [nodes[index], node]) };
}

/** @returns {Graph} one source, `width` nodes side by side, one sink */
export function fan(width) {
  const middles = Array.from({ length: width }, (_, index) => `m${index}`);
  const edges = middles.flatMap((middle) => [
    ['source', middle],
    [middle, 'sink'],
  ]);
  return { id: `fan-${width}`, nodes: ['source', ...middles, 'sink'], edges };
}
