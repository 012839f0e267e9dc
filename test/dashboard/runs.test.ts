import { DistributedWorker, EngineError, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  type EventsPage,
  type NodeView,
  type Overview,
  type RunDetail,
  type RunsPage,
  segmentOf,
  type WorkerView,
} from '../../src/dashboard/api/index.js';
import { fleetOf } from '../distributed/fleet.js';
import { eventually } from '../distributed/servers/eventually.js';
import { deferred } from '../support.js';
import { afterwards, dashboardOf } from './setup.js';

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const signal = () => AbortSignal.timeout(60_000);
const byId = (detail: RunDetail) => new Map((detail.graph?.nodes ?? []).map((node) => [node.id, node] as const));
const statusesOf = (detail: RunDetail) =>
  Object.fromEntries((detail.graph?.nodes ?? []).map(({ id, status }) => [id, status]));

/** Ids and texts that have a special meaning in some syntax. */
const hostile = [
  'a/b',
  '..',
  '.',
  '~..',
  '../../etc/passwd',
  '%2e%2e',
  '<script>alert(1)</script>',
  '"onload="x',
  'ключ 😀 \u202e',
  'a?b#c&d=e',
  '\n\t',
  '__proto__',
  'constructor',
  ':runId',
  ' ',
];

describe('the overview', () => {
  it('summarises everything', async () => {
    const { orchestrator, finish } = await fleetOf(new Flow('f').node('a', () => 1));
    const { get } = dashboardOf({ distributed: orchestrator, title: 'mine' });
    await finish();
    await eventually(async () => (await orchestrator.engine.queue.depth()).active === 0);
    const overview = await get<Overview>('/api/overview');
    expect(overview).toMatchObject({
      title: 'mine',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      hasActions: true,
    });
    expect(overview.distributed).toMatchObject({
      engine: 'memory',
      workflows: [{ id: 'f', version: expect.any(String) }],
      runs: { completed: 1, running: 0, failed: 0 },
      queue: { waiting: 0, delayed: 0, active: 0 },
      workers: { alive: 1, silent: 0 },
    });
    expect(overview.loops).toBeUndefined();
    expect(Math.abs(overview.time - Date.now())).toBeLessThan(60_000);
  });

  it('has the time of the engine, not of this machine', async () => {
    const { orchestrator, engine, finish } = await fleetOf(new Flow('f').node('a', () => 1));
    const { runId } = await finish();
    const read = engine.checkpointStore.read.bind(engine.checkpointStore);
    engine.checkpointStore.read = async (...args) => {
      const tail = await read(...args);
      return tail && { ...tail, now: tail.now + 3_600_000 };
    };
    const { get } = dashboardOf({ distributed: orchestrator });
    expect((await get<Overview>('/api/overview')).time - Date.now()).toBeGreaterThan(3_500_000);
    const [worker] = await get<WorkerView[]>('/api/workers');
    expect((worker as WorkerView).seenAt - Date.now()).toBeGreaterThan(3_500_000);
    expect((await get<RunDetail>(`/api/runs/${runId}`)).time - Date.now()).toBeGreaterThan(3_500_000);
  });
});

