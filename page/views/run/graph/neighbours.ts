import type { PlacedNode } from '../../../../src/dashboard/graph/layout.js';

/** The nearest node in a direction. Distance perpendicular to the direction has more weight. */
export function nextNode(
  nodes: readonly PlacedNode[],
  from: string | undefined,
  [dx, dy]: readonly [number, number],
): PlacedNode | undefined {
  const origin = nodes.find(({ id }) => id === from);
  if (origin === undefined) return nodes[0];
  let best: PlacedNode | undefined;
  let least = Infinity;
  for (const node of nodes) {
    const ahead = (node.x - origin.x) * dx + (node.y - origin.y) * dy;
    const aside = Math.abs((node.x - origin.x) * dy) + Math.abs((node.y - origin.y) * dx);
    const cost = ahead + 3 * aside;
    if (ahead < 1 || cost >= least) continue;
    best = node;
    least = cost;
  }
  return best;
}
