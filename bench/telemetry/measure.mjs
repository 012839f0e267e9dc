import { textOf } from '../figures.mjs';
import { resultOf } from '../processes.mjs';
import { mediansOf } from '../rounds.mjs';
import { contenders } from './contenders.mjs';
import { ratiosOf } from './ratios.mjs';

// Measures each contender in a separate process, and sends the medians of all rounds. Ratios are computed within a
// round, in which all contenders are measured shortly after one another.

const flags = process.argv.slice(2).filter((arg) => arg === '--quick');
const rounds = flags.includes('--quick') ? 1 : 5;
const figures = await mediansOf(rounds, measure, ratiosOf);
process.send(
  figures.map((figure) => ({ ...figure, text: textOf(figure) })),
  () => process.exit(),
);

async function measure() {
  const figures = [];
  for (const name of Object.keys(contenders)) {
    const execArgv = ['--expose-gc', '--no-deprecation'];
    figures.push(...(await resultOf(new URL('task.mjs', import.meta.url), [name, ...flags], { execArgv })));
  }
  return figures;
}
