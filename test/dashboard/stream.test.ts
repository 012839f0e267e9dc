import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { nodeListener } from 'orchestrator/dashboard';
import { type Engine, EngineError, memory, type RunStatus, type StatusChange } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { Loop } from 'orchestrator/loops';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { StreamEvents } from '../../src/dashboard/api/index.js';
import { fleetOf } from '../distributed/fleet.js';
import { eventually } from '../distributed/servers/eventually.js';
import { workflow } from '../loops/support.js';
import { deferred } from '../support.js';
import { afterwards, dashboardOf, EventReader } from './setup.js';

afterEach(() => {
  vi.useRealTimers();
});

const flow = () => new Flow('f').node('a', () => 1);

/** An engine that reports changes on demand, and counts its listeners. */
function toldEngine() {
  const engine = memory();
  const listeners = new Set<(change: StatusChange) => void>();
  engine.subscribe = async (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const tell = (runId: string, status: RunStatus = 'running') => {
    for (const listener of listeners) listener({ runId, status });
  };
  return { engine, listeners, tell };
}

/** Reports a thousand changes a second until it is ended. On a busy machine, delayed changes are made up for. */
function storm(tell: (runId: string) => void) {
  let count = 0;
  const begin = performance.now();
  const timer = setInterval(() => {
    while (count < performance.now() - begin) tell(`run-${count++}`);
  }, 10);
  const end = () => clearInterval(timer);
  afterwards(end);
  return { count: () => count, end };
}

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('a stream', () => {
  it('begins with the current states and the reconnection delay', async () => {
    const { orchestrator, worker } = await fleetOf(flow());
    const loops = workflow({ loops: [new Loop('l', { schedule: { every: 5 } }).producer('p', () => 1)] });
    const { fetch } = dashboardOf({ distributed: orchestrator, loops, title: 'mine' });
    const reader = new EventReader(await fetch('/api/stream'));
    expect(Object.fromEntries(reader.response.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    const seen = new Map<string, unknown>();
    while (seen.size < 7) {
      const event = await reader.next();
      if (event !== undefined) seen.set(event.name, event.data);
    }
    expect(reader.raw[0]).toBe('retry: 1000');
    expect(seen.get('runs')).toEqual({ changed: [], hasMore: true });
    expect(seen.get('overview')).toMatchObject({ title: 'mine', loops: { total: 1 } });
    expect(seen.get('workers')).toMatchObject([{ workerId: worker.id, alive: true }]);
    expect(seen.get('queues')).toMatchObject({ fleet: { waiting: 0 }, loops: [] });
    expect(seen.get('loops')).toMatchObject({ loops: [{ loopId: 'l' }] });
    expect(seen.get('deadLetters')).toEqual({ total: 0 });
    expect(seen.get('engine')).toEqual({ isAnswering: true, since: expect.any(Number) });
  });

  it('reports changes of runs and their counts', async () => {
    const { orchestrator, finish } = await fleetOf(flow());
    const { fetch } = dashboardOf({ distributed: orchestrator });
    const reader = new EventReader(await fetch('/api/stream'));
    await reader.until('overview');
    await finish({}, undefined, { runId: 'mine' });
    const { changed } = await reader.until('runs', (runs) => runs.changed.some(({ runId }) => runId === 'mine'));
    expect(changed.at(-1)).toEqual({ runId: 'mine', status: 'completed' });
    await reader.until('overview', ({ distributed }) => distributed?.runs.completed === 1);
  });

  it('reports each state at most four times a second', async () => {
    const { engine, tell } = toldEngine();
    const { orchestrator } = await fleetOf(flow(), { engine });
    const { fetch } = dashboardOf({ distributed: orchestrator });
    const reader = new EventReader(await fetch('/api/stream'));
    await reader.until('workers');
    const { count, end } = storm(tell);
    const counts = new Map<string, number>();
    const changed: StreamEvents['runs'][] = [];
    const begin = performance.now();
    while (performance.now() - begin < 2_000 || count() <= 500 || changed.length <= 3) {
      const event = await reader.next();
      counts.set(event?.name ?? '', (counts.get(event?.name ?? '') ?? 0) + 1);
      if (event?.name === 'runs') changed.push(event.data as StreamEvents['runs']);
    }
    const seconds = (performance.now() - begin) / 1_000;
    end();
    // The first event may have waited for its reader.
    for (const times of counts.values()) expect(times).toBeLessThanOrEqual(4 * seconds + 2);
    for (const runs of changed) expect(runs.changed.length).toBeLessThanOrEqual(200);
    expect(changed.some(({ hasMore }) => hasMore)).toBe(true);
  });

  it('keeps only the latest states for slow readers', async () => {
    const { engine, tell } = toldEngine();
    const { orchestrator } = await fleetOf(flow(), { engine });
    const { fetch } = dashboardOf({ distributed: orchestrator });
    const response = await fetch('/api/stream');
    await eventually(async () => (await orchestrator.liveness()).length > 0);
    const { count, end } = storm(tell);
    await eventually(() => count() > 1_500);
    end();
    tell('run-0', 'failed');
    const reader = new EventReader(response);
    const runs = await reader.until('runs');
    expect(runs.changed).toHaveLength(200);
    expect(runs.changed[0]).toEqual({ runId: 'run-0', status: 'failed' });
    expect(runs.hasMore).toBe(true);
    // Earlier changes are combined into one event per name, not hundreds.
    expect(reader.raw.length).toBeLessThan(8);
  });

  it('does not pile up for a client that stops reading, and continues when it reads again', async () => {
    const { engine, tell } = toldEngine();
    const { orchestrator } = await fleetOf(flow(), { engine });
    const { dashboard } = dashboardOf({ distributed: orchestrator });
    const server = createServer(nodeListener(dashboard)).listen(0, '127.0.0.1');
    afterwards(() => server.close());
    await once(server, 'listening');
    const accepted = once(server, 'connection');
    const client = connect((server.address() as { port: number }).port, '127.0.0.1');
    afterwards(() => client.destroy());
    client.write('GET /api/stream HTTP/1.1\r\nhost: x\r\n\r\n');
    const [socket] = (await accepted) as [Socket];
    await once(client, 'data');
    client.pause();
    // With long names, the buffers between server and client fill up quickly.
    const name = 'x'.repeat(10_000);
    const { end } = storm((runId) => tell(`${runId}${name}`));
    await eventually(() => socket.writableLength > 0);
    // Another client, which reads, gets many more events in this time.
    const other = new EventReader(await dashboard.fetch(new Request('http://ops.test/api/stream')));
    for (let times = 0; times < 12; times++) await other.until('runs', ({ changed }) => changed.length === 200);
    await other.cancel();
    // One event with 200 names, and possibly one before it.
    expect(socket.writableLength).toBeGreaterThan(0);
    expect(socket.writableLength).toBeLessThan(2.5 * 200 * name.length);
    end();
    let text = '';
    client.on('data', (chunk) => {
      text = `${text}${chunk}`.slice(-10_000);
    });
    client.resume();
    await eventually(() => {
      tell('the-last');
      return text.includes('the-last');
    });
  });

  it('reports changes of the watched run', async () => {
    const gates = [deferred(), deferred()] as const;
    const two = new Flow('f')
      .node('a', () => gates[0].promise)
      .node('b', () => gates[1].promise)
      .edge('a', 'b');
    const { orchestrator } = await fleetOf(two);
    const { fetch } = dashboardOf({ distributed: orchestrator });
    const runId = await orchestrator.startRun({}, undefined, { runId: 'a/<b>' });
    const address = `/api/stream?run=${encodeURIComponent(runId)}`;
    const [one, other] = [new EventReader(await fetch(address)), new EventReader(await fetch(address))];
    for (const reader of [one, other]) expect(await reader.until('run')).toEqual({ runId });
    gates[0].resolve();
    for (const reader of [one, other]) await reader.until('run');
    await one.cancel();
    gates[1].resolve();
    await orchestrator.waitForCompletion(runId);
    await other.until('runs', ({ changed }) => changed.some(({ status }) => status === 'completed'));
    await other.until('overview', ({ distributed }) => distributed?.runs.completed === 1);
    const late = new EventReader(await fetch(address));
    expect(await late.until('run')).toEqual({ runId });
    const none = new EventReader(await fetch('/api/stream?run=none'));
    await none.until('queues');
  });

  it('reports changes of each watched run', async () => {
    const { orchestrator } = await fleetOf(flow(), { workers: 0 });
    const { fetch } = dashboardOf({ distributed: orchestrator });
    const runIds = ['one', 'two', 'three'];
    for (const runId of runIds) await orchestrator.startRun({}, undefined, { runId });
    const reader = new EventReader(await fetch('/api/stream?run=one&run=two&run=three&run=two'));
    const told = new Set<string>();
    while (told.size < 3) told.add((await reader.until('run')).runId);
    expect([...told].sort()).toEqual([...runIds].sort());
    await orchestrator.cancel('two');
    expect(await reader.until('run', ({ runId }) => runId === 'two')).toEqual({ runId: 'two' });
    const many = Array.from({ length: 101 }, (_, index) => `run=${index}`).join('&');
    expect((await fetch(`/api/stream?${many}`)).status).toBe(400);
  });

  it('reports loops and dead letters', async () => {
    const loop = new Loop('l', { schedule: { every: 5 } }).producer('p', () => {
      throw new Error('bad');
    });
    const reading = new Loop('r').read('in', 'q').blocking('b', () => {
      throw new Error('bad');
    });
    const loops = workflow({ queues: { q: {} }, loops: [loop, reading] }, { metricsInterval: 50 });
    await loops.start();
    const { fetch, post } = dashboardOf({ loops });
    const reader = new EventReader(await fetch('/api/stream?run=x'));
    await reader.until('loops', ({ loops: all }) => all.every(({ state }) => state === 'running'));
    await loops.queue('q').push(1);
    expect((await reader.until('deadLetters', ({ total }) => total > 0)).total).toBeGreaterThan(0);
    await post('/api/loops/l/pause');
    await reader.until('loops', ({ loops: all }) => all[0]?.state === 'paused');
    await loops.stop({ deadline: 100 });
    await reader.until('loops', ({ loops: all }) => all.every(({ state }) => state === 'stopped'));
  });

  it('sends signs of life while it is read', async () => {
    const { orchestrator } = await fleetOf(flow(), { workers: 0 });
    const { fetch } = dashboardOf({ distributed: orchestrator });
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const response = await fetch('/api/stream');
    const unread = await fetch('/api/stream');
    const reader = new EventReader(response);
    await reader.until('overview');
    await eventually(async () => {
      vi.advanceTimersByTime(15_000);
      await Promise.race([reader.next(), wait(300)]);
      return reader.raw.includes(':');
    });
    expect(await new EventReader(unread).until('runs')).toEqual({ changed: [], hasMore: true });
  });
});

describe('streams', () => {
  it('cause work only while somebody reads', async () => {
    const { engine, listeners } = toldEngine();
    const { orchestrator } = await fleetOf(flow(), { engine, workers: 0 });
    const loops = workflow({ loops: [new Loop('l').producer('p', () => 1)] });
    let looks = 0;
    const countRuns = engine.runInfoStore.countRuns.bind(engine.runInfoStore);
    engine.runInfoStore.countRuns = () => {
      looks++;
      return countRuns();
    };
    const { fetch, dashboard } = dashboardOf({ distributed: orchestrator, loops });
    expect([looks, listeners.size, loops.listenerCount('metrics')]).toEqual([0, 0, 0]);
    const gone = new AbortController();
    const one = new EventReader(await fetch('/api/stream?run=a', { signal: gone.signal }));
    const other = new EventReader(await fetch('/api/stream?run=a'));
    await one.until('overview');
    await other.until('overview');
    expect([listeners.size, loops.listenerCount('metrics')]).toEqual([1, 1]);
    await eventually(() => looks > 2);
    gone.abort();
    while ((await one.next()) !== undefined);
    expect(listeners.size).toBe(1);
    await other.cancel();
    await eventually(() => listeners.size === 0);
    for (const name of ['state', 'node', 'failure', 'deadLetter', 'metrics'] as const) {
      expect(loops.listenerCount(name)).toBe(0);
    }
    const before = looks;
    await wait(1_200);
    expect(looks).toBe(before);
    await new EventReader(await fetch('/api/stream')).until('overview');
    expect(looks).toBeGreaterThan(before);
    await dashboard.close();
    await eventually(() => listeners.size === 0);
  });

  it('of clients that are gone already are not opened', async () => {
    const { engine, listeners } = toldEngine();
    const { orchestrator } = await fleetOf(flow(), { engine, workers: 0 });
    const { fetch } = dashboardOf({ distributed: orchestrator });
    const response = await fetch('/api/stream', { signal: AbortSignal.abort() });
    const reader = new EventReader(response);
    while ((await reader.next()) !== undefined);
    expect(listeners.size).toBe(0);
  });

  it('end when the client disconnects and when the dashboard is closed', async () => {
    const { engine, listeners } = toldEngine();
    const { orchestrator } = await fleetOf(flow(), { engine, workers: 0 });
    const { dashboard } = dashboardOf({ distributed: orchestrator });
    const server = createServer(nodeListener(dashboard)).listen(0, '127.0.0.1');
    afterwards(() => server.close());
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/api/stream`;
    const gone = new AbortController();
    const reader = new EventReader(await fetch(url, { signal: gone.signal }));
    await reader.until('overview');
    expect(listeners.size).toBe(1);
    gone.abort();
    await eventually(() => listeners.size === 0);
    const last = new EventReader(await fetch(url));
    await last.until('overview');
    await dashboard.close();
    while ((await last.next()) !== undefined);
    expect(listeners.size).toBe(0);
  });

  it('are limited in number', async () => {
    const { orchestrator } = await fleetOf(flow(), { workers: 0 });
    const { fetch } = dashboardOf({ distributed: orchestrator });
    const readers: EventReader[] = [];
    for (let index = 0; index < 100; index++) readers.push(new EventReader(await fetch('/api/stream')));
    const refused = await fetch('/api/stream');
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ error: { code: 'unavailable' } });
    for (const reader of readers) await reader.until('overview');
    await readers[0]?.cancel();
    expect((await fetch('/api/stream')).status).toBe(200);
  });

  it('continue after the engine has been away', async () => {
    const { engine, listeners, tell } = toldEngine();
    const { orchestrator } = await fleetOf(flow(), { engine, workers: 0 });
    const told: unknown[] = [];
    const { subscribe } = engine;
    const away = new EngineError('redis at h', 'does not answer');
    const countRuns = engine.runInfoStore.countRuns.bind(engine.runInfoStore);
    let calls = 0;
    engine.subscribe = () => Promise.reject(calls++ === 0 ? away : new Error('odd'));
    engine.runInfoStore.countRuns = () => Promise.reject(away);
    const { fetch } = dashboardOf({ distributed: orchestrator, onError: (error) => void told.push(error) });
    const reader = new EventReader(await fetch('/api/stream'));
    await reader.until('workers');
    await eventually(() => told.length > 0);
    expect(told[0]).toEqual(new Error('odd'));
    const lost = await reader.until('engine', ({ isAnswering }) => !isAnswering);
    expect(lost).toEqual({ isAnswering: false, since: expect.any(Number), problem: 'redis at h does not answer' });
    Object.assign(engine, { subscribe });
    engine.runInfoStore.countRuns = countRuns;
    await reader.until('overview');
    expect(await reader.until('engine', ({ isAnswering }) => isAnswering)).not.toHaveProperty('problem');
    await eventually(() => listeners.size === 1);
    tell('x');
    await reader.until('runs', ({ changed }) => changed.length === 1);
  });

  it('announce changes of lists that the engine has not reported', async () => {
    const engine: Engine = memory();
    engine.subscribe = async () => () => undefined;
    const { orchestrator } = await fleetOf(flow(), { engine, workers: 0 });
    const { fetch } = dashboardOf({ distributed: orchestrator });
    const reader = new EventReader(await fetch('/api/stream'));
    await reader.until('runs');
    await reader.until('overview');
    await orchestrator.startRun();
    expect(await reader.until('runs')).toEqual({ changed: [], hasMore: true });
  });
});
