import { setImmediate } from 'node:timers/promises';
import { medianOf } from '../median.mjs';
import { resultOf } from '../processes.mjs';
import { withFlow } from './contenders.mjs';
import { diamond } from './graphs.mjs';
import { counted, work } from './work.mjs';

const quick = process.argv.includes('--quick');
const runs = quick ? 500 : 10_000;
const size = quick ? 1_000 : 10_000;
const samples = quick ? 1 : 5;

process.send([
  await growthOf('one after the other', { fresh: false }),
  await growthOf('a fresh blueprint each', { fresh: true }),
  ...(await peaks()),
]);

/** Growth of the heap during runs of a small flow, after the same number of runs for warm-up. */
async function growthOf(name, { fresh }) {
  const execute = withFlow(work);
  const one = diamond();
  const repeat = async () => {
    for (let seed = 0; seed < runs; seed++) await execute(fresh ? diamond() : one, { seed });
  };
  counted.executions = 0;
  await repeat();
  const before = await heapUsed();
  await repeat();
  const value = ((await heapUsed()) - before) / 1e6;
  const expected = 2 * runs * one.nodes.length;
  if (counted.executions !== expected) throw new Error(`expected ${expected} executions, got ${counted.executions}`);
  const words = `heap growth after ${runs.toLocaleString('en')} runs of ten nodes, ${name}`;
  return { name: words, value, text: `${value.toFixed(2)} MB`, target: { below: 1 } };
}

async function heapUsed() {
  await setImmediate();
  globalThis.gc();
  await setImmediate();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** Peak memory of a run of many nodes, minus that of a run of ten nodes. Each runs in separate processes. */
async function peaks() {
  const kinds = ['promises', 'flow'].flatMap((contender) =>
    ['chain', 'fan', 'layers'].map((shape) => ({ contender, shape, found: [] })),
  );
  for (let sample = 0; sample < samples; sample++) {
    const idle = { promises: await peakOf('promises', 'chain', 10), flow: await peakOf('flow', 'chain', 10) };
    for (const { contender, shape, found } of kinds) {
      found.push((await peakOf(contender, shape, size)) - idle[contender]);
    }
  }
  const [chain, fan, layers, ...flows] = kinds.map(({ found }) => medianOf(found));
  return [chain, fan, layers].flatMap((promises, index) => figuresOf(kinds[index].shape, promises, flows[index]));
}

function figuresOf(shape, promises, flow) {
  const name = `peak memory, ${shape} of ${size.toLocaleString('en')} nodes`;
  const ratio = flow / promises;
  return [
    { name: `${name}: promises`, value: promises, text: `${promises.toFixed(1)} MB` },
    { name: `${name}: flow`, value: flow, text: `${flow.toFixed(1)} MB` },
    { name: `${name}: ratio`, value: ratio, text: ratio.toFixed(2), target: { atMost: 2 } },
  ];
}

function peakOf(...words) {
  return resultOf(new URL('peak.mjs', import.meta.url), words.map(String), { execArgv: [] });
}
