import { type Engine, redis } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Overview, RunDetail, RunsPage, WorkerView } from '../../src/dashboard/api/index.js';
import { fleetOf } from '../distributed/fleet.js';
import { eventually } from '../distributed/servers/eventually.js';
import { describeWithRedis, type RedisServer, startRedis } from '../distributed/servers/redis.js';
import { deferred } from '../support.js';
import { dashboardOf, EventReader } from './setup.js';

describeWithRedis('a dashboard over Redis', () => {
  let server: RedisServer;
  let engine: Engine;

  beforeAll(async () => {
    server = await startRedis();
    engine = redis(server.url);
  });

  afterAll(async () => {
    await engine?.close();
    await server?.stop();
  });

  it('shows runs, streams their changes, and acts on them', async () => {
    const gate = deferred();
    const flow = new Flow('f')
      .node('a', () => ({ token: 'hunter2' }))
      .node('b', () => gate.promise)
      .wait('w', { event: 'go' })
      .edge('a', 'b')
      .edge('b', 'w');
    const { orchestrator, worker } = await fleetOf(flow, { engine });
    const { get, post, fetch } = dashboardOf({ distributed: orchestrator });
    const runId = await orchestrator.startRun({}, { n: 1 }, { runId: '<b>/..' });
    const address = `/api/runs/${encodeURIComponent(runId)}`;
    const reader = new EventReader(await fetch(`/api/stream?run=${encodeURIComponent(runId)}`));
    await reader.until('run');
    await eventually(async () => {
      const { attempts } = await get<RunDetail>(address);
      return attempts.some(({ status, workerId }) => status === 'running' && workerId === worker.id);
    });
    gate.resolve();
    await reader.until('runs', ({ changed }) => changed.some(({ status }) => status === 'awaiting'));
    await reader.until('run');
    const detail = await get<RunDetail>(address);
    expect(detail.graph?.nodes.map(({ id, status }) => [id, status])).toEqual([
      ['a', 'completed'],
      ['b', 'completed'],
      ['w', 'awaiting'],
    ]);
    expect(detail.input?.text).toBe('{\n  "n": 1\n}');
    expect(JSON.stringify(detail)).not.toContain('hunter2');
    expect((await post(`${address}/signal`, { event: 'go', payload: 'now' })).status).toBe(200);
    await reader.until('overview', ({ distributed }) => distributed?.runs.completed === 1);
    expect((await get<RunsPage>('/api/runs?text=%3CB')).runs).toMatchObject([{ runId, status: 'completed' }]);
    expect((await get<Overview>('/api/overview')).distributed).toMatchObject({
      engine: expect.stringMatching(/^redis at 127\.0\.0\.1:\d+/),
      workflows: [{ id: 'f' }],
      workers: { alive: 1 },
    });
    expect(await get<WorkerView[]>('/api/workers')).toMatchObject([{ workerId: worker.id, alive: true }]);
  });
});
