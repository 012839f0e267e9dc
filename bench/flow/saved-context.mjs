import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileCheckpointStore, FlowRuntime, MemoryCheckpointStore } from '../../dist/flow/index.js';
import { medianOf } from '../median.mjs';
import { chain } from './graphs.mjs';

// The cost of a checkpoint per node, depending on the size of the context, the changes that nodes make to it, and the
// length of the run. Measured from the start of the first node to the start of the last, so copying the initial context
// is excluded.

const quick = process.argv.includes('--quick');
const samples = quick ? 1 : 3;
const [few, many] = quick ? [50, 200] : [200, 1_000];
const kilobyte = 10;
const megabytes = quick ? 1_000 : 50_000;

process.send(await inFolder(measure));

async function measure(folder) {
  let runs = 0;
  const stores = {
    memory: () => new MemoryCheckpointStore(),
    files: () => new FileCheckpointStore(join(folder, `${++runs}`)),
  };
  const contexts = {
    '1 kB of context': { records: kilobyte, nodes: few },
    '5 MB of context that no node touches': { records: megabytes, nodes: few },
    '5 MB of context, each node reads another key': { records: megabytes, nodes: few, touch: readsFlag },
    '5 MB of context, each node changes it': { records: megabytes, nodes: 5, touch: changesRecord },
    [`1 kB of context, ${many.toLocaleString('en')} nodes`]: { records: kilobyte, nodes: many },
  };
  const rows = Object.entries(contexts).flatMap(([name, given]) => [
    { name, given, store: undefined, found: [] },
    ...Object.keys(stores).map((kind) => ({ name, kind, given, store: stores[kind], found: [] })),
  ]);
  for (let sample = 0; sample <= samples; sample++) {
    for (const row of sample % 2 === 1 ? rows.toReversed() : rows) {
      const microseconds = await timeOf(row.given, row.store?.());
      await rm(folder, { recursive: true, force: true });
      if (sample > 0) row.found.push(microseconds);
    }
  }
  return rows.flatMap(({ name, kind, found }) => {
    if (kind === undefined) return [figure(`${name}: no checkpoint`, medianOf(found))];
    const [bare, least] = [rows, rows].map((all, at) =>
      medianOf(all.find((row) => (at === 0 ? row.name === name && !row.store : row.kind === kind)).found),
    );
    const value = medianOf(found);
    const isUntouched = !name.includes('changes') && !name.startsWith('1 kB of context');
    const isLonger = name.includes('nodes') && name.startsWith('1 kB');
    const target = isUntouched || isLonger ? { target: { atMost: 1.5 } } : {};
    const ratio = value / least;
    return [
      { ...figure(`${name}: in ${kind}`, value), text: `${text(value)}, ${(value / bare).toFixed(1)} × without` },
      ...(value === least
        ? []
        : [{ name: `${name}: in ${kind}, to 1 kB`, value: ratio, text: ratio.toFixed(2), ...target }]),
    ];
  });
}

function figure(name, value) {
  return { name, value, text: text(value) };
}

function text(microseconds) {
  return `${microseconds.toFixed(1)} µs`;
}

function readsFlag(context) {
  return context.flag;
}

function changesRecord(context, call) {
  context.records[call % context.records.length].count = call;
}

/** Time per node. */
async function timeOf({ records, nodes, touch }, checkpoint) {
  let calls = 0;
  let first = 0;
  let last = 0;
  const work = async (_input, args) => {
    calls++;
    last = performance.now();
    if (calls === 1) first = last;
    touch?.(args.context, calls);
    return calls;
  };
  const context = {
    flag: true,
    records: Array.from({ length: records }, (_, id) => ({ id, name: 'x'.repeat(70), count: 0 })),
  };
  const runtime = new FlowRuntime({ registry: { work } });
  globalThis.gc();
  const { status } = await runtime.run(chain(nodes), context, checkpoint && { checkpoint });
  if (status !== 'completed' || calls !== nodes)
    throw new Error(`expected ${nodes} nodes to be executed, got ${calls}: ${status}`);
  return ((last - first) * 1e3) / (nodes - 1);
}

async function inFolder(work) {
  const folder = await mkdtemp(join(tmpdir(), 'orchestrator-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