describe('runs', () => {
  it('are filtered, and listed page by page', async () => {
    const flow = new Flow('f').node('a', (input) => {
      if (input === 'bad') throw new Error('x');
      return 1;
    });
    const { orchestrator, finish } = await fleetOf(flow);
    for (const [index, input] of ['good', 'bad', 'good', 'bad', 'good'].entries()) {
      await finish({}, input, { runId: `run-${index}`, priority: index });
    }
    const { get, fetch } = dashboardOf({ distributed: orchestrator });
    const ids = async (query: string) => (await get<RunsPage>(`/api/runs?${query}`)).runs.map(({ runId }) => runId);
    expect(await ids('order=oldest')).toEqual(['run-0', 'run-1', 'run-2', 'run-3', 'run-4']);
    expect(await ids('status=failed&order=oldest')).toEqual(['run-1', 'run-3']);
    expect(await ids('status=failed,completed&workflow=f&order=')).toHaveLength(5);
    expect(await ids('workflow=g')).toEqual([]);
    expect(await ids('text=RUN-3')).toEqual(['run-3']);
    expect(await ids('before=1')).toEqual([]);
    expect(await ids('after=1&text=&cursor=')).toHaveLength(5);
    const first = await get<RunsPage>('/api/runs?limit=3&order=oldest');
    const second = await get<RunsPage>(
      `/api/runs?limit=3&order=oldest&cursor=${encodeURIComponent(first.cursor as string)}`,
    );
    expect([...first.runs, ...second.runs].map(({ runId }) => runId)).toEqual(await ids('order=oldest'));
    expect(second.cursor).toBeUndefined();
    expect(first.runs[1]).toEqual({
      runId: 'run-1',
      workflow: 'f',
      version: expect.any(String),
      status: 'failed',
      priority: 1,
      createdAt: expect.any(Number),
      startAt: expect.any(Number),
      updatedAt: expect.any(Number),
      finishedAt: expect.any(Number),
      error: expect.stringMatching(/^node "a" failed: /),
    });
    for (const query of ['status=gone', 'limit=many', 'limit=0', 'after=x', 'order=up', 'cursor=x']) {
      const response = await fetch(`/api/runs?${query}`);
      const { error } = (await response.json()) as { error: { message: string } };
      expect([query, response.status]).toEqual([query, 400]);
      expect(error.message).toContain(query.split('=')[0]);
    }
  });

  it('may have any ids and texts', async () => {
    const flow = new Flow('f')
      .node('a', (input) => input)
      .wait('w', { event: 'go' })
      .edge('a', 'w');
    const { orchestrator } = await fleetOf(flow);
    const { get, post } = dashboardOf({ distributed: orchestrator });
    for (const runId of hostile) {
      await orchestrator.startRun({ text: runId }, runId, { runId });
      await eventually(async () => (await orchestrator.status(runId)) === 'awaiting');
      const detail = await get<RunDetail>(`/api/runs/${segmentOf(runId)}`);
      expect(detail.run.runId).toBe(runId);
      expect(detail.input?.text).toBe(JSON.stringify(runId));
      expect(detail.context?.text).toContain(JSON.stringify(runId));
      expect((await get<EventsPage>(`/api/runs/${segmentOf(runId)}/events`)).events.length).toBeGreaterThan(0);
      expect((await post(`/api/runs/${segmentOf(runId)}/cancel`, { reason: runId.trim() || 'x' })).status).toBe(200);
      expect(await orchestrator.status(runId)).toBe('cancelled');
    }
  });

  it('are not found if the dashboard was created without a fleet', async () => {
    const { orchestrator } = await fleetOf(
      new Flow('f').node('a', () => 1),
      { workers: 0 },
    );
    const { WorkflowOrchestrator } = await import('orchestrator/loops');
    const { fetch, get, post } = dashboardOf({ loops: new WorkflowOrchestrator() });
    expect((await fetch('/api/runs')).status).toBe(404);
    expect((await fetch('/api/runs/x')).status).toBe(404);
    expect((await fetch('/api/runs/x/events')).status).toBe(404);
    expect((await post('/api/runs/x/pause')).status).toBe(404);
    expect(await get('/api/workers')).toEqual([]);
    expect(await get('/api/queues')).toEqual({ loops: [] });
    const other = dashboardOf({ distributed: orchestrator });
    expect((await other.fetch('/api/loops')).status).toBe(404);
    expect((await other.fetch('/api/dead-letters')).status).toBe(404);
    expect((await other.post('/api/loops/x/start')).status).toBe(404);
    expect(await other.get('/api/queues')).toEqual({ fleet: { waiting: 0, delayed: 0, active: 0 }, loops: [] });
  });

  it('are unavailable while the engine is away', async () => {
    const { orchestrator, engine } = await fleetOf(new Flow('f').node('a', () => 1));
    engine.runInfoStore.listRuns = () => Promise.reject(new EngineError('redis at h', 'does not answer'));
    const { fetch } = dashboardOf({ distributed: orchestrator });
    const response = await fetch('/api/runs');
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ error: { code: 'unavailable', message: 'redis at h does not answer' } });
  });
});

