import { readFile, rm } from 'node:fs/promises';
import { Loop, type NodeData, NonBlockingNode, ProducerNode, WorkflowOrchestrator } from 'orchestrator/loops';
import { describe, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { deferred, rejection } from '../support.js';
import {
  collector,
  deadlineByDefault,
  endedInGrace,
  expectResources,
  fixture,
  resources,
  states,
  timed,
  upTo,
  workflow,
} from './support.js';

const module = fixture();

function numbers(to: string, id = 'numbers') {
  let last = 0;
  const loop = new Loop(id).producer('count', () => ++last).push('out', to);
  return { loop, last: () => last };
}

describe('stop', () => {
  it('ends producers first; who reads goes on until its queue is empty; nodes clean up', async () => {
    const lines: string[] = [];
    const source = numbers('one');
    class Slow extends NonBlockingNode<number> {
      async run({ value }: NodeData<number>) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        seen.push(value);
      }
      override cleanUp() {
        lines.push(`cleaned up after ${seen.length === source.last() ? 'all' : 'some'}`);
      }
    }
    const seen: number[] = [];
    const orchestrator = workflow({
      queues: { one: { capacity: 50 }, two: { capacity: 50 } },
      loops: [
        new Loop('last').read('in', 'two').node('slow', Slow),
        new Loop('middle').read('in', 'one').push('out', 'two'),
        source.loop,
      ],
    });
    orchestrator.on('state', ({ loopId, state }) => void (state === 'stopped' && lines.push(`${loopId} stopped`)));
    await orchestrator.start();
    await eventually(() => seen.length > 200);
    const { loops, abandoned, messages } = await orchestrator.stop();
    expect(seen.sort((a, b) => a - b)).toEqual(upTo(source.last()));
    expect(lines).toEqual(['numbers stopped', 'middle stopped', 'cleaned up after all', 'last stopped']);
    expect({ abandoned, messages }).toEqual({ abandoned: 0, messages: 0 });
    expect(loops.map(({ loopId, reason }) => [loopId, reason])).toEqual([
      ['numbers', 'stopped'],
      ['middle', 'drained'],
      ['last', 'drained'],
    ]);
  });

  it('leaves messages where they are when they are not to drain', async () => {
    const gates = [deferred(), deferred()];
    let taken = 0;
    const reader = new Loop('reader').read('in', 'q').blocking('wait', () => gates[taken++]?.promise);
    const source = numbers('q');
    const orchestrator = workflow({ queues: { q: { capacity: 100 } }, loops: [reader, source.loop] });
    await orchestrator.start();
    await eventually(() => orchestrator.queue('q').metrics.blocked === 1);
    const stopping = orchestrator.stop({ drain: false });
    // The reader continues until the source has room and has ended.
    gates[0]?.resolve();
    await eventually(() => orchestrator.metrics().loops[1]?.state === 'stopped');
    gates[1]?.resolve();
    const { messages, loops } = await stopping;
    expect(messages).toBeGreaterThanOrEqual(source.last() - gates.length);
    expect(loops.map(({ reason }) => reason)).toEqual(['stopped', 'stopped']);
  });

  it('drains paused loops too', async () => {
    const { loop, values } = collector<number>('q');
    const orchestrator = workflow({ queues: { q: {} }, loops: [loop] });
    await orchestrator.start();
    await orchestrator.pause();
    for (const value of upTo(5)) await orchestrator.queue('q').push(value);
    expect((await orchestrator.stop()).loops[0]?.reason).toBe('drained');
    expect(values).toEqual(upTo(5));
  });

  it('drains loops that feed each other through queues that do not block, however often messages go round', async () => {
    let rounds = 0;
    const circle = (id: string, from: string, to: string) =>
      new Loop(id)
        .read('in', from)
        .blocking('one less', async (value: number) => {
          rounds++;
          await new Promise((resolve) => setTimeout(resolve, 1));
          if (value === 0) throw new Error('round and round');
          return value - 1;
        })
        .push('out', to);
    const orchestrator = workflow({
      queues: { ping: { overflow: 'fail' }, pong: { overflow: 'fail' } },
      loops: [circle('a', 'ping', 'pong'), circle('b', 'pong', 'ping')],
    });
    await orchestrator.start();
    await orchestrator.queue('ping').push(50);
    const { loops, messages } = await orchestrator.stop();
    expect(rounds).toBe(51);
    expect(messages).toBe(0);
    expect(loops.map(({ reason }) => reason)).toEqual(['drained', 'drained']);
  });

  it('ends by its deadline where loops feed each other for ever', async () => {
    const ball = (id: string, from: string, to: string) => new Loop(id).read('in', from).push('out', to);
    const orchestrator = workflow({
      queues: { ping: { overflow: 'fail' }, pong: { overflow: 'fail' } },
      loops: [ball('a', 'ping', 'pong'), ball('b', 'pong', 'ping')],
    });
    await orchestrator.start();
    await orchestrator.queue('ping').push('ball');
    const [{ loops, messages }, time] = await timed(orchestrator.stop({ deadline: 200 }));
    expect(time).toBeLessThan(deadlineByDefault);
    expect(loops.map(({ reason }) => reason)).toEqual(['aborted', 'aborted']);
    expect(messages).toBe(1);
  });

  it('past its deadline aborts signals, and reports what ended only then', () =>
    inDirectory(async (directory) => {
      for (const pool of ['async', 'thread', 'process'] as const) {
        const file = `${directory}/${pool}`;
        const orchestrator = workflow({
          loops: [{ id: 'obedient', module, export: 'obedient', options: { file }, pool }],
        });
        const { loops, abandoned } = await endedInGrace(async () => {
          await rm(file, { force: true });
          await orchestrator.start();
          await eventually(async () => (await readFile(file, 'utf8')) === 'begun\n');
          const [summary, time] = await timed(orchestrator.stop({ deadline: 100 }));
          expect(time).toBeLessThan(deadlineByDefault);
          return summary;
        });
        expect(loops).toEqual([expect.objectContaining({ loopId: 'obedient', reason: 'aborted', inFlight: 1 })]);
        expect(abandoned).toBe(1);
        await eventually(async () =>
          expect(await readFile(file, 'utf8')).toBe(
            'begun\naborted: LoopStateError: loop "obedient" is stopping: it did not end within 100 ms, raise the timeout or end its nodes when data.signal aborts\n',
          ),
        );
        expect(orchestrator.metrics().loops[0]?.state).toBe('stopped');
      }
    }));

  it.each(['thread', 'process'] as const)(
    'terminates a %s that spins, and reports it; the loop may be started again',
    (pool) =>
      inDirectory(async (directory) => {
        const { loop, values } = collector('out');
        const file = `${directory}/spins`;
        const orchestrator = workflow({
          queues: { out: {} },
          loops: [{ id: 'endless', module, export: 'endless', options: { to: 'out', file }, pool }, loop],
        });
        for (let round = 1; round <= 2; round++) {
          await orchestrator.start();
          await eventually(() => values.length === round);
          await eventually(async () => (await readFile(file, 'utf8')) === 'spins\n'.repeat(round));
          const [{ loops, abandoned }, time] = await timed(orchestrator.stop({ deadline: 100 }));
          expect(time).toBeLessThan(deadlineByDefault);
          expect(loops.find(({ loopId }) => loopId === 'endless')).toMatchObject({ reason: 'terminated', inFlight: 1 });
          expect(abandoned).toBe(1);
          expect(orchestrator.health().loops.map(({ state }) => state)).toEqual(['stopped', 'stopped']);
        }
      }),
  );

  it('leaves a promise behind that never settles, and reports it; the loop may be started again', async () => {
    let begun = 0;
    let late = 0;
    const release = deferred();
    const orchestrator = workflow({
      queues: { out: {} },
      loops: [
        new Loop('stuck')
          .node(
            'wait',
            class extends ProducerNode<number> {
              async run() {
                if (++begun === 1) await release.promise;
                late++;
                await this.config.messaging.push('out', late);
                return late;
              }
            },
          )
          .blocking('slow', () => new Promise((resolve) => setTimeout(resolve, 5))),
      ],
    });
    await orchestrator.start();
    const [{ loops, abandoned }, time] = await timed(orchestrator.stop({ deadline: 50 }));
    expect(time).toBeGreaterThan(500);
    expect(time).toBeLessThan(deadlineByDefault);
    expect(loops).toEqual([
      { loopId: 'stuck', reason: 'aborted', iterations: 0, inFlight: 1, error: expect.any(Error) },
    ]);
    expect(abandoned).toBe(1);
    await orchestrator.ended();
    await orchestrator.start();
    await eventually(() => orchestrator.queue('out').metrics.pushed > 2);
    const { pushed } = orchestrator.queue('out').metrics;
    const before = late;
    // Work of a loop that was left behind no longer counts.
    release.resolve();
    await eventually(() => late > before + 5);
    expect(orchestrator.queue('out').metrics.pushed - pushed).toBe(late - before - 1);
    expect((await orchestrator.stop()).abandoned).toBe(0);
  });

  it.each(['async', 'thread', 'process'] as const)(
    'ends a loop of the pool %s that waits for room in a queue that no loop reads',
    async (pool) => {
      const reader = collector('full');
      const orchestrator = workflow({
        queues: { full: { capacity: 3 } },
        loops: [{ id: 'counter', module, export: 'counter', options: { count: 1e6, to: 'full' }, pool }, reader.loop],
      });
      const { loops, messages } = await endedInGrace(async () => {
        await orchestrator.start('counter');
        await eventually(() => orchestrator.queue('full').metrics.blocked === 1);
        const [summary, time] = await timed(orchestrator.stop({ deadline: 100 }));
        expect(time).toBeLessThan(deadlineByDefault);
        return summary;
      });
      expect(loops).toEqual([expect.objectContaining({ loopId: 'counter', reason: 'aborted' })]);
      expect(messages).toBeGreaterThanOrEqual(3);
      // The remaining messages have kept their order.
      await orchestrator.start(reader.loop.id);
      await eventually(() => reader.values.length >= 3);
      expect(reader.values.slice(0, 3)).toEqual([1, 2, 3]);
    },
  );

  it('does nothing if nothing runs', async () => {
    const orchestrator = workflow({ loops: [numbers('q').loop], queues: { q: { overflow: 'drop-oldest' } } });
    expect(await orchestrator.stop()).toEqual({ loops: [], abandoned: 0, messages: 0 });
    await orchestrator.start();
    await orchestrator.stop();
    expect(await orchestrator.stop()).toMatchObject({ loops: [] });
  });

  it('may be called twice at once', async () => {
    const { loop, values } = collector<number>('q', { ms: 1 });
    const source = numbers('q');
    const orchestrator = workflow({ queues: { q: { capacity: 20 } }, loops: [source.loop, loop] });
    await orchestrator.start();
    await eventually(() => values.length > 5);
    const both = await Promise.all([orchestrator.stop(), orchestrator.stop()]);
    expect(both.map(({ loops }) => loops.length)).toEqual([2, 2]);
    expect(values).toEqual(upTo(source.last()));
  });

  it('without draining, ends a loop at once that waits for its restart', async () => {
    const orchestrator = workflow({
      queues: { in: {}, out: {} },
      loops: [
        {
          id: 'mortal',
          module,
          export: 'mortal',
          options: { from: 'in', to: 'out', how: 'exit', at: 1 },
          pool: 'thread',
          onCrash: { action: 'restart', backoff: 60_000, maxBackoff: 60_000 },
        },
        collector('out').loop,
      ],
    });
    const failures: unknown[] = [];
    orchestrator.on('failure', ({ error }) => failures.push(error));
    await orchestrator.start();
    await orchestrator.queue('in').push(1);
    await eventually(() => orchestrator.metrics().loops[0]?.state === 'restarting');
    const [{ loops, messages }, time] = await timed(orchestrator.stop({ drain: false }));
    expect(time).toBeLessThan(deadlineByDefault);
    expect(loops.find(({ loopId }) => loopId === 'mortal')).toMatchObject({ reason: 'crashed' });
    expect(messages).toBe(1);
    expect(failures).toHaveLength(1);
    expect(orchestrator.metrics().loops[0]?.state).toBe('stopped');
  });

  it.each(['async', 'thread', 'process'] as const)(
    'interrupts a start in progress, of a loop of the pool %s',
    async (pool) => {
      const before = await resources();
      const orchestrator = workflow({ loops: [{ id: 'ready', module, export: 'ready', pool }] });
      // The first start waits for the module, the second one is immediate.
      for (const _ of [1, 2]) {
        const starting = rejection(orchestrator.start());
        expect(await orchestrator.stop()).toEqual({ loops: [], abandoned: 0, messages: 0 });
        expect(await starting).toMatchObject({
          name: 'LoopStateError',
          message: 'the workflow is stopped: it was stopped during its start, call start() again',
        });
        expect(orchestrator.metrics().loops[0]?.state).toBe('stopped');
        await expectResources(before);
      }
      await orchestrator.start();
      const stopping = orchestrator.stop();
      expect(await rejection(orchestrator.start('ready'))).toMatchObject({ code: 'ERR_LOOP_STATE' });
      await stopping;
      const restarting = orchestrator.start('ready').catch((error: unknown) => error);
      // Now the start waits for the thread or process.
      await new Promise((resolve) => setImmediate(resolve));
      await orchestrator.stop();
      if (pool !== 'async')
        expect(await restarting).toMatchObject({
          message: expect.stringContaining('it was stopped during its start, call start() again'),
        });
      expect(orchestrator.metrics().loops[0]?.state).toBe('stopped');
    },
  );

  it('ends a loop whose set-up never ends', async () => {
    const orchestrator = workflow({
      loops: [
        new Loop('stuck').node(
          'bad',
          class extends ProducerNode<number> {
            override setUp() {
              return new Promise(() => {});
            }
            run() {
              return 1;
            }
          },
        ),
      ],
    });
    const starting = rejection(orchestrator.start());
    await eventually(() => orchestrator.metrics().loops[0]?.state === 'starting');
    const [{ loops }, time] = await timed(orchestrator.stop({ deadline: 50 }));
    expect(time).toBeLessThan(deadlineByDefault);
    expect(loops[0]).toMatchObject({ loopId: 'stuck', reason: 'aborted' });
    expect(await starting).toMatchObject({ name: 'LoopStateError' });
  });

  it('of one of two readers leaves the messages to the other', async () => {
    const one = collector<number>('q', { id: 'one' });
    const two = collector<number>('q', { id: 'two' });
    const orchestrator = workflow({ queues: { q: {} }, loops: [one.loop, two.loop] });
    await orchestrator.start();
    await orchestrator.stop({ loopId: 'one', drain: true });
    // The event loop keeps running, although the queue is empty and one of its readers has ended.
    await new Promise((resolve) => setTimeout(resolve, 10));
    await orchestrator.queue('q').push(1);
    await eventually(() => two.values.length === 1);
    await orchestrator.start('one');
    for (const value of upTo(20)) await orchestrator.queue('q').push(value);
    await eventually(() => one.values.length + two.values.length === 21);
  });

  it('lets a reader that is started again continue', async () => {
    const { loop, values } = collector<number>('q');
    const orchestrator = workflow({ queues: { q: {} }, loops: [loop] });
    await orchestrator.start();
    await orchestrator.queue('q').push(1);
    await orchestrator.stop();
    await orchestrator.queue('q').push(2);
    await orchestrator.start();
    await orchestrator.queue('q').push(3);
    await eventually(() => values.length === 3);
    expect(values).toEqual([1, 2, 3]);
  });

  it('refuses an invalid deadline, and an unknown loop', async () => {
    const orchestrator = workflow({ loops: [numbers('q').loop], queues: { q: { overflow: 'fail' } } });
    expect(await rejection(orchestrator.stop({ deadline: -1 }))).toMatchObject({
      name: 'ValidationError',
      message: expect.stringContaining('deadline must be'),
    });
    expect(await rejection(orchestrator.stop({ loopId: 'x' }))).toMatchObject({
      name: 'NotFoundError',
      message: 'there is no loop "x", only numbers',
    });
  });
});

