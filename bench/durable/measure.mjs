import { startPostgres } from '../distributed/servers.mjs';
import { ratio, textOf } from '../figures.mjs';
import { askedFor } from '../only.mjs';
import { resultOf } from '../processes.mjs';
import { mediansOf } from '../rounds.mjs';

// Runs the scripts of this folder, each in a separate process and on an empty server, and sends the medians of all
// rounds. Ratios are computed within a round.

const flags = process.argv.slice(2).filter((arg) => arg === '--quick');
const asked = askedFor().filter((name) => name.startsWith('durable/'));
const scripts = ['file', 'postgres', 'dbos'].filter((name) => asked.length === 0 || asked.includes(`durable/${name}`));
const postgres = await startPostgres();
try {
  const figures = await mediansOf(flags.includes('--quick') ? 1 : 3, measure, ratiosOf);
  const results = figures.map((figure) => ({ ...figure, text: textOf(figure) }));
  await new Promise((resolve) => process.send(results, resolve));
} finally {
  await postgres.stop();
}
process.exit();

async function measure() {
  const figures = [];
  for (const name of scripts) {
    const env = { ...process.env, BENCH_POSTGRES_URL: await postgres.empty() };
    const options = { env, execArgv: ['--expose-gc', '--no-deprecation'] };
    figures.push(...(await resultOf(new URL(`${name}.mjs`, import.meta.url), flags, options)));
  }
  return figures;
}

function ratiosOf(figures) {
  const values = new Map(figures.map(({ key, value }) => [key, value]));
  return ['steps', 'alone'].flatMap((key) => {
    const [ours, theirs] = [values.get(`ours.${key}`), values.get(`dbos.${key}`)];
    if (ours === undefined || theirs === undefined) return [];
    const name = key === 'steps' ? '200 at once, to DBOS' : 'one at a time, to DBOS';
    return [ratio(`durable.${key}`, 'Durable scopes, in one round', name, ours / theirs, { atLeast: 1.5 })];
  });
}
