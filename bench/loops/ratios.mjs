import { ratio } from '../figures.mjs';

const group = 'Ratios, in one round';
const peers = { piscina: 'piscina', tinypool: 'tinypool', rxjs: 'RxJS', streams: 'Node streams' };

const comparisons = [
  ...['plain', 'async'].flatMap((kind) => {
    const words = kind === 'plain' ? 'plain functions' : 'one async';
    return [
      {
        name: `${words}: loop to the bare loop with AsyncLocalStorage`,
        of: `${kind}.loop`,
        to: `${kind}.storage`,
        target: { atLeast: 0.2 },
      },
      { name: `${words}: loop to the bare loop without it`, of: `${kind}.loop`, to: `${kind}.bare` },
      {
        name: `${words}: loop with a hook to the bare loop with AsyncLocalStorage`,
        of: `${kind}.hook`,
        to: `${kind}.storage`,
        target: { atLeast: 0.08 },
      },
      { name: `${words}: loop with a hook to the bare loop without it`, of: `${kind}.hook`, to: `${kind}.bare` },
    ];
  }),
  ...['thread', 'process'].map((pool) => ({
    name: `loop in a ${pool} to the loop on the event loop`,
    of: `plain.${pool}`,
    to: 'plain.loop',
    target: { atLeast: 0.8 },
  })),
  ...Object.keys(peers).map((peer) => ({
    name: `plain functions: loop to ${peers[peer]}`,
    of: 'plain.loop',
    to: `plain.${peer}`,
  })),
  ...['rxjs', 'streams'].map((peer) => ({
    name: `one async: loop to ${peers[peer]}`,
    of: 'async.loop',
    to: `async.${peer}`,
  })),
  ...['single', 'batched'].map((way) => ({
    name: `messages of loops to those of a bare channel, ${way === 'single' ? 'one by one' : '256 at a time'}`,
    of: 'messages.thread',
    to: `messages.${way}`,
  })),
  ...[1_000, 100_000].map((depth) => ({
    name: `time of a message in a queue of ${depth.toLocaleString('en')} to one of 10`,
    of: 'depth.10',
    to: `depth.${depth}`,
    target: { atMost: 2 },
  })),
];

/**
 * Computes the ratios from the figures of one round.
 *
 * @param {readonly import('../figures.mjs').Figure[]} figures
 */
export function ratiosOf(figures) {
  const values = new Map(figures.map(({ key, value }) => [key, value]));
  return comparisons
    .filter(({ of, to }) => values.has(of) && values.has(to))
    .map(({ name, of, to, target }) => ratio(`${of} to ${to}`, group, name, values.get(of) / values.get(to), target));
}