describe('close', () => {
  it('stops all loops, settles all waits, and prevents further starts', async () => {
    const orchestrator = new WorkflowOrchestrator().load({
      queues: { q: { capacity: 1 } },
      loops: [collector('q').loop],
    });
    await orchestrator.start();
    await orchestrator.stop();
    await orchestrator.queue('q').push(1);
    const waiting = rejection(orchestrator.queue('q').push(2));
    await orchestrator.close();
    expect(await waiting).toMatchObject({
      name: 'LoopStateError',
      message: 'the workflow is stopped: it was closed, create a new WorkflowOrchestrator',
    });
    expect(await rejection(orchestrator.start())).toMatchObject({ code: 'ERR_LOOP_STATE' });
    expect(await rejection(orchestrator.queue('q').push(3))).toMatchObject({ code: 'ERR_LOOP_STATE' });
    await orchestrator.close();
  });

  it('ends by the earliest of several limits', async () => {
    const entered = deferred<void>();
    const loop = new Loop('stuck').producer('wait', () => {
      entered.resolve();
      return new Promise(() => {});
    });
    const orchestrator = workflow({ loops: [loop] });
    await orchestrator.start();
    await entered.promise;
    const first = orchestrator.close({ timeout: 3_600_000 });
    const second = orchestrator.close({ timeout: 50 });
    const third = orchestrator.close({ timeout: 3_600_000 });
    const [{ loops }] = await Promise.all([first, second, third]);
    expect(loops).toMatchObject([{ reason: 'aborted', inFlight: 1 }]);
    expect(loops[0]?.error?.message).toBe(
      'loop "stuck" is stopping: it did not end within 50 ms, raise the timeout or end its nodes when data.signal aborts',
    );
  });

  it('accepts its limit as `timeout`, or by its former name `deadline`, but not both', async () => {
    const orchestrator = workflow({ loops: [] });
    const message = 'deadline is another name of timeout: give timeout alone';
    expect(await rejection(orchestrator.close({ timeout: 1, deadline: 1 }))).toMatchObject({ message });
    expect(await rejection(orchestrator.stop({ timeout: 1, deadline: 1 }))).toMatchObject({ message });
    await orchestrator.start();
    const nothing = { loops: [], abandoned: 0, messages: 0 };
    expect(await orchestrator.stop({ timeout: 100 })).toEqual(nothing);
    expect(await orchestrator.stop({ deadline: 100 })).toEqual(nothing);
    expect(await orchestrator.close({ deadline: 100 })).toEqual(nothing);
  });

  it('is called at the end of a scope', async () => {
    const { loop, values } = collector<number>('q');
    const seen: string[] = [];
    {
      await using orchestrator = new WorkflowOrchestrator().load({ queues: { q: {} }, loops: [loop] });
      orchestrator.on('state', ({ state }) => seen.push(state));
      await orchestrator.start();
      for (const value of upTo(3)) await orchestrator.queue('q').push(value);
    }
    expect(values).toEqual(upTo(3));
    expect(seen).toEqual(['starting', 'running', 'stopping', 'stopped']);
  });

  it('leaves no timer, and no thread or process of a start that has failed', async () => {
    const before = await resources();
    const orchestrator = new WorkflowOrchestrator().load({
      loops: [
        { id: 'good', module, export: 'ready', pool: 'thread' },
        { id: 'fine', module, export: 'ready', pool: 'process' },
        { id: 'bad', module, export: 'number', pool: 'thread' },
      ],
    });
    expect(await rejection(orchestrator.start())).toMatchObject({ code: 'ERR_LOOP_MODULE' });
    await expectResources(before);
    await orchestrator.close();
    expect(await rejection(orchestrator.start())).toMatchObject({ code: 'ERR_LOOP_STATE' });
  });

  it('leaves no timer, thread or process of loops that ran', async () => {
    const before = await resources();
    const orchestrator = new WorkflowOrchestrator().load({
      loops: [
        { id: 'a', module, export: 'ready', pool: 'thread' },
        { id: 'b', module, export: 'ready', pool: 'process' },
        { id: 'c', module, export: 'ready', pool: 'async' },
      ],
    });
    const seen = states(orchestrator);
    await orchestrator.start();
    await orchestrator.close();
    expect(seen.filter((line) => line.endsWith('stopped'))).toHaveLength(3);
    await expectResources(before);
  });
});

async function inDirectory(work: (directory: string) => Promise<void>) {
  const directory = await temporaryDirectory();
  try {
    await work(directory);
  } finally {
    await removeDirectory(directory);
  }
}
