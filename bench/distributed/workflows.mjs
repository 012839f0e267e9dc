import { setTimeout as delay } from 'node:timers/promises';
import { Flow } from '../../dist/flow/index.js';
import { chain, fan } from './graphs.mjs';

/** Number of nodes, and of last nodes of runs, executed in this process. */
export const counted = { nodes: 0, ends: 0 };

export const chainOfTen = flowOf(chain(10), trivial);
export const chainOfThree = flowOf(chain(3), trivial);
/** A workflow for runs that are searched among many runs of another one. */
export const rare = flowOf({ ...chain(3), id: 'rare' }, trivial);
export const fanOf50 = flowOf(fan(50), trivial);
/** A chain of nodes that wait for 5 ms each. */
export const waiting = flowOf({ ...chain(10), id: 'waiting' }, async (input) => {
  await delay(5);
  return trivial(input);
});

export const workflows = [chainOfTen, chainOfThree, rare, fanOf50, waiting];

async function trivial(input) {
  return typeof input === 'number' ? input + 1 : 1;
}

/** @param {import('./graphs.mjs').Graph} graph */
function flowOf({ id, nodes, edges }, work) {
  const flow = new Flow(id);
  for (const node of nodes) {
    flow.node(node, (input) => {
      counted.nodes++;
      if (node === nodes.at(-1)) counted.ends++;
      return work(input);
    });
  }
  for (const [source, target] of edges) flow.edge(source, target);
  return flow;
}
