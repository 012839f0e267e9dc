import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { ValidationError } from 'orchestrator';
import {
  done,
  Loop,
  type LoopStore,
  LoopStoreError,
  lmdbStore,
  type NodeData,
  ProducerNode,
  QueueReader,
  WorkflowOrchestrator,
} from 'orchestrator/loops';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { killWorkerProcesses, startWorkerProcess, type WorkerProcess } from '../distributed/servers/processes.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { deferred, rejection } from '../support.js';
import { collector, fixture, upTo, workflow } from './support.js';

// biome-ignore lint/suspicious/noExplicitAny: what a program tells, as its fixture has it
type Told = any;

let parent = '';

beforeEach(async () => {
  parent = await temporaryDirectory();
});

afterEach(async () => {
  await killWorkerProcesses();
  await removeDirectory(parent);
});

afterAll(killWorkerProcesses);

function program(settings: object = {}): WorkerProcess<Told> {
  const given = {
    loops: fixture().href,
    directory: `${parent}/data`,
    ledger: `${parent}/ledger`,
    count: 0,
    ...settings,
  };
  return startWorkerProcess<Told>({
    module: new URL('./fixtures/program.ts', import.meta.url),
    env: { PROGRAM: JSON.stringify(given) },
  });
}

const is = (type: string) => (told: Told) => told.type === type;

async function ask(worker: WorkerProcess<Told>, call: string, ...args: unknown[]): Promise<Told> {
  worker.send({ call, args });
  return await worker.waitFor(({ type }) => ['done', 'state', 'pushed', 'failed', 'closed'].includes(type));
}

async function ledger(): Promise<{ value: number; id: number; deliveries: number }[]> {
  if (!existsSync(`${parent}/ledger`)) return [];
  const lines = (await readFile(`${parent}/ledger`, 'utf8')).trim().split('\n');
  return lines.map((line) => {
    const [value, id, deliveries] = line.split(' ').map(Number);
    return { value: Number(value), id: Number(id), deliveries: Number(deliveries) };
  });
}

describe.each(['async', 'thread'] as const)('a program with a store, and a loop in the pool %s', (pool) => {
  it('that is killed repeatedly loses nothing, keeps the order, and assigns no id twice', async () => {
    const count = 2_000;
    for (let life = 1; life <= 5; life++) {
      const before = (await ledger()).length;
      const worker = program({ count, pool });
      await worker.waitFor(is('started'));
      await eventually(async () => (await ledger()).length >= Math.min(before + 150, count), { timeout: 60_000 });
      await worker.kill();
    }
    const last = program({ count, pool });
    await eventually(async () => (await ledger()).some(({ value }) => value === 2 * count), { timeout: 60_000 });
    expect(await ask(last, 'close')).toEqual({ type: 'closed' });
    await last.exited;
    const entries = await ledger();
    const values = new Set(entries.map(({ value }) => value));
    expect(upTo(count).filter((value) => !values.has(2 * value))).toEqual([]);
    // Some values occur twice, together with the values behind them. First occurrences are in order.
    expect([...values]).toEqual(upTo(count).map((value) => 2 * value));
    expect(entries.length - count).toBeLessThan(5 * 1_000);
    // An id stands for one message.
    const byId = new Map<number, number>();
    for (const { id, value } of entries) {
      expect(byId.get(id) ?? value).toBe(value);
      byId.set(id, value);
    }
  }, 300_000);
});