describe('workers', () => {
  it('can be forgotten if they are silent, but not if they are alive', async () => {
    const { orchestrator, engine, worker } = await fleetOf(new Flow('f').node('a', () => 1));
    await eventually(async () => (await orchestrator.liveness()).length === 1);
    const list = engine.livenessStore.list.bind(engine.livenessStore);
    const { get, post, fetch } = dashboardOf({ distributed: orchestrator });
    const address = `/api/workers/${segmentOf(worker.id)}/forget`;
    expect((await fetch(address, { method: 'POST' })).status).toBe(401);
    expect((await post(address)).status).toBe(409);
    engine.livenessStore.list = async () => (await list()).map((one) => ({ ...one, alive: false, age: 90_000 }));
    expect(await (await post(address)).json()).toEqual({ forgotten: true });
    expect(await (await post('/api/workers/nobody/forget')).json()).toEqual({ forgotten: false });
    expect((await post(address, { now: true })).status).toBe(400);
    expect((await get<Overview>('/api/overview')).distributed?.workers.silent).toBeLessThan(2);
  });
});

describe('a run', () => {
  it('is shown with its graph, attempts, input and output', async () => {
    let calls = 0;
    const flow = new Flow('f')
      .node('first', () => ({ total: 1, password: 'hunter2' }))
      .node(
        'flaky',
        () => {
          if (++calls < 3) throw new RangeError('no luck with token=hunter2', { cause: new Error('deeper') });
          return new Map([['a', 1n]]);
        },
        { retry: { retries: 3, minTimeout: 5 } },
      )
      .node('left', () => 1)
      .node('right', () => 1)
      .edge('first', 'flaky')
      .edge('flaky', 'left', { action: 'left' })
      .edge('flaky', 'right', { condition: 'context.first.total == 1 || context.token == "hunter2"' });
    const { orchestrator, finish, worker } = await fleetOf(flow);
    const { runId } = await finish({ apiKey: 'hunter2', plain: 'shown' }, { card: { cvc: 123 } });
    const { get } = dashboardOf({ distributed: orchestrator });
    const detail = await get<RunDetail>(`/api/runs/${runId}`);
    expect(detail.run).toMatchObject({ runId, workflow: 'f', status: 'completed' });
    expect(statusesOf(detail)).toEqual({ first: 'completed', flaky: 'completed', left: 'skipped', right: 'completed' });
    expect(detail.graph?.edges).toEqual([
      { source: 'first', target: 'flaky', isFallback: false },
      { source: 'flaky', target: 'left', label: 'left', isFallback: false },
      {
        source: 'flaky',
        target: 'right',
        label: 'context.first.total == 1 || context.token == "[redacted]"',
        isFallback: false,
      },
    ]);
    const nodes = byId(detail);
    expect(nodes.get('flaky')).toMatchObject({ kind: 'function', attempts: 3, duration: expect.any(Number) });
    expect(nodes.get('flaky')?.output?.text).toBe('Map(1) {\n  "a": 1n\n}');
    expect(nodes.get('left')).toMatchObject({ attempts: 0, duration: 0 });
    expect(detail.attempts.map(({ nodeId, attempt, status }) => `${nodeId} ${attempt} ${status}`)).toEqual([
      'first 1 completed',
      'flaky 1 retrying',
      'flaky 2 retrying',
      'flaky 3 completed',
      'right 1 completed',
    ]);
    expect(detail.attempts.every((attempt) => attempt.workerId === worker.id && attempt.duration !== undefined)).toBe(
      true,
    );
    expect(detail.attempts[1]?.error).toMatchObject({
      name: 'RangeError',
      message: 'no luck with token=[redacted]',
      cause: { message: 'deeper' },
    });
    expect(detail.attempts[3]?.error).toBeUndefined();
    expect(detail.errors).toHaveLength(2);
    expect(detail.errors[0]).toMatchObject({ nodeId: 'flaky', visit: 1, attempt: 1, isFinal: false });
    expect(detail.metrics).toEqual({ attempts: 5, completed: 3, failed: 0, retries: 2, busyTime: expect.any(Number) });
    expect(detail.input?.text).toContain('"cvc": [redacted]');
    expect(detail.output?.text).toBe('1');
    expect(detail.context?.text).toContain('"plain": "shown"');
    expect(detail.awaiting).toEqual([]);
    expect(JSON.stringify(detail)).not.toContain('hunter2');
  });

  it('shows the status of each node, while it runs and after it is cut', async () => {
    const gate = deferred();
    const flow = new Flow('f')
      .node('done', () => 1)
      .node('busy', () => gate.promise)
      .node('again', () => Promise.reject(new Error('again')), {
        retry: { retries: 5, minTimeout: 60_000, maxTimeout: 60_000 },
      })
      .node('broken', () => Promise.reject(new Error('broken')), { fallback: 'standIn' })
      .node('standIn', () => 'instead')
      .node('fatal', () => Promise.reject(new Error('fatal')))
      .wait('waiting', { event: 'approved' })
      .sleep('sleeping', { duration: 60_000 })
      .node('later', () => 1);
    for (const id of ['busy', 'again', 'broken', 'fatal', 'waiting', 'sleeping'] as const) flow.edge('done', id);
    flow.edge('busy', 'later');
    const { orchestrator, worker } = await fleetOf(flow);
    const runId = await orchestrator.startRun();
    const { get, post } = dashboardOf({ distributed: orchestrator });
    const address = `/api/runs/${runId}`;
    const expected = {
      done: 'completed',
      busy: 'running',
      again: 'retrying',
      broken: 'recovered',
      standIn: 'completed',
      fatal: 'failed',
      waiting: 'awaiting',
      sleeping: 'awaiting',
      later: 'pending',
    };
    await eventually(async () => {
      const detail = await get<RunDetail>(address);
      const running = detail.attempts.find(({ status }) => status === 'running');
      return JSON.stringify(statusesOf(detail)) === JSON.stringify(expected) && running?.workerId !== undefined;
    });
    const detail = await get<RunDetail>(address);
    const nodes = byId(detail);
    expect(nodes.get('waiting')).toMatchObject({ kind: 'wait', event: 'approved' });
    expect(nodes.get('waiting')?.until).toBeUndefined();
    expect(nodes.get('sleeping')).toMatchObject({ kind: 'sleep', until: expect.any(Number) });
    expect(detail.awaiting).toEqual(['approved']);
    expect(detail.graph?.edges.at(-1)).toEqual({ source: 'broken', target: 'standIn', isFallback: true });
    const running = detail.attempts.find(({ status }) => status === 'running');
    expect(running).toMatchObject({ nodeId: 'busy', visit: 1, attempt: 1, workerId: worker.id });
    expect(running?.duration).toBeUndefined();
    expect(Math.abs((running?.startedAt as number) - Date.now())).toBeLessThan(60_000);
    expect((await post(`${address}/signal`, { event: 'approved', payload: { by: '<me>' } })).status).toBe(200);
    await eventually(async () => byId(await get<RunDetail>(address)).get('waiting')?.status === 'completed');

    expect((await post(`${address}/cancel`, { reason: 'enough, token=abc123' })).status).toBe(200);
    await eventually(async () => byId(await get<RunDetail>(address)).get('busy')?.status === 'cut');
    const over = await get<RunDetail>(address);
    expect(over.run).toMatchObject({ status: 'cancelled', error: 'enough, token=[redacted]' });
    const ends = { busy: 'cut', again: 'cut', waiting: 'completed', sleeping: 'cut', later: 'unreached' };
    expect(statusesOf(over)).toEqual({ ...expected, ...ends });
    expect(over.awaiting).toEqual([]);
    gate.resolve();
  });

  it('shows what events expect, and refuses what they do not', async () => {
    const events = { approved: z.object({ by: z.string(), notes: z.array(z.string()).optional() }) };
    const flow = new Flow('f', { events }).wait('ask', { event: 'approved' });
    const { orchestrator } = await fleetOf(flow as Flow);
    const { get, post } = dashboardOf({ distributed: orchestrator });
    const runId = await orchestrator.startRun();
    const address = `/api/runs/${runId}`;
    await eventually(async () => (await get<RunDetail>(address)).awaiting.length > 0);
    expect((await get<RunDetail>(address)).expects).toEqual({ approved: '{ by: string, notes?: string[] }' });
    const refused = await post(`${address}/signal`, { event: 'approved', payload: { by: 5 } });
    expect([refused.status, await refused.json()]).toEqual([
      400,
      { error: { code: 'invalid', message: expect.stringMatching(/^payload\.by: /) } },
    ]);
    expect(await orchestrator.status(runId)).toBe('awaiting');
    expect((await post(`${address}/signal`, { event: 'approved', payload: { by: 'Ada' } })).status).toBe(200);
    await orchestrator.waitForCompletion(runId, { signal: signal() });
    expect((await get<RunDetail>(address)).expects).toBeUndefined();
  });

  it('shows how long nodes have waited', async () => {
    const flow = new Flow('f')
      .wait('ask', { event: 'answer' })
      .sleep('rest', { duration: 60_000 })
      .wait('other', { event: 'never' })
      .edge('ask', 'rest');
    const { orchestrator } = await fleetOf(flow);
    const { get } = dashboardOf({ distributed: orchestrator });
    const runId = await orchestrator.startRun();
    const address = `/api/runs/${runId}`;
    const reaches = (id: string, status: string) =>
      eventually(async () => byId(await get<RunDetail>(address)).get(id)?.status === status);
    await reaches('ask', 'awaiting');
    await reaches('other', 'awaiting');
    const begin = await get<RunDetail>(address);
    const { since, attempts } = byId(begin).get('ask') as NodeView;
    expect([attempts, Math.abs((since as number) - begin.time) < 60_000]).toEqual([1, true]);
    expect(begin.attempts.every(({ status, duration }) => status === 'awaiting' && duration === undefined)).toBe(true);
    await wait(1_000);
    await orchestrator.signal(runId, 'answer', 1);
    await reaches('rest', 'awaiting');
    const later = await get<RunDetail>(address);
    const ask = byId(later).get('ask') as NodeView;
    expect([ask.status, ask.attempts, ask.since]).toEqual(['completed', 1, undefined]);
    expect(ask.duration).toBeGreaterThan(900);
    await orchestrator.cancel(runId);
    const over = await get<RunDetail>(address);
    expect(byId(over).get('other')?.duration).toBeGreaterThan(900);
    const waits = over.attempts.filter(({ status }) => status === 'awaiting');
    expect(waits.map(({ nodeId }) => nodeId).sort()).toEqual(['ask', 'other', 'rest']);
    for (const { startedAt, duration } of waits) {
      expect(startedAt + (duration as number)).toBeLessThanOrEqual(over.run.finishedAt as number);
    }
  });

  it('is listed with the beginning of a long error', async () => {
    const { orchestrator } = await fleetOf(
      new Flow('f').node('a', () => 1),
      { workers: 0 },
    );
    const { get } = dashboardOf({ distributed: orchestrator });
    const runId = await orchestrator.startRun();
    const error = `token=hunter2 ${'long '.repeat(12_000)}`;
    const run = { ...(await orchestrator.run(runId)), error };
    orchestrator.listRuns = async () => ({ runs: [run], cursor: undefined });
    orchestrator.run = async () => run as never;
    const { runs } = await get<RunsPage>('/api/runs');
    expect(runs[0]?.error).toMatch(/^token=\[redacted\] (long )+.*…$/);
    expect(runs[0]?.error?.length).toBe(1_000);
    expect((await get<RunDetail>(`/api/runs/${runId}`)).run.error?.length).toBe(20_000);
  });

  it('shows queued, paused and delayed work', async () => {
    const gate = deferred();
    const flow = new Flow('f')
      .node('a', () => gate.promise)
      .node('b', () => 1)
      .edge('a', 'b');
    const { orchestrator, newWorker } = await fleetOf(flow, { workers: 0 });
    const { get, post } = dashboardOf({ distributed: orchestrator });
    const runId = await orchestrator.startRun();
    const address = `/api/runs/${runId}`;
    expect(statusesOf(await get(address))).toEqual({ a: 'queued', b: 'pending' });
    expect(await get('/api/queues')).toMatchObject({ fleet: { waiting: 1 } });
    expect((await post(`${address}/pause`)).status).toBe(200);
    await newWorker();
    expect((await get<RunDetail>(address)).run.status).toBe('paused');
    expect(statusesOf(await get(address))).toEqual({ a: 'queued', b: 'pending' });
    expect((await post(`${address}/resume`)).status).toBe(200);
    await eventually(async () => statusesOf(await get(address)).a === 'running');
    gate.resolve();
    await orchestrator.waitForCompletion(runId, { signal: signal() });
  });

  it('shows work and waits inside of nodes as theirs', async () => {
    const inner = new Flow('inner').wait('ask', { event: 'answer' });
    const flow = new Flow('f')
      .node('sub', inner)
      .node('end', () => 1)
      .edge('sub', 'end');
    const { orchestrator } = await fleetOf(flow);
    const { get } = dashboardOf({ distributed: orchestrator });
    const runId = await orchestrator.startRun();
    await eventually(async () => (await orchestrator.status(runId)) === 'awaiting');
    const detail = await get<RunDetail>(`/api/runs/${runId}`);
    expect(byId(detail).get('sub')).toMatchObject({
      kind: 'subflow',
      status: 'awaiting',
      event: 'answer',
    } satisfies Partial<NodeView>);
    expect(detail.awaiting).toEqual(['answer']);
    await orchestrator.cancel(runId);
    expect(statusesOf(await get(`/api/runs/${runId}`))).toEqual({ sub: 'cut', end: 'unreached' });
  });

  it('is shown without its graph if the graph is unknown', async () => {
    const engine = memory();
    const flow = new Flow('f').node('a', () => Promise.reject(new Error('bad')));
    const { finish } = await fleetOf(flow, { engine });
    const { runId } = await finish({}, 'given');
    engine.workflowStore.get = async () => undefined;
    const { get } = dashboardOf({ distributed: new OrchestratorBuilder().engine(engine).build() });
    const detail = await get<RunDetail>(`/api/runs/${runId}`);
    expect(detail.graph).toBeUndefined();
    expect(detail.context).toBeUndefined();
    expect(detail.attempts).toMatchObject([{ nodeId: 'a', status: 'failed', error: { message: 'bad' } }]);
    expect(detail.input?.text).toBe('"given"');
  });

  it('is shown with the graph on the engine if its code is not loaded', async () => {
    const engine = memory();
    const { finish } = await fleetOf(
      new Flow('f').node('a', () => 'of a'),
      { engine },
    );
    const { runId } = await finish();
    const { get } = dashboardOf({ distributed: new OrchestratorBuilder().engine(engine).build() });
    const detail = await get<RunDetail>(`/api/runs/${runId}`);
    expect(byId(detail).get('a')).toMatchObject({ status: 'completed', output: { text: '"of a"' } });
  });

  it('can be retried, and refuses actions that its status does not allow', async () => {
    let isBroken = true;
    const flow = new Flow('f').node('a', () => (isBroken ? Promise.reject(new Error('broken')) : 'fine'));
    const { orchestrator, finish } = await fleetOf(flow);
    const { post } = dashboardOf({ distributed: orchestrator });
    const { runId } = await finish();
    isBroken = false;
    expect((await post(`/api/runs/${runId}/retry`, {})).status).toBe(200);
    await orchestrator.waitForCompletion(runId, { signal: signal() });
    for (const action of ['retry', 'pause', 'resume', 'cancel']) {
      const response = await post(`/api/runs/${runId}/${action}`);
      expect([action, response.status]).toEqual([action, 409]);
      const { error } = (await response.json()) as { error: { code: string; message: string } };
      expect(error).toEqual({ code: 'conflict', message: expect.stringContaining('is completed') });
      expect((await post(`/api/runs/none/${action}`)).status).toBe(404);
    }
  });

  it('accepts signals with the largest allowed payload', async () => {
    const flow = new Flow('f').wait('w', { event: 'go' });
    const { engine } = await fleetOf(flow);
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).maxPayload(1_024).build();
    afterwards(() => orchestrator.close());
    const { post } = dashboardOf({ distributed: orchestrator });
    const runId = await orchestrator.startRun();
    expect((await post(`/api/runs/${runId}/signal`, { event: 'other' })).status).toBe(400);
    expect((await post(`/api/runs/${runId}/signal`, '{"event":"go","payload":{"__proto__":1}}')).status).toBe(400);
    expect((await post(`/api/runs/${runId}/signal`, { event: 'go', payload: 'x'.repeat(1_024) })).status).toBe(400);
    expect((await post(`/api/runs/${runId}/signal`, { event: 'go', id: '' })).status).toBe(400);
    const sent = { event: 'go', id: 'click-1' };
    expect((await post(`/api/runs/${runId}/signal`, sent)).status).toBe(200);
    expect(await orchestrator.waitForCompletion(runId, { signal: signal() })).toMatchObject({ output: null });
    // The answer may have been lost, so the same signal is sent again.
    expect((await post(`/api/runs/${runId}/signal`, sent)).status).toBe(200);
  });

  it('limits the size of many outputs', async () => {
    const flow = new Flow('f').node('n0', () => 'x'.repeat(20_000));
    for (let index = 1; index < 100; index++) flow.node(`n${index}`, () => 'x'.repeat(20_000)).edge('n0', `n${index}`);
    const { orchestrator, finish } = await fleetOf(flow);
    const { runId } = await finish();
    const { fetch } = dashboardOf({ distributed: orchestrator });
    const text = await (await fetch(`/api/runs/${runId}`)).text();
    expect(text.length).toBeLessThan(500_000);
    const node = (JSON.parse(text) as RunDetail).graph?.nodes[5] as NodeView;
    expect(node.output).toMatchObject({ isTruncated: true, length: 20_002 });
  });
});

