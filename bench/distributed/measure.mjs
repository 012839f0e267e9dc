import { textOf } from '../figures.mjs';
import { askedFor } from '../only.mjs';
import { resultOf } from '../processes.mjs';
import { mediansOf } from '../rounds.mjs';
import { ratiosOf } from './ratios.mjs';
import { startPostgres, startRedis } from './servers.mjs';

// Starts the servers, runs the scripts of this folder, each in a separate process, and sends the medians of all rounds.
// Ratios are computed within a round, in which a contender is measured soon after its counterpart.

const flags = process.argv.slice(2).filter((arg) => ['--quick', '--full'].includes(arg));
const parts = askedFor()
  .filter((name) => name.startsWith('distributed/'))
  .map((name) => name.slice('distributed/'.length));
const rounds = flags.includes('--quick') ? 1 : 3;
const redis = await startRedis();
const postgres = await startPostgres();
if (redis === undefined) console.log('No redis-server found: the rows that need Redis are left out.\n');
try {
  const figures = await mediansOf(rounds, measure, ratiosOf);
  const results = figures.map((figure) => ({ ...figure, text: textOf(figure) }));
  await new Promise((resolve) => process.send(results, resolve));
} finally {
  await redis?.stop();
  await postgres.stop();
}
process.exit();

async function measure(round) {
  const figures = [];
  for (const section of sectionsOf(round).filter(isAskedFor)) figures.push(...(await figuresOf(section)));
  return figures;
}

/** Scripts with their arguments. Figures that no ratio needs are measured in the first round only. */
function sectionsOf(round) {
  const concurrencies = round === 0 ? '1 10 100' : '100';
  const each = [
    `bullmq.mjs redis ${concurrencies}`,
    'flowcraft.mjs redis',
    'ours.mjs redis',
    `bullmq.mjs postgres ${concurrencies}`,
    'dbos.mjs postgres',
    'ours.mjs postgres',
    `bullmq.mjs pglite ${concurrencies}`,
    'ours.mjs pglite',
    'ours.mjs memory',
  ];
  const once = [
    ...['redis', 'postgres'].flatMap((engine) => [`scale.mjs ${engine}`, `spread.mjs ${engine}`]),
    'budget.mjs redis',
    ...['redis', 'postgres', 'memory'].map((engine) => `history.mjs ${engine}`),
  ];
  return round === 0 ? [...each, ...once] : each;
}

/** If true, the section is named by `--only`, as in `--only distributed/redis`, or `--only` is not given. */
function isAskedFor(section) {
  const [script, engine] = section.split(' ');
  if (engine === 'redis' && redis === undefined) return false;
  return parts.length === 0 || parts.includes(script.replace('.mjs', '')) || parts.includes(engine);
}

/** Runs one script on two empty servers and returns its figures. */
async function figuresOf(section) {
  const [script, ...args] = section.split(' ');
  const env = { ...process.env, BENCH_REDIS_URL: await redis?.empty(), BENCH_POSTGRES_URL: await postgres.empty() };
  const execArgv = ['--expose-gc', '--no-deprecation'];
  return resultOf(new URL(script, import.meta.url), [...args, ...flags], { env, execArgv });
}
