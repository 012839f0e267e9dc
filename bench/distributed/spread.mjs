import { ratio } from '../figures.mjs';
import { medianOf } from '../median.mjs';
import { words } from './engines.mjs';
import { withFleet } from './fleet.mjs';
import { quick, send } from './section.mjs';
import { slowFan } from './workflows.mjs';

// A fan of fifty nodes of 50 ms on five worker processes of concurrency 1. Ideally each worker executes ten of them, one
// after the other. The workers do not know at first what the nodes take.

const [name] = process.argv.slice(2);
const ideal = (50 / 5) * 50;
const samples = quick ? 2 : 6;
const group = 'A fan of fifty nodes of 50 ms on five workers, to the ideal';

const times = await withFleet(name, 5, async (orchestrator, workers) => {
  await Promise.all(workers.map((worker) => worker.start({ concurrency: 1 })));
  const times = [];
  for (let sample = 0; sample < samples; sample++) times.push(await timeOf(orchestrator));
  return times;
});
send([
  ratio(`ours.${name}.spread.first`, group, `${words[name]}, first run`, times[0] / ideal, { below: 1.2 }),
  ratio(`ours.${name}.spread`, group, `${words[name]}, later runs`, medianOf(times.slice(1)) / ideal, { below: 1.2 }),
]);

async function timeOf(orchestrator) {
  const start = performance.now();
  const runId = await orchestrator.startRun({}, 0, { workflow: slowFan.name });
  await orchestrator.waitForCompletion(runId);
  return performance.now() - start;
}
