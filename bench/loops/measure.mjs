import { textOf } from '../figures.mjs';
import { askedFor } from '../only.mjs';
import { resultOf } from '../processes.mjs';
import { mediansOf } from '../rounds.mjs';
import { contenders } from './contenders.mjs';
import { ratiosOf } from './ratios.mjs';

// Runs the scripts of this folder, each in a separate process, and sends the medians of all rounds. Ratios are computed
// within a round, in which all contenders are measured shortly after one another.

const flags = process.argv.slice(2).filter((arg) => arg === '--quick');
const parts = askedFor()
  .filter((name) => name.startsWith('loops/'))
  .map((name) => name.slice('loops/'.length));
const rounds = flags.includes('--quick') ? 1 : 3;
const figures = await mediansOf(rounds, measure, ratiosOf);
process.send(
  figures.map((figure) => ({ ...figure, text: textOf(figure) })),
  () => process.exit(),
);

async function measure(round) {
  const figures = [];
  for (const section of sectionsOf(round).filter(isAskedFor)) figures.push(...(await figuresOf(section)));
  return figures;
}

/** Scripts with their arguments. Figures that no ratio needs are measured in the first round only. */
function sectionsOf(round) {
  const speed = Object.entries(contenders).flatMap(([kind, named]) =>
    Object.keys(named).map((name) => `speed.mjs ${kind} ${name}`),
  );
  const messages = ['thread', 'async', 'single', 'batched'].map((way) => `messages.mjs ${way}`);
  const depths = [10, 1_000, 100_000].map((depth) => `depth.mjs ${depth}`);
  const each = [...speed, ...messages, ...depths];
  return round === 0 ? [...each, 'lateness.mjs', 'memory.mjs'] : each;
}

/** If true, the script is named by `--only`, as in `--only loops/messages`, or `--only` is not given. */
function isAskedFor(section) {
  const [script] = section.split('.mjs');
  return parts.length === 0 || parts.includes(script);
}

function figuresOf(section) {
  const [script, ...args] = section.split(' ');
  const execArgv = ['--expose-gc', '--no-deprecation'];
  return resultOf(new URL(script, import.meta.url), [...args, ...flags], { execArgv });
}
