import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { Loop, NonBlockingNode, ProducerNode } from 'orchestrator/loops';
import { describe, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { rejection } from '../support.js';
import { collector, deadlineByDefault, endedInGrace, fixture, timed, upTo, workflow } from './support.js';

const module = fixture();
const long = { deadline: 60_000 };
/** Shorter than every delay that the tests must not wait for, in milliseconds. */
const limit = 30_000;

describe('a loop that waits for room in a queue that no loop reads any more', () => {
  it.each(['async', 'thread', 'process'] as const)(
    'is stopped without waiting for the deadline, in the pool %s',
    async (pool) => {
      const { loops, abandoned } = await endedInGrace(async () => {
        const reader = collector('full');
        const options = { count: 1e6, to: 'full' };
        const orchestrator = workflow({
          queues: { full: { capacity: 3 } },
          loops: [{ id: 'counter', module, export: 'counter', options, pool }, reader.loop],
        });
        await orchestrator.start();
        await orchestrator.stop({ loopId: reader.loop.id });
        await eventually(() => orchestrator.queue('full').metrics.blocked === 1);
        const [summary, time] = await timed(orchestrator.close(long));
        expect(time).toBeLessThan(limit);
        return summary;
      });
      expect(loops).toEqual([expect.objectContaining({ loopId: 'counter', reason: 'aborted', inFlight: 1 })]);
      expect(loops[0]?.error).toMatchObject({
        loopId: 'counter',
        message:
          'loop "counter" is stopping: it waits for room in the queue "full", which no loop reads any more, start its reader',
      });
      expect(abandoned).toBe(1);
    },
  );

  it('is also stopped if the reader has ended with an error; values stay in their queues', async () => {
    const failing = new Loop('failing', { onError: 'stop' }).read('in', 'b').blocking('fail', () => {
      throw new Error('no more');
    });
    const orchestrator = workflow({
      queues: { a: {}, b: { capacity: 1 } },
      loops: [new Loop('middle').read('in', 'a').push('out', 'b'), failing],
    });
    await orchestrator.start();
    for (const value of upTo(10)) await orchestrator.queue('a').push(value);
    await eventually(() => orchestrator.queue('b').metrics.blocked === 1);
    const [{ messages }, time] = await timed(orchestrator.close(long));
    expect(time).toBeLessThan(limit);
    // One value has failed, one is in the second queue, and the others are in the first.
    expect(messages).toBeGreaterThanOrEqual(9);
    expect(orchestrator.metrics().queues[0]).toMatchObject({ depth: 8, unacknowledged: 0 });
  });

  it('is also stopped if one of the readers of a topic has ended', async () => {
    const one = collector<number>('news', { id: 'one' });
    const two = collector<number>('news', { id: 'two' });
    let last = 0;
    const source = new Loop('source').producer('count', () => ++last).push('out', 'news');
    const orchestrator = workflow({
      queues: { news: { type: 'topic', capacity: 5 } },
      loops: [source, one.loop, two.loop],
    });
    await orchestrator.start();
    await orchestrator.stop({ loopId: 'two' });
    await eventually(() => orchestrator.queue('news').metrics.blocked === 1);
    const [{ loops }, time] = await timed(orchestrator.close(long));
    expect(time).toBeLessThan(limit);
    expect(loops.map(({ loopId, reason }) => [loopId, reason])).toEqual([
      ['source', 'aborted'],
      ['one', 'drained'],
    ]);
  });

  it('is also stopped if its reader is paused and does not drain', async () => {
    const { loop } = collector('q');
    let last = 0;
    const source = new Loop('source').producer('count', () => ++last).push('out', 'q');
    const orchestrator = workflow({ queues: { q: { capacity: 5 } }, loops: [source, loop] });
    await orchestrator.start();
    await orchestrator.pause(loop.id);
    await eventually(() => orchestrator.queue('q').metrics.blocked === 1);
    const [{ loops }, time] = await timed(orchestrator.close({ ...long, drain: false }));
    expect(time).toBeLessThan(limit);
    expect(loops.map(({ loopId, reason }) => [loopId, reason])).toEqual([
      ['source', 'aborted'],
      [loop.id, 'stopped'],
    ]);
  });
});

describe('a loop that waits for room in a queue whose reader does not read for now', () => {
  it.each(['paused by name', 'paused by a failure', 'waiting to restart'])(
    'gets room when all are stopped: %s',
    async (how) => {
      const values: number[] = [];
      let isBad = true;
      const wait = { action: 'restart', backoff: 60_000, maxBackoff: 60_000 } as const;
      const reader = new Loop('reader', { onError: how === 'paused by a failure' ? 'pause' : wait })
        .read('in', 'q')
        .blocking('note', (value: number) => {
          if (how !== 'paused by name' && value === 1 && isBad) {
            isBad = false;
            throw new Error('not now');
          }
          values.push(value);
        });
      let last = 0;
      const source = new Loop('source').producer('count', () => ++last).push('out', 'q');
      const orchestrator = workflow({ queues: { q: { capacity: 5 } }, loops: [source, reader] });
      await orchestrator.start();
      if (how === 'paused by name') await orchestrator.pause('reader');
      await eventually(() => orchestrator.queue('q').metrics.blocked === 1);
      const [{ loops, messages, abandoned }, time] = await timed(orchestrator.close(long));
      expect(time).toBeLessThan(limit);
      expect({ messages, abandoned }).toEqual({ messages: 0, abandoned: 0 });
      expect(loops.map(({ reason }) => reason)).toEqual(['stopped', 'drained']);
      expect(values.at(-1)).toBe(last);
    },
  );
});

describe('a node that hangs past the deadline', () => {
  it.each(['async', 'thread', 'process'] as const)(
    'is still cleaned up, together with its other nodes, in the pool %s',
    async (pool) => {
      const directory = await temporaryDirectory();
      try {
        const file = `${directory}/notes`;
        const { loops, abandoned } = await endedInGrace(async () => {
          await rm(file, { force: true });
          const orchestrator = workflow({
            loops: [{ id: 'hanging', module, export: 'hanging', options: { file }, pool }],
          });
          await orchestrator.start();
          await eventually(() => existsSync(file));
          const [summary, time] = await timed(orchestrator.close({ deadline: 100 }));
          expect(time).toBeLessThan(deadlineByDefault);
          return summary;
        });
        expect(loops).toEqual([
          expect.objectContaining({
            loopId: 'hanging',
            reason: 'aborted',
            inFlight: 1,
            error: expect.objectContaining({ loopId: 'hanging', code: 'ERR_LOOP_STATE' }),
          }),
        ]);
        expect(abandoned).toBe(1);
        expect(await readFile(file, 'utf8')).toBe('begun\ncleaned up hang\ncleaned up beside\n');
      } finally {
        await removeDirectory(directory);
      }
    },
  );

  it('is cleaned up if it hangs in its set-up, and no later node is set up', async () => {
    const lines: string[] = [];
    let release = () => {};
    class Hanging extends ProducerNode<number> {
      override setUp() {
        return new Promise<void>((resolve) => {
          release = resolve;
        });
      }
      run() {
        return 1;
      }
      override cleanUp() {
        lines.push('cleaned up');
      }
    }
    class Behind extends NonBlockingNode<number> {
      override setUp() {
        lines.push('set up behind');
      }
      run() {}
    }
    const orchestrator = workflow({ loops: [new Loop('l').node('hang', Hanging).node('behind', Behind)] });
    const starting = rejection(orchestrator.start());
    await eventually(() => orchestrator.metrics().loops[0]?.state === 'starting');
    await orchestrator.stop({ deadline: 50 });
    expect(await starting).toMatchObject({ name: 'LoopStateError' });
    release();
    await new Promise((resolve) => setImmediate(resolve));
    expect(lines).toEqual(['cleaned up']);
    expect(orchestrator.metrics().loops[0]?.state).toBe('stopped');
  });
});
