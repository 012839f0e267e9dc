import { Loop, LoopStoreError } from 'orchestrator/loops';
import { describe, expect, it } from 'vitest';
import type { DeadLettersView, LoopsView, Overview, QueuesView } from '../../src/dashboard/api/index.js';
import { eventually } from '../distributed/servers/eventually.js';
import { workflow } from '../loops/support.js';
import { deferred } from '../support.js';
import { dashboardOf } from './setup.js';

/** A loop that fills a queue, and a loop that reads the queue and fails for bad values. */
function pipeline(isBroken = { value: true }) {
  let last = 0;
  const numbers = new Loop('num/bers', { schedule: { every: 2 } }).producer('count', () => ({
    n: ++last,
    token: 'hunter2',
  }));
  const reader = new Loop('reader').read('in', 'q').blocking('check', (value: { n: number }) => {
    if (isBroken.value && value.n % 2 === 0) throw new Error(`bad ${value.n}, password=hunter2`);
  });
  return workflow({ queues: { q: { capacity: 50 } }, loops: [numbers.push('out', 'q'), reader] });
}

describe('loops', () => {
  it('are shown with their rates, and the queues between them', async () => {
    const loops = pipeline();
    await loops.start();
    const { get } = dashboardOf({ loops });
    await eventually(async () => (await get<Overview>('/api/overview')).loops?.deadLetters !== 0);
    const overview = await get<Overview>('/api/overview');
    expect(overview.distributed).toBeUndefined();
    expect(overview.loops).toMatchObject({ running: 2, total: 2, iterationsPerSecond: expect.any(Number) });
    const view = await get<LoopsView>('/api/loops');
    expect(view.loops.map(({ loopId, state }) => [loopId, state])).toEqual([
      ['num/bers', 'running'],
      ['reader', 'running'],
    ]);
    const failed = view.loops[1]?.nodes.find(({ nodeId }) => nodeId === 'check');
    expect(failed).toMatchObject({ error: expect.stringMatching(/bad \d+, password=\[redacted\]$/) });
    expect((await get<QueuesView>('/api/queues')).loops).toMatchObject([{ queue: 'q', capacity: 50 }]);
  });

  it('are stopped, started, paused and resumed, and refuse actions that their state does not allow', async () => {
    const loops = pipeline();
    const { get, post } = dashboardOf({ loops });
    const stateOf = async (id: string) =>
      (await get<LoopsView>('/api/loops')).loops.find(({ loopId }) => loopId === id)?.state;
    const act = async (id: string, action: string, body?: object) =>
      (await post(`/api/loops/${encodeURIComponent(id)}/${action}`, body)).status;
    expect(await act('num/bers', 'start')).toBe(200);
    expect(await stateOf('num/bers')).toBe('running');
    expect(await act('num/bers', 'start')).toBe(409);
    expect(await act('num/bers', 'pause', {})).toBe(200);
    expect(await stateOf('num/bers')).toBe('paused');
    expect(await act('num/bers', 'resume')).toBe(200);
    expect(await stateOf('num/bers')).toBe('running');
    expect(await act('num/bers', 'stop', { timeout: 500 })).toBe(200);
    expect(await stateOf('num/bers')).toBe('stopped');
    expect(await act('num/bers', 'pause')).toBe(409);
    expect(await act('num/bers', 'resume')).toBe(409);
    expect(await act('gone', 'start')).toBe(404);
    expect(await act('<script>', 'stop')).toBe(404);
  });

  it('that take long get an early answer, and later failures go to onError', async () => {
    const loops = pipeline();
    const told: unknown[] = [];
    const { post } = dashboardOf({ loops, onError: (error) => void told.push(error) });
    const pausing = deferred();
    loops.pause = () => pausing.promise;
    const begin = Date.now();
    expect((await post('/api/loops/reader/pause')).status).toBe(200);
    expect(Date.now() - begin).toBeGreaterThan(4_000);
    const error = new Error('it could not');
    pausing.reject(error);
    await eventually(() => told.length > 0);
    expect(told).toEqual([error]);
    loops.stop = () => Promise.reject(new LoopStoreError('./data', 'cannot be written'));
    expect((await post('/api/loops/reader/stop')).status).toBe(503);
  });
});

describe('dead letters', () => {
  it('are shown newest first, without secrets, and can be replayed', async () => {
    const isBroken = { value: true };
    const loops = pipeline(isBroken);
    await loops.start();
    const { get, post, fetch } = dashboardOf({ loops });
    await eventually(() => loops.deadLetters.size >= 4);
    await loops.stop({ loopId: 'num/bers' });
    await eventually(() => loops.metrics().queues[0]?.depth === 0);
    const all = await get<DeadLettersView>('/api/dead-letters');
    expect(all).toMatchObject({ total: loops.deadLetters.size, dropped: 0 });
    expect(all.letters.map(({ id }) => id)).toEqual(
      loops.deadLetters
        .list()
        .map(({ id }) => id)
        .reverse()
        .slice(0, 100),
    );
    expect(all.letters[0]).toEqual({
      id: loops.deadLetters.size,
      loopId: 'reader',
      nodeId: 'check',
      iteration: expect.any(Number),
      time: expect.any(Number),
      queue: 'q',
      value: {
        text: expect.stringMatching(/^{\n {2}"n": \d+,\n {2}"token": \[redacted\]\n}$/),
        length: expect.any(Number),
        isTruncated: false,
      },
      error: expect.objectContaining({
        name: 'Error',
        message: expect.stringMatching(/^bad \d+, password=\[redacted\]$/),
      }),
    });
    expect((await get<DeadLettersView>('/api/dead-letters?limit=2&loop=reader')).letters).toEqual(
      all.letters.slice(0, 2),
    );
    expect((await get<DeadLettersView>('/api/dead-letters?loop=other')).letters).toEqual([]);
    expect((await fetch('/api/dead-letters?limit=0')).status).toBe(400);

    isBroken.value = false;
    expect(await (await post('/api/dead-letters/replay', { id: 1 })).json()).toEqual({ replayed: 1 });
    expect((await post('/api/dead-letters/replay', { id: 1 })).status).toBe(404);
    const left = loops.deadLetters.size;
    expect(await (await post('/api/dead-letters/replay')).json()).toEqual({ replayed: left });
    expect(loops.deadLetters.size).toBe(0);
  });

  it('that wait for space in a queue do not delay the answer', async () => {
    const loops = pipeline();
    loops.deadLetters.replay = () => new Promise(() => undefined);
    const { post } = dashboardOf({ loops });
    const response = await post('/api/dead-letters/replay');
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({
      error: { code: 'unavailable', message: 'the queue is full: the replay continues when the queue has room' },
    });
  });
});