describe('events', () => {
  it('are listed page by page, even for a running run', async () => {
    const gate = deferred();
    let calls = 0;
    const flow = new Flow('f')
      .node('a', () => (++calls === 1 ? Promise.reject(new Error('password=hunter2')) : 1), {
        retry: { retries: 1, minTimeout: 1 },
      })
      .wait('w', { event: 'go' })
      .node('b', () => gate.promise)
      .edge('a', 'w')
      .edge('w', 'b');
    const { orchestrator } = await fleetOf(flow);
    const { get, fetch } = dashboardOf({ distributed: orchestrator });
    const runId = await orchestrator.startRun();
    await eventually(async () => (await orchestrator.status(runId)) === 'awaiting');
    await orchestrator.signal(runId, 'go', 1);
    await eventually(async () => (await orchestrator.pendingWork(runId))[0]?.nodeId === 'b');
    const address = `/api/runs/${runId}/events`;
    const all = await get<EventsPage>(address);
    expect(all.hasMore).toBe(false);
    expect(all.events.map(({ type, nodeId, detail }) => [type, nodeId, detail])).toEqual([
      ['retrying', 'a', expect.stringMatching(/^Error: password=\[redacted\]; retry after \d+ ms$/)],
      ['completed', 'a', undefined],
      ['awaiting', 'w', 'go'],
      ['concluded', undefined, 'awaiting'],
      ['signal', undefined, 'go'],
      ['completed', 'w', undefined],
    ]);
    const first = await get<EventsPage>(`${address}?limit=2`);
    expect(first).toMatchObject({ events: all.events.slice(0, 2), hasMore: true });
    const second = await get<EventsPage>(`${address}?limit=200&after=${first.events.at(-1)?.seq}`);
    expect(second).toEqual({ events: all.events.slice(2), hasMore: false });
    expect(await get(`${address}?after=${all.events.at(-1)?.seq}`)).toEqual({ events: [], hasMore: false });
    expect(await get(`${address}?after=1000000`)).toEqual({ events: [], hasMore: false });
    for (const query of ['after=-1', 'after=x', 'limit=0', 'limit=1001']) {
      expect([query, (await fetch(`${address}?${query}`)).status]).toEqual([query, 400]);
    }
    expect((await fetch('/api/runs/none/events')).status).toBe(404);
    gate.resolve();
    await orchestrator.waitForCompletion(runId, { signal: signal() });
    expect((await get<EventsPage>(address)).events.at(-1)).toMatchObject({ type: 'completed', nodeId: 'b' });
  });

  it('end a page even if they are not shown', async () => {
    const { orchestrator, newWorker } = await fleetOf(
      new Flow('f').node('a', () => 1),
      { workers: 0 },
    );
    const { get } = dashboardOf({ distributed: orchestrator });
    const runId = await orchestrator.startRun();
    await orchestrator.pause(runId);
    const [paused] = (await get<EventsPage>(`/api/runs/${runId}/events`)).events;
    expect(paused?.type).toBe('paused');
    await newWorker();
    await eventually(async () => (await orchestrator.pendingWork(runId))[0]?.state === 'parked');
    expect(await get(`/api/runs/${runId}/events?after=${paused?.seq}`)).toEqual({ events: [], hasMore: false });
  });

  it('of a long loop are limited to those kept, and the run is shown quickly', async () => {
    const flow = new Flow('f', { maxVisits: 100_000 })
      .node('turn', (_, { context }) => {
        context.count = (context.count ?? 0) + 1;
      })
      .node('again', () => 1)
      .node('end', () => 1)
      .edge('turn', 'again', { condition: 'context.count < 2950' })
      .edge('again', 'turn')
      .edge('turn', 'end', { condition: 'context.count >= 2950' });
    const { orchestrator, finish } = await fleetOf(flow);
    const { runId } = await finish();
    const { get } = dashboardOf({ distributed: orchestrator });
    const detail = await get<RunDetail>(`/api/runs/${runId}`);
    expect(detail.metrics?.attempts).toBe(5_900);
    expect(detail.attempts).toHaveLength(1_000);
    expect(statusesOf(detail)).toEqual({ turn: 'completed', again: 'skipped', end: 'completed' });
    const page = await get<EventsPage>(`/api/runs/${runId}/events?limit=1000`);
    expect(page.events.length).toBeGreaterThan(0);
  });
});

describe('workers', () => {
  it('are shown with their last sign of life, and counted when they are silent', async () => {
    const engine = memory();
    const flow = new Flow('f').node('a', () => 1);
    const { orchestrator, worker } = await fleetOf(flow, { engine });
    const lost = new DistributedWorker({ engine, workflows: [flow], id: 'lost' });
    await engine.livenessStore.heartbeat({ ...lost.health(), expectedWithin: 0 });
    const { get } = dashboardOf({ distributed: orchestrator });
    const workers = await get<WorkerView[]>('/api/workers');
    expect(workers.map(({ workerId, alive }) => [workerId, alive]).sort()).toEqual(
      [
        [worker.id, true],
        ['lost', false],
      ].sort(),
    );
    for (const { seenAt } of workers) expect(Math.abs(seenAt - Date.now())).toBeLessThan(60_000);
    expect((await get<Overview>('/api/overview')).distributed?.workers).toEqual({ alive: 1, silent: 1 });
  });
});
