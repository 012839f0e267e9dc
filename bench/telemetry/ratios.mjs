import { ratio } from '../figures.mjs';

const group = 'Ratios, in one round';

const comparisons = [
  ...Object.entries({
    channel: 'an empty subscriber',
    api: 'telemetry without an SDK',
    unsampled: 'a span that is not sampled',
    traces: 'a span',
    metrics: 'metrics',
    both: 'a span and metrics',
    silent: 'a pino that is silent',
    logged: 'two lines of pino',
  }).map(([of, words]) => ({ name: `task with ${words} to one without`, of, to: 'none' })),
  { name: 'task with a span to one with a span by hand', of: 'traces', to: 'byHand', target: { atMost: 2 } },
  {
    name: 'task with a span and metrics to one with both by hand',
    of: 'both',
    to: 'bothByHand',
    target: { atMost: 2 },
  },
];

/**
 * Computes the ratios from the figures of one round.
 *
 * @param {readonly import('../figures.mjs').Figure[]} figures
 */
export function ratiosOf(figures) {
  const values = new Map(figures.map(({ key, value }) => [key, value]));
  return comparisons.map(({ name, of, to, target }) =>
    ratio(`${of} to ${to}`, group, name, values.get(of) / values.get(to), target),
  );
}
