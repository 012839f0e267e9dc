import { ratio } from '../figures.mjs';

const group = 'Ours to the others, same server, same run';
/** The servers, with the targets of nodes of chains and of fans in ratio to BullMQ's jobs. */
const servers = [
  { engine: 'redis', words: 'Redis', chains: 1, repeatable: 1.5, fans: 0.7 },
  { engine: 'postgres', words: 'Postgres', chains: 2.5, fans: 1 },
  { engine: 'pglite', words: 'PGlite', chains: 1, fans: 0.5 },
];

// Pairs of comparable figures. BullMQ's jobs and flowcraft's runs are all queued before the worker starts; DBOS starts
// workflows while others are running.
const comparisons = [
  ...servers.flatMap(({ engine, words, chains, repeatable, fans }) => [
    {
      name: `${words}: nodes of chains to BullMQ's jobs`,
      of: `ours.${engine}.chains.before`,
      to: `bullmq.${engine}.100`,
      target: { atLeast: chains },
    },
    {
      name: `${words}: repeatable nodes of chains to BullMQ's jobs`,
      of: `ours.${engine}.repeatable.before`,
      to: `bullmq.${engine}.100`,
      target: repeatable === undefined ? undefined : { atLeast: repeatable },
    },
    {
      name: `${words}: nodes of fans to BullMQ's jobs`,
      of: `ours.${engine}.fans.before`,
      to: `bullmq.${engine}.100`,
      target: { atLeast: fans },
    },
  ]),
  {
    name: "Redis: nodes of chains to flowcraft's",
    of: 'ours.redis.chains.before',
    to: 'flowcraft.redis.chains',
    target: { atLeast: 5 },
  },
  {
    name: "Redis: repeatable nodes of chains to flowcraft's",
    of: 'ours.redis.repeatable.before',
    to: 'flowcraft.redis.chains',
    target: { atLeast: 7 },
  },
  {
    name: "Redis: nodes of fans to flowcraft's",
    of: 'ours.redis.fans.before',
    to: 'flowcraft.redis.fans',
    target: { atLeast: 5 },
  },
  {
    name: "Postgres: nodes of chains to DBOS's steps",
    of: 'ours.postgres.chains.during',
    to: 'dbos.postgres.steps',
    target: { atLeast: 3 },
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
