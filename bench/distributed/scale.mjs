import { ratio } from '../figures.mjs';
import { timeOfRuns } from './driver.mjs';
import { words } from './engines.mjs';
import { withFleet } from './fleet.mjs';
import { medianOfRuns, quick, send } from './section.mjs';
import { waiting } from './workflows.mjs';

// Two worker processes against one. Every node waits for 5 ms and the concurrency is low, so that neither the server
// nor the CPU is the bottleneck.

const [name] = process.argv.slice(2);
const runs = quick ? 10 : 200;
const concurrency = 5;

const sample = { workflow: waiting.name, nodes: 10, runs, concurrency, start: 'before' };
const timeOf = (count) =>
  withFleet(name, count, (orchestrator, workers) => {
    return medianOfRuns(() => timeOfRuns(orchestrator, { ...sample, workers }));
  });
const one = await timeOf(1);
const two = await timeOf(2);
send([
  ratio(`ours.${name}.scale`, 'Two worker processes to one', `${words[name]}, nodes that wait for 5 ms`, one / two, {
    atLeast: 1.8,
  }),
]);
