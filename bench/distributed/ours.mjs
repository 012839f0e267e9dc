import { latency, rate } from '../figures.mjs';
import { medianOf } from '../median.mjs';
import { timeOfRuns } from './driver.mjs';
import { words } from './engines.mjs';
import { withFleet } from './fleet.mjs';
import { medianOfRuns, quick, send } from './section.mjs';
import { chainOfTen, chainOfThree, fanOf50, repeatableTen } from './workflows.mjs';

// One worker on one engine. For Redis and Postgres the worker is a separate process; memory and PGlite run in this one.

const [name] = process.argv.slice(2);
const group = `Ours, ${words[name]}`;
const concurrency = 100;
const alone = quick ? 3 : 30;
const { chains, fans } = sizesOf(name);
const shapes = [
  { key: 'chains', text: 'chains of ten', workflow: chainOfTen.name, nodes: 10, runs: chains, atLeast: 120_000 },
  { key: 'repeatable', text: 'chains of ten, repeatable', workflow: repeatableTen.name, nodes: 10, runs: chains },
  { key: 'fans', text: 'fan-out 50 and fan-in', workflow: fanOf50.name, nodes: 52, runs: fans, atLeast: 80_000 },
];
const starts = { before: 'started before the worker', during: 'started while it works' };

send(await withFleet(name, 1, measure));

async function measure(orchestrator, workers) {
  const figures = [];
  for (const { key, text, atLeast, ...shape } of shapes) {
    for (const start of ['before', 'during']) {
      const value = await medianOfRuns(async () => {
        const duration = await timeOfRuns(orchestrator, { ...shape, workers, concurrency, start });
        return (shape.runs * shape.nodes * 1e3) / duration;
      });
      const target = name === 'memory' && start === 'before' ? { atLeast } : undefined;
      figures.push(rate(`ours.${name}.${key}.${start}`, group, `${text}, runs ${starts[start]}`, value, target));
    }
  }
  const value = await medianOfRuns(() => timeAlone(orchestrator, workers));
  const target = { redis: { below: 3 }, postgres: { below: 8 } }[name];
  return [...figures, latency(`ours.${name}.alone`, group, 'a run of three nodes, idle worker', value, target)];
}

/** Time from the start of a run until its end is known, for sequential runs. */
async function timeAlone(orchestrator, [worker]) {
  await worker.start({ concurrency });
  const times = [];
  for (let value = 0; value < alone; value++) {
    const start = performance.now();
    const runId = await orchestrator.startRun({ value }, value, { workflow: chainOfThree.name });
    const { status } = await orchestrator.waitForCompletion(runId);
    times.push(performance.now() - start);
    if (status !== 'completed') throw new Error(`expected the run to complete, got ${status}`);
  }
  await worker.stop();
  return medianOf(times);
}

function sizesOf(name) {
  if (quick) return { chains: 20, fans: 2 };
  return {
    memory: { chains: 2_000, fans: 400 },
    redis: { chains: 1_000, fans: 100 },
    postgres: { chains: 200, fans: 20 },
    pglite: { chains: 100, fans: 10 },
  }[name];
}
