// A life of a durable scope, with effects that are counted in a file of their own. Its arguments are the directory of the
// effects and the name of a case; `RUNS` is the directory of the journal, if it is another one.
import { runMain } from 'orchestrator';
import { fileJournal } from 'orchestrator/durable';
import { cases, orchestrator } from './cases.js';

const [directory = '', name = ''] = process.argv.slice(2);
const { RUNS = `${directory}/runs`, BY = 'run' } = process.env;
const journal = fileJournal(RUNS, { sync: name === 'many' ? 'process' : 'machine' });
const scope = cases[name];
if (scope === undefined) throw new Error(`there is no case ${name}`);
// Variants of a case are other code for the same run.
const options = { id: 'run', name: name.split(':')[0], journal };

function tell(told: object): void {
  process.stdout.write(JSON.stringify(told));
}

/** Calls the scope by itself, with a signal that aborts it. */
async function run(): Promise<void> {
  const controller = new AbortController();
  process.on('SIGUSR2', () => controller.abort(new Error('stopped by its caller')));
  // Keeps the program alive while the scope waits for a signal.
  const alive = setInterval(() => {}, 1_000);
  try {
    tell({ result: await orchestrator.run(scope as () => unknown, { ...options, signal: controller.signal }) });
  } catch (error) {
    tell({ error: String(error) });
  }
  clearInterval(alive);
}

/** Calls the scope as the main function of the program, which SIGTERM aborts. */
async function main(): Promise<void> {
  const alive = setInterval(() => {}, 1_000);
  const result = await runMain(orchestrator, scope as () => unknown, options);
  if (process.exitCode === undefined) tell({ result });
  clearInterval(alive);
}

await (BY === 'main' ? main() : run());
await journal.close();
