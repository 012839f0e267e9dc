import { Bench } from 'tinybench';
import { medianOf } from './median.mjs';
import { allRows, insideScopes } from './rows.mjs';

const quick = process.argv.includes('--quick');
const rounds = quick ? 1 : 11;
const options = quick
  ? { time: 5, iterations: 2, warmupTime: 1, warmupIterations: 1, throws: true }
  : { time: 200, iterations: 10, warmupTime: 50, warmupIterations: 3, throws: true };

process.send(await insideScopes(measure));

/**
 * The median of each row's medians, one per round. A first round is dropped, because the code is compiled during it.
 */
async function measure() {
  const rows = allRows();
  for (const row of rows) await check(row);
  const medians = rows.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    const found = await measureOnce(rows, { backwards: round % 2 === 1 });
    if (round > 0) for (const [index, nanoseconds] of found.entries()) medians[index].push(nanoseconds);
  }
  return rows.map(({ group, name, against, target }, index) => {
    return { group, name, against, target, nanoseconds: medianOf(medians[index]) };
  });
}

/** Checks that every row does the same work: one addition, or one per item. */
async function check({ group, name, call }) {
  const result = await call(1, 2);
  const correct = Array.isArray(result) ? result.length === 1_000 && result[999] === 1_000 : result === 3;
  if (!correct) throw new Error(`${group}: ${name} gave a wrong result`);
}

/** Measures all rows once. Every other round runs backwards, so that drift and neighbours affect all rows equally. */
async function measureOnce(rows, { backwards }) {
  const bench = new Bench(options);
  for (const row of backwards ? rows.toReversed() : rows) {
    bench.add(`${row.group}: ${row.name}`, iterationOf(row), { async: true, beforeAll: settle, beforeEach: turn });
  }
  await bench.run();
  return rows.map((row) => (bench.getTask(`${row.group}: ${row.name}`).result.latency.p50 * 1e6) / row.calls);
}

function iterationOf({ call, calls, around }) {
  const repeated = async () => {
    for (let index = 0; index < calls; index++) await call(index, 1);
  };
  return around === undefined ? repeated : () => around(repeated);
}

/** Collects garbage, so that no row pays for the row before. */
async function settle() {
  await turn();
  globalThis.gc();
}

/** Lets the event loop turn once before each iteration, as in a real program. Not part of the measured time. */
function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}
