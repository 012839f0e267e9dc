import { setTimeout as delay } from 'node:timers/promises';
import { Flow } from '../../dist/flow/index.js';
import { chain, fan } from './graphs.mjs';

/** Number of nodes, and of last nodes of runs, executed in this process. */
export const counted = { nodes: 0, ends: 0 };

export const chainOfOne = flowOf(chain(1), trivial);
export const chainOfTen = flowOf(chain(10), trivial);
export const chainOfForty = flowOf(chain(40), trivial);
/** A chain of ten whose nodes may be repeated after a crash. */
export const repeatableTen = flowOf({ ...chain(10), id: 'repeatable-10' }, trivial, { repeatable: true });
export const chainOfThree = flowOf(chain(3), trivial);
/** A workflow for runs that are searched among many runs of another one. */
export const rare = flowOf({ ...chain(3), id: 'rare' }, trivial);
export const fanOf50 = flowOf(fan(50), trivial);
/** A chain of nodes that wait for 5 ms each. */
export const waiting = flowOf({ ...chain(10), id: 'waiting' }, async (input) => {
  await delay(5);
  return trivial(input);
});

/** Fifty nodes side by side that wait for 50 ms each. */
export const slowFan = flowOf({ ...fan(50), id: 'slow-fan' }, async (input) => {
  if (input === 1) await delay(50);
  return trivial(input);
});

export const workflows = [
  chainOfOne,
  chainOfTen,
  chainOfForty,
  repeatableTen,
  chainOfThree,
  rare,
  fanOf50,
  waiting,
  slowFan,
];

async function trivial(input) {
  return typeof input === 'number' ? input + 1 : 1;
}

/** @param {import('./graphs.mjs').Graph} graph */
function flowOf({ id, nodes, edges }, work, options) {
  const flow = new Flow(id);
  for (const node of nodes) {
    const counting = (input) => {
      counted.nodes++;
      if (node === nodes.at(-1)) counted.ends++;
      return work(input);
    };
    flow.node(node, counting, options);
  }
  for (const [source, target] of edges) flow.edge(source, target);
  return flow;
}
