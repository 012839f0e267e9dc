import { readFile } from 'node:fs/promises';
import { type Deliveries, Loop, type LoopStore, lmdbStore, type NodeData, type Stored, to } from 'orchestrator/loops';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MessageQueue } from '../../src/loops/queues/message-queue.js';
import { eventually } from '../distributed/servers/eventually.js';
import { killWorkerProcesses, startWorkerProcess } from '../distributed/servers/processes.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { deferred, settled } from '../support.js';
import { collector, fixture, upTo, workflow } from './support.js';

let directory = '';

beforeEach(async () => {
  directory = await temporaryDirectory();
});

afterEach(async () => {
  await killWorkerProcesses();
  await removeDirectory(directory);
});

interface Seen {
  readonly value: number;
  readonly id: number;
  readonly deliveries: number;
}

/** Runs a program with a store until the program kills itself or ends. */
async function life(settings: object): Promise<{ readonly seen: Seen[]; readonly isOver: boolean }> {
  const ledger = `${directory}/ledger-${crypto.randomUUID()}`;
  const worker = startWorkerProcess<{ readonly type: string }>({
    module: new URL('./fixtures/poison.ts', import.meta.url),
    env: { PROGRAM: JSON.stringify({ directory: `${directory}/data`, ledger, ...settings }) },
  });
  await worker.exited;
  const text = await readFile(ledger, 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => line !== '');
  const seen = lines.filter((line) => line !== 'over').map((line) => JSON.parse(line) as Seen);
  return { seen, isOver: lines.includes('over') };
}

describe('a message that kills the program', () => {
  it('is recognised by its deliveries, which survive with a store; messages behind it are not suspected', async () => {
    const poison = 3;
    const of = (seen: readonly Seen[], value: number) =>
      seen.filter((one) => one.value === value).map(({ deliveries }) => deliveries);
    const first = await life({ push: 400, poison });
    expect(first.isOver).toBe(false);
    expect(of(first.seen, poison)).toEqual([1]);
    const second = await life({ poison });
    expect(of(second.seen, poison)).toEqual([2]);
    const third = await life({ poison });
    // The message becomes a dead letter, and all others are processed.
    expect(of(third.seen, poison)).toEqual([3]);
    expect(third.isOver).toBe(true);
    const all = [...first.seen, ...second.seen, ...third.seen];
    expect([...new Set(all.map(({ value }) => value))].sort((one, other) => one - other)).toEqual(upTo(400));
    for (const { value, deliveries } of all) if (value !== poison) expect(deliveries).toBeLessThanOrEqual(2);
    const fourth = await life({ poison });
    expect(fourth).toEqual({ seen: [], isOver: true });
  });

  it('becomes a dead letter at the limit of deliveries of its queue', async () => {
    const settings = { poison: 2, maxDeliveries: 2, isBlind: true };
    expect((await life({ ...settings, push: 5 })).isOver).toBe(false);
    expect((await life(settings)).isOver).toBe(false);
    const third = await life(settings);
    expect(third.isOver).toBe(true);
    expect(third.seen.map(({ value }) => value)).toEqual([3, 4, 5]);
    // The dead letter also survives.
    const out = collector('out');
    const orchestrator = workflow(
      { queues: { out: {} }, loops: [out.loop] },
      { store: lmdbStore(`${directory}/data`) },
    );
    await orchestrator.start();
    expect(orchestrator.deadLetters.list()).toMatchObject([
      {
        loopId: 'work',
        nodeId: '',
        value: 2,
        error: { name: 'DeliveryLimitError', code: 'ERR_DELIVERY_LIMIT', queue: 'jobs', limit: 2 },
        message: { queue: 'jobs', value: 2 },
      },
    ]);
  });
});

describe.each(['thread', 'process'] as const)('a message that kills the %s of its loop', (pool) => {
  it('is delivered alone from then on: messages behind it count at most one delivery too many', async () => {
    const out = collector<{ value: number; deliveries: number }>('out');
    const orchestrator = workflow({
      queues: { in: { capacity: 2_000 }, out: { capacity: 2_000 } },
      loops: [
        {
          id: 'wary',
          module: fixture(),
          export: 'wary',
          options: { from: 'in', to: 'out', at: 50 },
          pool,
          onCrash: { action: 'restart', backoff: 10 },
        },
        out.loop,
      ],
    });
    await orchestrator.start();
    await orchestrator.pause('wary');
    for (const value of upTo(1_000)) await orchestrator.queue('in').push(value);
    orchestrator.resume('wary');
    await eventually(() => new Set(out.values.map(({ value }) => value)).size === 1_000, { timeout: 60_000 });
    for (const { value, deliveries } of out.values) {
      if (value === 50) expect(deliveries).toBe(3);
      else expect(deliveries).toBeLessThanOrEqual(2);
    }
    expect(orchestrator.metrics().loops[0]?.restarts).toBe(2);
  });

  it('becomes a dead letter at maxDeliveries, with an event, and the loop continues', async () => {
    const out = collector<{ value: number }>('out');
    const orchestrator = workflow({
      queues: { in: { maxDeliveries: 2 }, out: {} },
      loops: [
        {
          id: 'mortal',
          module: fixture(),
          export: 'mortal',
          options: { from: 'in', to: 'out', how: 'exit', at: 2, always: true },
          pool,
          onCrash: { action: 'restart', backoff: 10 },
        },
        out.loop,
      ],
    });
    const letters: unknown[] = [];
    orchestrator.on('deadLetter', (letter) => letters.push(letter));
    await orchestrator.start();
    for (const value of upTo(4)) await orchestrator.queue('in').push(value);
    await eventually(() => new Set(out.values.map(({ value }) => value)).size === 3, { timeout: 60_000 });
    expect(letters).toMatchObject([
      { loopId: 'mortal', value: 2, error: { name: 'DeliveryLimitError', messageId: 2 } },
    ]);
    expect(orchestrator.metrics().loops[0]).toMatchObject({ state: 'running', restarts: 2 });
    expect(orchestrator.queue('in').metrics).toMatchObject({ depth: 0, acknowledged: 4 });
  });

  it('does not count messages that were sent ahead when the loop is stopped', async () => {
    const out = collector<{ value: number; deliveries: number }>('out');
    const orchestrator = workflow({
      queues: { in: { capacity: 2_000 }, out: { capacity: 2_000 } },
      loops: [
        { id: 'wary', module: fixture(), export: 'wary', options: { from: 'in', to: 'out', ms: 2 }, pool },
        out.loop,
      ],
    });
    await orchestrator.start();
    for (const value of upTo(60)) await orchestrator.queue('in').push(value);
    for (let round = 0; round < 3; round++) {
      await eventually(() => out.values.length >= 10 * (round + 1), { timeout: 60_000 });
      await orchestrator.stop({ loopId: 'wary', drain: false });
      await orchestrator.start('wary');
    }
    await eventually(() => out.values.length === 60, { timeout: 60_000 });
    expect(new Set(out.values.map(({ deliveries }) => deliveries))).toEqual(new Set([1]));
  });
});

