import { AsyncLocalStorage } from 'node:async_hooks';
import { Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { failsWith } from './failures.mjs';
import { jobOf } from './job.mjs';
import { quick } from './section.mjs';

// Packages are imported inside the functions that use them. Each contender runs in a separate process, which then
// contains only the packages that it needs.

const trivial = new URL('trivial.mjs', import.meta.url);
const hop = new URL('hop.mjs', import.meta.url);

/** Contenders with plain functions, and with an async function that is awaited in each iteration. */
export const contenders = {
  plain: {
    bare: { label: 'bare loop, one await an iteration', measure: () => bare({ isAsync: false }) },
    storage: {
      label: 'bare loop in a program with AsyncLocalStorage',
      measure: () => new AsyncLocalStorage().run({}, () => bare({ isAsync: false })),
    },
    loop: { label: 'loop', measure: () => loop({ isAsync: false }) },
    hook: { label: 'loop with a task hook', measure: () => loop({ isAsync: false, hooked: true }) },
    thread: { label: 'loop in a thread', measure: () => loopIn('thread') },
    process: { label: 'loop in a process', measure: () => loopIn('process') },
    piscina: { label: 'piscina, one hop an iteration', measure: piscina },
    tinypool: { label: 'tinypool, one hop an iteration', measure: tinypool },
    rxjs: { label: 'RxJS, never lets the event loop turn', measure: rxjs },
    streams: { label: 'Node streams', measure: () => streams({ isAsync: false }) },
  },
  async: {
    bare: { label: 'bare loop, one await an iteration', measure: () => bare({ isAsync: true }) },
    storage: {
      label: 'bare loop in a program with AsyncLocalStorage',
      measure: () => new AsyncLocalStorage().run({}, () => bare({ isAsync: true })),
    },
    loop: { label: 'loop', measure: () => loop({ isAsync: true }) },
    hook: { label: 'loop with a task hook', measure: () => loop({ isAsync: true, hooked: true }) },
    rxjs: { label: 'RxJS', measure: asyncRxjs },
    streams: { label: 'Node streams', measure: () => streams({ isAsync: true }) },
  },
};

async function bare({ isAsync }) {
  const { next, double, add, result } = jobOf({ quick });
  const first = isAsync ? async () => next() : next;
  for (;;) {
    const value = await first();
    if (value === undefined) return result();
    add(double(value));
  }
}

/** Runs a loop. With `hooked`, the hook keeps its event, so that the engine cannot optimise the event away. */
async function loop({ isAsync, hooked = false }) {
  const { Orchestrator } = await import('../../dist/index.js');
  const { default: loopOf } = await import('./trivial.mjs');
  const orchestrator = new Orchestrator({ name: 'trivial' });
  const kept = { event: undefined };
  if (hooked) {
    orchestrator.onTaskCompletion((event) => {
      kept.event = event;
    });
  }
  const rate = await rateOf(loopOf({ isAsync, quick, orchestrator }));
  if (hooked && kept.event === undefined) throw new Error('expected the hook to be called');
  return rate;
}

function loopIn(pool) {
  return rateOf({ id: 'trivial', module: trivial, pool, options: { isAsync: false, quick } });
}

/** The rate of a loop. The loop pushes its rate at the end, and another loop waits for it. */
async function rateOf(measured) {
  const { Loop, WorkflowOrchestrator } = await import('../../dist/loops/index.js');
  let rate;
  const reader = new Loop('rates').read('read', 'rates').blocking('keep', (value) => {
    rate = value;
  });
  const workflow = failsWith(new WorkflowOrchestrator().load({ queues: { rates: {} }, loops: [reader, measured] }));
  await workflow.start();
  while (rate === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
  await workflow.close();
  return rate;
}

async function piscina() {
  const { Piscina } = await import('piscina');
  const pool = new Piscina({ filename: hop.href, minThreads: 1, maxThreads: 1 });
  return hops((value) => pool.run(value));
}

async function tinypool() {
  const { Tinypool } = await import('tinypool');
  const pool = new Tinypool({ filename: hop.href, minThreads: 1, maxThreads: 1 });
  return hops((value) => pool.run(value));
}

/** The rate of a pool. The first node counts here; the other nodes run in the worker. */
async function hops(call) {
  const { next, result } = jobOf({ every: 100, quick });
  let sum = 0;
  for (;;) {
    const value = next();
    if (value === undefined) return result(sum);
    sum = await call(value);
  }
}

async function rxjs() {
  const { map, range, takeWhile } = await import('rxjs');
  const { next, double, add, result } = jobOf({ quick });
  const isThere = (value) => value !== undefined;
  await range(1, Infinity).pipe(map(next), takeWhile(isThere), map(double)).forEach(add);
  return result();
}

async function asyncRxjs() {
  const { from, map } = await import('rxjs');
  const { next, double, add, result } = jobOf({ quick });
  await from(valuesOf(next)).pipe(map(double)).forEach(add);
  return result();
}

async function streams({ isAsync }) {
  const { next, double, add, result } = jobOf({ end: null, quick });
  const objectMode = true;
  const readable = new Readable({
    objectMode,
    read() {
      this.push(next());
    },
  });
  const transform = new Transform({
    objectMode,
    transform: (value, _, done) => done(null, double(value)),
  });
  const writable = new Writable({
    objectMode,
    write(value, _, done) {
      add(value);
      done();
    },
  });
  await pipeline(isAsync ? Readable.from(valuesOf(next)) : readable, transform, writable);
  return result();
}

async function* valuesOf(next) {
  for (;;) {
    const value = await next();
    if (value === undefined || value === null) return;
    yield value;
  }
}
