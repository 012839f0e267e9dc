import { setImmediate } from 'node:timers/promises';
import { medianOf } from '../median.mjs';
import { allRows } from './rows.mjs';
import { counted, expectedOf, sum, work } from './work.mjs';

process.send(await measure());

/**
 * The median of each row's samples. A first round is dropped, because the code is compiled during it. Rows of the same
 * contender share an executor, which may cache the last graph.
 */
async function measure() {
  const executors = new Map();
  const rows = allRows().map((row) => {
    if (!executors.has(row.contender)) executors.set(row.contender, row.contender(work));
    return { ...row, execute: executors.get(row.contender), times: [] };
  });
  for (const row of rows) await check(row);
  const rounds = Math.max(...rows.map(({ samples }) => samples));
  for (let round = 0; round <= rounds; round++) {
    for (const row of round % 2 === 1 ? rows.toReversed() : rows) {
      const takesPart = round === 0 ? row.samples > 1 : round <= row.samples;
      if (!takesPart) continue;
      const nanoseconds = await sampleOf(row);
      if (round > 0) row.times.push(nanoseconds);
    }
  }
  return rows.map(({ group, name, against, target, times }) => {
    return { group, name, against, target, nanoseconds: medianOf(times) };
  });
}

/** Checks that every contender does the same work: executes every node, with the outputs of its predecessors. */
async function check({ group, name, contender, graph, joins = 'all', checked = true }) {
  if (!checked) return;
  const execute = contender(sum);
  const one = graph();
  const seeds = [1, 2];
  counted.executions = 0;
  const results = await Promise.all(seeds.map((seed) => execute(one, { seed })));
  const correct = seeds.every((seed, index) => {
    return results[index].seed === seed && results[index][one.nodes.at(-1).id] === expectedOf(one, { seed, joins });
  });
  const expected = seeds.length * one.nodes.length;
  if (!correct || counted.executions !== expected) throw new Error(`${group}: ${name} gave a wrong result`);
}

/** Time of the runs in one sample. Graphs are created and garbage is collected before the measurement. */
async function sampleOf({ group, name, execute, graph, reuse, runs, together, per }) {
  const one = graph();
  const graphs = Array.from({ length: runs }, () => (reuse ? one : graph()));
  counted.executions = 0;
  await setImmediate();
  globalThis.gc();
  const start = performance.now();
  const last = await (together ? allOf(graphs, execute) : eachOf(graphs, execute));
  const duration = performance.now() - start;
  const expected = runs * one.nodes.length;
  if (counted.executions !== expected || last[one.nodes.at(-1).id] === undefined) {
    throw new Error(`${group}: ${name} executed ${counted.executions} nodes, expected ${expected}`);
  }
  return (duration * 1e6) / per;
}

async function allOf(graphs, execute) {
  const results = await Promise.all(graphs.map((graph, seed) => execute(graph, { seed })));
  return results.at(-1);
}

async function eachOf(graphs, execute) {
  let last;
  for (const [seed, graph] of graphs.entries()) last = await execute(graph, { seed });
  return last;
}