describe('a queue that records deliveries', () => {
  function noting() {
    const notes: Deliveries[] = [];
    let gate = deferred();
    const queue = new MessageQueue({
      name: 'q',
      capacity: 10_000,
      overflow: 'block',
      log: {
        put: () => {},
        remove: () => {},
        deliver: async (deliveries) => {
          notes.push(deliveries);
          await gate.promise;
        },
      },
    });
    const pass = async () => {
      gate.resolve();
      await settled();
    };
    const shut = () => {
      gate = deferred();
    };
    return { queue, notes, pass, shut, fail: () => gate.reject(new Error('the disk is full')) };
  }

  it('delivers nothing before the delivery is recorded, and records many ahead of time', async () => {
    const { queue, notes, pass } = noting();
    const reader = queue.reader();
    for (let value = 0; value < 5_000; value++) queue.push(value);
    expect(reader.take()).toBeUndefined();
    let isReady = false;
    void reader.ready().then(() => {
      isReady = true;
    });
    await settled();
    expect(isReady).toBe(false);
    await pass();
    expect(isReady).toBe(true);
    let taken = 0;
    while (taken < 5_000) {
      const message = reader.take();
      if (message === undefined) await reader.ready();
      else {
        expect(message.id).toBeLessThanOrEqual(notes.at(-1)?.upTo ?? 0);
        reader.acknowledge(message);
        taken++;
      }
    }
    expect(notes.length).toBeLessThan(5_000 / 64);
  });

  it('records each repeated delivery before it happens, and delivers the message alone', async () => {
    const { queue, notes, pass, shut } = noting();
    await pass();
    const first = queue.reader();
    for (const value of ['a', 'b', 'c']) queue.push(value);
    expect([first.take()?.value, first.take()?.value]).toEqual(['a', 'b']);
    first.close();
    shut();
    const second = queue.reader();
    expect(second.take()).toBeUndefined();
    expect(notes.at(-1)?.counts).toEqual(new Map([[1, 2]]));
    await pass();
    const a = second.take();
    expect(a).toMatchObject({ value: 'a', deliveries: 2 });
    expect(second.take()).toBeUndefined();
    let isReady = false;
    void second.ready().then(() => {
      isReady = true;
    });
    await settled();
    expect(isReady).toBe(false);
    second.acknowledge(a as never);
    await settled();
    expect(second.take()).toBeUndefined();
    await pass();
    const b = second.take();
    expect(b).toMatchObject({ value: 'b', deliveries: 2 });
    second.acknowledge(b as never);
    // A message that was never delivered is not suspected.
    expect(second.take()).toMatchObject({ value: 'c', deliveries: 1 });
  });

  it('delivers nothing while deliveries cannot be recorded, and continues afterwards', async () => {
    const { queue, fail, shut, pass } = noting();
    const reader = queue.reader();
    queue.push('a');
    queue.hold(new Error('the disk is full'));
    fail();
    await settled();
    shut();
    const ready = reader.ready();
    queue.hold(undefined);
    await ready;
    expect(reader.take()).toBeUndefined();
    await pass();
    expect(reader.take()).toMatchObject({ value: 'a', deliveries: 1 });
  });
});

it('a custom store without deliveries counts from the start of the program', async () => {
  const stored: Stored = {
    messages: new Map([['in', [{ id: 7, queue: 'in', value: 'x', time: 0, deliveries: 0 }]]]),
    lastIds: new Map([['in', 7]]),
    cursors: new Map(),
    desired: new Map(),
    deadLetters: [],
  };
  const nothing = () => {};
  const store: LoopStore = {
    open: async () => stored,
    putMessage: nothing,
    removeMessage: nothing,
    putLastId: nothing,
    putCursor: nothing,
    putDesired: nothing,
    putDeadLetter: nothing,
    removeDeadLetter: nothing,
    flushed: async () => {},
    close: async () => {},
  };
  const seen: unknown[] = [];
  const loop = new Loop('l').read('in', 'in').blocking('see', (value, { message }: NodeData) => {
    seen.push([value, message?.deliveries]);
    return to();
  });
  const orchestrator = workflow({ queues: { in: {} }, loops: [loop] }, { store });
  await orchestrator.start();
  await eventually(() => seen.length === 1);
  expect(seen).toEqual([['x', 1]]);
});
