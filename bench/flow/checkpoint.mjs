import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileCheckpointStore, FlowRuntime } from '../../dist/flow/index.js';
import { medianOf } from '../median.mjs';
import { chain, fan } from './graphs.mjs';
import { counted, work } from './work.mjs';

const quick = process.argv.includes('--quick');
const size = quick ? 100 : 1_000;
const samples = quick ? 1 : 5;

process.send(await inFolder(measure));

async function measure(folder) {
  const runtime = new FlowRuntime({ registry: { work } });
  const checkpoint = new FileCheckpointStore(join(folder, 'checkpoints'));
  const run = (shape, options) => () => runtime.run(shape(size), {}, options);
  const contenders = {
    'one line appended and flushed, by hand': () => appendByHand(join(folder, 'by-hand')),
    'node of a chain, no checkpoint': run(chain),
    'node of a chain, file checkpoint': run(chain, { checkpoint }),
    'node of a fan, no checkpoint': run(fan),
    'node of a fan, file checkpoint': run(fan, { checkpoint }),
  };
  const times = Object.entries(contenders).map(([name, call]) => ({ name, call, found: [] }));
  for (let sample = 0; sample <= samples; sample++) {
    for (const { call, found } of times) {
      const microseconds = await timeOf(call);
      if (sample > 0) found.push(microseconds);
    }
  }
  return times.map(({ name, found }) => {
    const value = medianOf(found);
    return { name, value, text: `${value.toFixed(1)} µs` };
  });
}

/** Time per node, or per line. */
async function timeOf(call) {
  counted.executions = 0;
  globalThis.gc();
  const start = performance.now();
  const result = await call();
  const duration = performance.now() - start;
  if (result !== undefined && (result.status !== 'completed' || counted.executions !== size)) {
    throw new Error(`expected ${size} nodes to be executed, got ${counted.executions}: ${result.status}`);
  }
  return (duration * 1e3) / size;
}

/** The least work that makes a line survive a crash: append and flush it. */
async function appendByHand(path) {
  const file = await open(path, 'a');
  try {
    for (let index = 0; index < size; index++) {
      await file.appendFile(`{"nodeId":"n${index}","output":${index}}\n`);
      await file.datasync();
    }
  } finally {
    await file.close();
  }
}

async function inFolder(work) {
  const folder = await mkdtemp(join(tmpdir(), 'orchestrator-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