describe('a program with a store', () => {
  it('has stored a push from outside when the push resolves', async () => {
    const first = program({ isIdle: true });
    await first.waitFor(is('started'));
    for (const value of upTo(5)) expect(await ask(first, 'push', value)).toEqual({ type: 'pushed', value });
    await first.kill();
    const second = program({ isIdle: true });
    await second.waitFor(is('started'));
    await eventually(async () => {
      const { queues } = await ask(second, 'state');
      expect(queues.find(({ queue }: Told) => queue === 'outside')).toMatchObject({ depth: 4, unacknowledged: 1 });
    });
  });

  it('restores desired states: paused and stopped loops stay so', async () => {
    const first = program({ count: 1e6 });
    await first.waitFor(is('started'));
    await ask(first, 'pause', 'source');
    await ask(first, 'stop', { loopId: 'double', deadline: 500 });
    // If this write is on the disk, so are all writes before it.
    await ask(first, 'push', 1);
    await first.kill();
    const second = program({ count: 1e6 });
    await second.waitFor(is('started'));
    await eventually(async () => {
      expect((await ask(second, 'state')).loops).toEqual({
        source: 'paused',
        double: 'stopped',
        sink: 'running',
        hold: 'running',
      });
    });
    const before = (await ask(second, 'state')).queues[0].pushed;
    expect(before).toBe(0);
    await ask(second, 'resume', 'source');
    await ask(second, 'start', 'double');
    await eventually(async () => expect((await ask(second, 'state')).queues[0].pushed).toBeGreaterThan(0));
    await ask(second, 'push', 2);
    await second.kill();
    const third = program({ count: 1e6 });
    await third.waitFor(is('started'));
    await eventually(async () => {
      expect((await ask(third, 'state')).loops).toMatchObject({ source: 'running', double: 'running' });
    });
  });

  it('keeps dead letters, with their errors', async () => {
    const first = program({ count: 5, bad: [4, 8] });
    await first.waitFor(is('started'));
    await eventually(async () => (await ledger()).some(({ value }) => value === 10));
    await ask(first, 'push', 1);
    await first.kill();
    const second = program({ count: 5 });
    await second.waitFor(is('started'));
    const { letters } = await ask(second, 'state');
    expect(letters).toEqual([
      expect.objectContaining({
        id: 1,
        loopId: 'sink',
        nodeId: 'note',
        value: 4,
        error: { name: 'RangeError', message: '4 is bad', cause: 'TypeError: the cause', isRange: true },
        message: { queue: 'doubled', id: expect.any(Number), value: 4 },
      }),
      expect.objectContaining({ id: 2, value: 8 }),
    ]);
  });

  it('locks its directory: another program is refused with the holder, until that has ended', async () => {
    const first = program({ isIdle: true });
    await first.waitFor(is('started'));
    const second = program({ isIdle: true });
    expect(await second.waitFor(is('refused'))).toMatchObject({
      name: 'LockedError',
      code: 'ERR_LOCKED',
      message: expect.stringContaining(
        `is in use by process ${first.pid} on ${hostname()}: stop the other process, or use another directory`,
      ),
    });
    // Nothing keeps the program alive.
    expect((await second.exited).code).toBe(0);
    await first.kill();
    const third = program({ isIdle: true });
    await third.waitFor(is('started'));
    expect(await ask(third, 'close')).toEqual({ type: 'closed' });
    expect((await third.exited).code).toBe(0);
  });
});

