import { Orchestrator } from '../dist/index.js';
import { duration, ratio, textOf } from './figures.mjs';
import { insideFloor, limitByHand } from './floor.mjs';
import { limits, withPLimit, withPQueue } from './peers.mjs';
import { mediansOf } from './rounds.mjs';

// Measures the time per start when all calls are made at once: from the first call until the last function has been
// called, divided by the number of calls. Ratios are computed within a round, in which all rows are measured shortly
// after one another.

const quick = process.argv.includes('--quick');
const rounds = quick ? 1 : 7;
const few = 100;
const many = quick ? 10_000 : 100_000;
const group = 'waiting for one limit';
const orchestrator = new Orchestrator();

let started = 0;
async function count() {
  started++;
}

const contenders = {
  'action with a limit': orchestrator.action(count, { limit: { concurrency: limits.concurrency } }),
  'list by hand': limitByHand(count, limits.concurrency),
  'p-limit': withPLimit(count),
  'p-queue': withPQueue(count),
};

const figures = await insideFloor(() =>
  orchestrator.run(async () => {
    await measure();
    return mediansOf(rounds, measure, ratiosOf);
  }),
);
process.send(figures.map((figure) => ({ ...figure, text: textOf(figure) })));

async function measure() {
  const found = [];
  for (const [name, call] of Object.entries(contenders)) {
    for (const waiters of [few, many]) {
      const nanoseconds = await timePerStart(call, waiters);
      found.push(duration(keyOf(name, waiters), group, `${name}, ${waiters.toLocaleString('en')} calls`, nanoseconds));
    }
  }
  return found;
}

async function timePerStart(call, waiters) {
  await turn();
  globalThis.gc();
  started = 0;
  let milliseconds = 0;
  for (let calls = 0; calls < many; calls += waiters) {
    const pending = [];
    const began = performance.now();
    for (let index = 0; index < waiters; index++) pending.push(call(index));
    await pending.at(-1);
    milliseconds += performance.now() - began;
    await Promise.all(pending);
  }
  if (started !== many) throw new Error(`expected ${many} starts, got ${started}`);
  return (milliseconds * 1e6) / many;
}

function ratiosOf(found) {
  const value = (name, waiters) => found.find(({ key }) => key === keyOf(name, waiters)).value;
  const growths = Object.keys(contenders).map((name) => {
    const target = name === 'action with a limit' ? { atMost: 1.5 } : undefined;
    const growth = value(name, many) / value(name, few);
    return ratio(`growth ${name}`, group, `${name}, ${many.toLocaleString('en')} calls to ${few}`, growth, target);
  });
  const others = Object.keys(contenders).slice(1);
  const toOurs = others.map((name) => {
    const times = value('action with a limit', many) / value(name, many);
    return ratio(`to ${name}`, group, `action with a limit to ${name}, ${many.toLocaleString('en')} calls`, times);
  });
  return [...growths, ...toOurs];
}

function keyOf(name, waiters) {
  return `${name} ${waiters}`;
}

/** Lets the event loop turn once, so that no row pays for the row before. */
function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}
