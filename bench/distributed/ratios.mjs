import { ratio } from '../figures.mjs';

const group = 'Ours to the others, same server, same run';
const servers = { redis: 'Redis', postgres: 'Postgres', pglite: 'PGlite' };

// Pairs of comparable figures. BullMQ's jobs and flowcraft's runs are all queued before the worker starts; DBOS starts
// workflows while others are running.
const comparisons = [
  ...Object.entries(servers).flatMap(([engine, words]) => [
    {
      name: `${words}: nodes of chains to BullMQ's jobs`,
      of: `ours.${engine}.chains.before`,
      to: `bullmq.${engine}.100`,
      target: { atLeast: 1 },
    },
    {
      name: `${words}: nodes of fans to BullMQ's jobs`,
      of: `ours.${engine}.fans.before`,
      to: `bullmq.${engine}.100`,
      target: { atLeast: 0.5 },
    },
  ]),
  {
    name: "Redis: nodes of chains to flowcraft's",
    of: 'ours.redis.chains.before',
    to: 'flowcraft.redis.chains',
    target: { atLeast: 8 },
  },
  {
    name: "Redis: nodes of fans to flowcraft's",
    of: 'ours.redis.fans.before',
    to: 'flowcraft.redis.fans',
    target: { atLeast: 4 },
  },
  {
    name: "Postgres: nodes of chains to DBOS's steps",
    of: 'ours.postgres.chains.during',
    to: 'dbos.postgres.steps',
    target: { atLeast: 1.5 },
  },
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