describe('a store', () => {
  const open = () => lmdbStore(`${parent}/a/b.c/store.d`);

  it('is created if it is missing, and released when the workflow is closed', async () => {
    for (const round of [1, 2]) {
      const { loop, values } = collector<number>('q');
      const orchestrator = new WorkflowOrchestrator({ store: open() }).load({ queues: { q: {} }, loops: [loop] });
      await orchestrator.start();
      await orchestrator.queue('q').push(round);
      await orchestrator.close();
      expect(values).toEqual([round]);
    }
    expect(existsSync(`${parent}/a/b.c/store.d/data.mdb`)).toBe(true);
    expect(existsSync(`${parent}/a/b.c/store.d.lock`)).toBe(false);
  });

  it('refuses a second workflow of the same program', async () => {
    const one = workflow({ loops: [new Loop('a').read('in', 'q')], queues: { q: {} } }, { store: open() });
    await one.start();
    const two = workflow({ loops: [new Loop('a').read('in', 'q')], queues: { q: {} } }, { store: open() });
    expect(await rejection(two.start())).toMatchObject({ code: 'ERR_LOCKED' });
    await one.close();
    await two.start();
  });

  it('that cannot be opened is refused', async () => {
    await writeFile(`${parent}/file`, 'no directory');
    const orchestrator = workflow(
      { loops: [new Loop('a').read('in', 'q')], queues: { q: {} } },
      { store: lmdbStore(`${parent}/file`) },
    );
    const error = await rejection(orchestrator.start());
    expect(error).toBeInstanceOf(LoopStoreError);
    expect(error).toMatchObject({
      code: 'ERR_LOOP_STORE',
      directory: `${parent}/file`,
      message: expect.stringMatching(/^the store ".*file" cannot be opened: EEXIST/),
    });
    expect((error as Error).cause).toBeInstanceOf(Error);
    expect(() => lmdbStore('')).toThrow(ValidationError);
  });

  it('that holds something other than a store is refused', async () => {
    const path = `${parent}/data`;
    await mkdir(path);
    await writeFile(`${path}/data.mdb`, 'x'.repeat(20_000));
    expect(await rejection(lmdbStore(path).open())).toMatchObject({
      code: 'ERR_LOOP_STORE',
      message: expect.stringContaining('is not an LMDB database'),
    });
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  it('keeps everything that can be cloned, and refuses the rest', async () => {
    const value = {
      map: new Map([[1, new Set(['a'])]]),
      date: new Date(5),
      big: 2n ** 70n,
      bytes: new Uint8Array([1, 2]),
      nothing: undefined,
      deep: [[{ a: null }]],
    };
    const first = workflow({ queues: { q: {} }, loops: [new Loop('a').read('in', 'q')] }, { store: open() });
    await first.start();
    await first.pause();
    await first.queue('q').push(value);
    expect(await rejection(first.queue('q').push({ call: () => 1 }))).toMatchObject({
      name: 'ValidationError',
      message:
        'the value pushed to queue "q".call cannot be sent to another thread or process, or stored: it is a function',
    });
    await first.close({ drain: false });
    const { loop, values } = collector('q', { id: 'a' });
    const second = workflow({ queues: { q: {} }, loops: [loop] }, { store: open() });
    await second.start('a');
    await eventually(() => values.length === 1);
    const [{ bytes, ...kept }] = values as [typeof value];
    const { bytes: _, ...given } = value;
    expect(kept).toEqual(given);
    expect([...bytes]).toEqual([1, 2]);
  });

  it('keeps a topic for each loop that reads it', async () => {
    const load = () => {
      const one = collector<number>('news', { id: 'one' });
      const two = collector<number>('news', { id: 'two' });
      const orchestrator = workflow(
        { queues: { news: { type: 'topic' } }, loops: [one.loop, two.loop] },
        { store: open() },
      );
      return { orchestrator, one, two };
    };
    const first = load();
    await first.orchestrator.start();
    await first.orchestrator.pause('two');
    for (const value of upTo(3)) await first.orchestrator.queue('news').push(value);
    await eventually(() => first.one.values.length === 3);
    await first.orchestrator.close({ drain: false });
    const second = load();
    await second.orchestrator.start();
    second.orchestrator.resume('two');
    await eventually(() => second.two.values.length === 3);
    expect(second.two.values).toEqual(upTo(3));
    expect(second.one.values).toEqual([]);
  });

  it('delivers an unacknowledged message again with its id', async () => {
    const seen: [number | undefined, unknown][] = [];
    let hangs = true;
    class Hanging extends QueueReader<number> {
      override run(data: NodeData<number>) {
        seen.push([data.message?.id, data.value]);
        return hangs ? new Promise<number>(() => {}) : data.value;
      }
    }
    const load = () =>
      workflow({ queues: { q: {} }, loops: [new Loop('a').read('in', 'q', {}, Hanging)] }, { store: open() });
    const first = load();
    await first.start();
    await first.queue('q').push('x');
    await eventually(() => seen.length === 1);
    await first.close({ deadline: 50 });
    hangs = false;
    const second = load();
    await second.start();
    await eventually(() => seen.length === 2);
    expect(seen).toEqual([
      [1, 'x'],
      [1, 'x'],
    ]);
    await second.queue('q').push('y');
    await eventually(() => seen.length === 3);
    expect(Number(seen[2]?.[0])).toBeGreaterThan(1);
  });

  it('that cannot be written any more makes stop and close fail, after all loops have ended', async () => {
    const inner = open();
    const store: LoopStore = Object.assign(Object.create(inner), {
      open: () => inner.open(),
      close: () => inner.close(),
      putMessage: (...args: Parameters<LoopStore['putMessage']>) => inner.putMessage(...args),
      removeMessage: () => undefined,
      putLastId: () => undefined,
      putDesired: () => undefined,
      flushed: () => Promise.reject(new LoopStoreError('x', 'cannot be written: no space left')),
    });
    const { loop, values } = collector('q');
    const orchestrator = workflow({ queues: { q: {} }, loops: [loop] }, { store });
    await orchestrator.start();
    expect(await rejection(orchestrator.queue('q').push(1))).toBeInstanceOf(LoopStoreError);
    await eventually(() => values.length === 1);
    expect(await rejection(orchestrator.close())).toBeInstanceOf(LoopStoreError);
    expect(orchestrator.metrics().loops[0]?.state).toBe('stopped');
    // The lock was released in any case.
    const again = open();
    await again.open();
    await again.close();
  });
});

describe('a loop that is being started', () => {
  /** A loop whose set-up is controlled by the test, and the desired state that its store received last. */
  function starting() {
    const asked = deferred<void>();
    const ready = deferred<void>();
    class Slow extends ProducerNode {
      override async setUp() {
        asked.resolve();
        await ready.promise;
      }
      override run() {
        return 1;
      }
    }
    const desired = new Map<string, string>();
    const { store } = unreliable();
    store.putDesired = (loopId, state) => void desired.set(loopId, state);
    const loops = [new Loop('slow', { schedule: 1 }).node('n', Slow)];
    const orchestrator = workflow({ loops }, { store });
    return { orchestrator, desired, asked: asked.promise, ready: () => ready.resolve() };
  }

  it('is stored as paused if it is paused meanwhile', async () => {
    const { orchestrator, desired, asked, ready } = starting();
    const started = orchestrator.start();
    await asked;
    const paused = orchestrator.pause('slow');
    ready();
    await Promise.all([started, paused]);
    expect(desired.get('slow')).toBe('paused');
    expect(orchestrator.metrics().loops[0]?.state).toBe('paused');
    orchestrator.resume('slow');
    expect(desired.get('slow')).toBe('running');
  });

  it('is stored as stopped if it is stopped by name meanwhile', async () => {
    const { orchestrator, desired, asked, ready } = starting();
    const started = orchestrator.start().catch(() => undefined);
    await asked;
    const stopped = orchestrator.stop({ loopId: 'slow' });
    ready();
    await Promise.all([started, stopped]);
    expect(desired.get('slow')).toBe('stopped');
    expect(orchestrator.metrics().loops[0]?.state).toBe('stopped');
  });
});

/** A store that keeps nothing, and whose writes can be made to fail. */
function unreliable() {
  let told: (failure: LoopStoreError | undefined) => void = () => {};
  let failure: LoopStoreError | undefined;
  const none = new Map<string, never>();
  const nothing = () => {};
  const store: LoopStore = {
    open: async (onFailure = nothing) => {
      told = onFailure;
      return { messages: none, lastIds: none, cursors: none, desired: none, deadLetters: [] };
    },
    putMessage: nothing,
    removeMessage: nothing,
    putLastId: nothing,
    putCursor: nothing,
    putDesired: nothing,
    putDeadLetter: nothing,
    removeDeadLetter: nothing,
    flushed: async () => {
      if (failure !== undefined) throw failure;
    },
    close: async () => {},
  };
  const become = (next: LoopStoreError | undefined) => {
    failure = next;
    told(next);
  };
  return { store, fail: () => become(new LoopStoreError('x', 'is full')), heal: () => become(undefined) };
}

describe('while a store cannot be written', () => {
  it('queues accept nothing: loops wait, pushes from outside fail, and drop policies drop', async () => {
    const { store, fail, heal } = unreliable();
    const taken: unknown[] = [];
    const pushing = (queue: string) => {
      let last = 0;
      return new Loop(`to ${queue}`, { schedule: 5 }).producer('n', () => ++last).push('out', queue);
    };
    const reading = (queue: string) =>
      new Loop(`from ${queue}`).read('in', queue).blocking('note', (value: unknown) => void taken.push(value));
    const queues = ['block', 'fail', 'drop-oldest', 'drop-newest'] as const;
    const orchestrator = workflow(
      {
        queues: Object.fromEntries(queues.map((overflow) => [overflow, { overflow }])),
        loops: queues.flatMap((queue) => [pushing(queue), reading(queue)]),
      },
      { store },
    );
    const events: unknown[] = [];
    orchestrator.on('store', ({ error }) => events.push(error?.message));
    await orchestrator.start();
    await eventually(() => taken.length > 20);
    fail();
    expect(await rejection(orchestrator.queue('block').push(1))).toBeInstanceOf(LoopStoreError);
    expect(orchestrator.health()).toMatchObject({ status: 'failing', store: 'the store "x" is full' });
    const of = (queue: string) => orchestrator.queue(queue).metrics;
    await eventually(() => of('block').blocked === 1);
    const before = queues.map((queue) => of(queue).pushed);
    await eventually(() => of('drop-oldest').dropped > 2 && of('drop-newest').dropped > 2);
    expect(orchestrator.metrics().loops.find(({ loopId }) => loopId === 'to fail')?.error).toBeUndefined();
    await eventually(() => orchestrator.deadLetters.list({ loopId: 'to fail' }).length > 2);
    expect(orchestrator.deadLetters.list({ loopId: 'to fail' })[0]?.error).toBeInstanceOf(LoopStoreError);
    expect(queues.map((queue) => of(queue).pushed)).toEqual(before);
    heal();
    await eventually(() => queues.every((queue, index) => of(queue).pushed > (before[index] as number)));
    expect(orchestrator.health().store).toBeUndefined();
    expect(events).toEqual(['the store "x" is full', undefined]);
    await orchestrator.queue('block').push(1);
  });

  it('a push from outside that waits for room fails, and those of loops keep their places', async () => {
    const { store, fail, heal } = unreliable();
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const values: unknown[] = [];
    const reader = new Loop('reader').read('in', 'q').blocking('note', async (value: unknown) => {
      await gate;
      values.push(value);
    });
    let last = 0;
    const pusher = new Loop('pusher').producer('n', () => (last < 3 ? ++last : done)).push('out', 'q');
    const orchestrator = workflow({ queues: { q: { capacity: 1 } }, loops: [pusher, reader] }, { store });
    await orchestrator.start();
    await eventually(() => orchestrator.queue('q').metrics.blocked === 1);
    const waiting = rejection(orchestrator.queue('q').push('outside'));
    await eventually(() => orchestrator.queue('q').metrics.blocked === 2);
    fail();
    expect(await waiting).toBeInstanceOf(LoopStoreError);
    expect(orchestrator.queue('q').metrics.blocked).toBe(1);
    release();
    await eventually(() => values.length === 1);
    heal();
    await eventually(() => values.length === 3);
    expect(values).toEqual([1, 2, 3]);
  });
});
