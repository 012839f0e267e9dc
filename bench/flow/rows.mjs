import { withCounters, withFlow, withPromises } from './contenders.mjs';
import { chain, diamond, fan, layers } from './graphs.mjs';
import { withFlowcraft, withLangGraph, withPGraph } from './peers.mjs';

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {string} group
 * @property {(work: Function) => (graph: import('./graphs.mjs').Graph, context: object) => Promise<object>} contender
 * @property {() => import('./graphs.mjs').Graph} graph
 * @property {boolean} [reuse] if true, all runs share one graph; otherwise each run gets a fresh one
 * @property {'all' | 'last'} [joins] outputs that a node with several predecessors gets; default: `all`
 * @property {boolean} [checked] if true, the result is checked before the measurement; default: true
 * @property {number} samples number of measurements
 * @property {number} runs number of runs per sample, sequential or, with `together`, concurrent
 * @property {boolean} [together]
 * @property {number} per divisor of the time of a sample
 * @property {string} [against] name of the row in the same group that this row is compared with
 * @property {import('../targets.mjs').Target} [target] target for the ratio to that row
 */

const quick = process.argv.includes('--quick');
const full = process.argv.includes('--full');
const [small, large, huge] = quick ? [100, 1_000, 10_000] : [1_000, 10_000, 100_000];
const samples = quick ? 1 : 11;
const shapes = { chain, fan, layers };
const condition = 'output >= 0';

/** @returns {readonly Row[]} */
export function allRows() {
  const rows = Object.keys(shapes).flatMap((shape) => [...besidePeers(shape, small), ...besidePeers(shape, large)]);
  return [...rows, ...diamonds(), ...perNode()];
}

function besidePeers(shape, size) {
  const group = `${shape}, ${words(size)} nodes`;
  const graph = () => shapes[shape](size);
  const fast = { group, graph, samples, runs: large / size, per: large / size };
  const atMost = size === small ? undefined : { atMost: 2.5 };
  const rows = [
    { ...fast, name: 'promises by hand', contender: withPromises },
    { ...fast, name: 'counters by hand', contender: withCounters, against: 'promises by hand' },
    { ...fast, name: 'flow', contender: withFlow, against: 'promises by hand', target: atMost },
    { ...fast, name: 'flow, plan reused', contender: withFlow, reuse: true, against: 'promises by hand' },
    { ...fast, name: 'p-graph', contender: withPGraph, against: 'flow' },
    {
      ...slow({ size, samples: 5 }),
      group,
      graph,
      name: 'flowcraft',
      contender: withFlowcraft,
      joins: 'last',
      against: 'flow',
      target: { atLeast: size === small ? 20 : 300 },
    },
  ];
  if (size === large && !full) return rows;
  const langGraph = { name: 'LangGraph', contender: withLangGraph, against: 'flow' };
  return [...rows, { ...slow({ size, samples: 3 }), group, graph, ...langGraph }];
}

/**
 * Settings for samples of a single run. Runs that take seconds are measured once, and checked with fewer nodes only.
 */
function slow({ size, samples }) {
  const once = size === large;
  return { runs: 1, per: 1, samples: quick || once ? 1 : samples, checked: quick || !once };
}

function diamonds() {
  const runs = quick ? 100 : 1_000;
  const group = `${words(runs)} diamonds of ten nodes`;
  const rows = [
    { name: 'promises by hand', contender: withPromises, together: true },
    { name: 'flow', contender: withFlow, reuse: true, together: true, against: 'promises by hand' },
    { name: 'flow, one after the other', contender: withFlow, reuse: true, against: 'promises by hand' },
    { name: 'flow, a blueprint each', contender: withFlow, together: true, against: 'promises by hand' },
    { name: 'p-graph', contender: withPGraph, together: true, against: 'flow' },
    { name: 'flowcraft', contender: withFlowcraft, joins: 'last', together: true, against: 'flow' },
    { name: 'LangGraph', contender: withLangGraph, together: true, against: 'flow', samples: 1 },
  ];
  return rows.map((row) => ({ samples, ...row, group, graph: diamond, runs, per: 1 }));
}

/** Rows that show if the cost is linear: every sample has at least the same number of nodes. */
function perNode() {
  const group = 'one node of a flow';
  return Object.keys(shapes).flatMap((shape) =>
    [undefined, condition].flatMap((condition) =>
      [small, large, huge].map((size) => {
        const nameOf = (size) => `${shape} of ${words(size)}${condition === undefined ? '' : ', with conditions'}`;
        const compared = size === small ? {} : { against: nameOf(small) };
        const target = size === huge ? { atMost: 1.5 } : undefined;
        const graph = () => shapes[shape](size, condition === undefined ? {} : { condition });
        const runs = Math.max(1, large / size);
        const measured = { samples: quick ? 1 : 5, runs, per: runs * size };
        const row = { group, name: nameOf(size), contender: withFlow, graph, ...measured };
        return { ...row, ...compared, target };
      }),
    ),
  );
}

function words(number) {
  return number.toLocaleString('en');
}
