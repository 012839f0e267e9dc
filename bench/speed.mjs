import { Bench } from 'tinybench';
import { medianOf } from './median.mjs';
import { allRows, insideScopes } from './rows.mjs';

const quick = process.argv.includes('--quick');
const rounds = quick ? 1 : 11;
const options = quick
  ? { time: 5, iterations: 2, warmupTime: 1, warmupIterations: 1, throws: true }
  : { time: 200, iterations: 10, warmupTime: 50, warmupIterations: 3, throws: true };

process.send(await insideScopes(measure));

/** The median of each row's medians, one a round. A first round is thrown away: in it all code gets compiled. */
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

/** Each row does what the others do: it adds, once or for a thousand items. */
async function check({ group, name, call }) {
  const result = await call(1, 2);
  const correct = Array.isArray(result) ? result.length === 1_000 && result[999] === 1_000 : result === 3;
  if (!correct) throw new Error(`${group}: ${name} gave a wrong result`);
}

/** One round over all rows, every other time backwards, so that drift and neighbours hit all rows alike. */
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

/** No row pays for the garbage of the one before. */
async function settle() {
  await turn();
  globalThis.gc();
}

/** Lets the event loop turn once before each iteration, as it does in a program. It is not part of the figure. */
function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}
