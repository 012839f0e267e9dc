import { OrchestratorBuilder, redis } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { beforeEach, expect, it } from 'vitest';
import { rejection } from '../../support.js';
import { callsOf, describeWithRedis, redisOfSuite } from '../servers/redis.js';

const one = new Flow('one').node('a', () => 1);
const other = new Flow('other').node('a', () => 1);

describeWithRedis('the index of runs on Redis', () => {
  const given = redisOfSuite();

  beforeEach(() => given.client.flushall());

  it('keeps no trace of a start whose id belongs to a run of another workflow', async () => {
    const { engine, orchestrator } = program();
    await orchestrator.startRun({}, 1, { runId: 'r', workflow: 'one' });
    const before = await listed();
    const refused = await rejection(orchestrator.startRun({}, 1, { runId: 'r', workflow: 'other' }));
    expect(refused).toMatchObject({ code: 'ERR_RUN_EXISTS' });
    expect(await listed()).toEqual(before);
    expect(before.some((list) => list.includes('workflow:one'))).toBe(true);
    await engine.close();
  });

  it('drops the traces of such a start, if its program died, when runs of the workflow are listed', async () => {
    const { engine, orchestrator } = program();
    await orchestrator.startRun({}, 1, { runId: 'r', workflow: 'one' });
    const before = await listed();
    for (const list of ['', ':running'])
      await given.client.zadd(`{orchestrator}:runs:workflow:other${list}`, Date.now(), 'r');
    expect(await listed()).not.toEqual(before);
    expect((await orchestrator.listRuns({ workflow: 'other' })).runs).toEqual([]);
    expect(await listed()).toEqual(before);
    expect((await orchestrator.listRuns({ workflow: 'one' })).runs).toHaveLength(1);
    await engine.close();
  });

  it('lists a run that another workflow later starts under the same id', async () => {
    const { engine, orchestrator } = program();
    await orchestrator.startRun({}, 1, { runId: 'r', workflow: 'one' });
    await rejection(orchestrator.startRun({}, 1, { runId: 'r', workflow: 'other' }));
    await orchestrator.cancel('r');
    await orchestrator.deleteRun('r');
    await orchestrator.startRun({}, 1, { runId: 'r', workflow: 'other' });
    expect((await orchestrator.listRuns({ workflow: 'other' })).runs).toHaveLength(1);
    expect((await orchestrator.listRuns({ workflow: 'one' })).runs).toEqual([]);
    await engine.close();
  });

  it('says so if a server has kept a run without its snapshot, and can delete it', async () => {
    const { engine, orchestrator } = program();
    await orchestrator.startRun({}, 1, { runId: 'r', workflow: 'one' });
    await given.client.del('{orchestrator:r}:snapshot');
    expect(await rejection(orchestrator.pause('r'))).toMatchObject({
      code: 'ERR_ENGINE',
      message: expect.stringContaining('has lost the snapshot of run "r": delete the run, and start it again'),
    });
    await orchestrator.deleteRun('r');
    expect((await orchestrator.listRuns()).runs).toEqual([]);
    await engine.close();
  });

  it('reads hardly more runs than a page has, also where entries of the index are wrong', async () => {
    const { engine, orchestrator } = program();
    const runIds = Array.from({ length: 120 }, (_, index) => `r${index}`);
    for (const runId of runIds) await orchestrator.startRun({}, 1, { runId, workflow: 'one' });
    await given.client.config('RESETSTAT');
    for (const order of ['newest', 'oldest'] as const) {
      const { runs } = await orchestrator.listRuns({ order, limit: 5 });
      const expected = order === 'newest' ? runIds.slice(-5).reverse() : runIds.slice(0, 5);
      expect(runs.map(({ runId }) => runId)).toEqual(expected);
    }
    expect(await callsOf(given.client, 'hgetall')).toBeLessThanOrEqual(2 * 20);
    // Thirty runs that are listed first have ended, and their program has died before it updated the index.
    for (const runId of runIds.slice(0, 30))
      await given.client.hset(`{orchestrator:${runId}}:run`, 'status', 'cancelled');
    const { runs } = await orchestrator.listRuns({ status: 'running', order: 'oldest', limit: 5 });
    expect(runs.map(({ runId }) => runId)).toEqual(runIds.slice(30, 35));
    await engine.close();
  });

  it('lists the other runs if the key of one has another type', async () => {
    const { engine, orchestrator } = program();
    for (const runId of ['a', 'b', 'c']) await orchestrator.startRun({}, 1, { runId, workflow: 'one' });
    await given.client.set('{orchestrator:b}:run', 'no run');
    expect((await orchestrator.listRuns()).runs.map(({ runId }) => runId).sort()).toEqual(['a', 'c']);
    await engine.close();
  });

  function program() {
    const engine = redis(given.server.url);
    return { engine, orchestrator: new OrchestratorBuilder().workflow(one).workflow(other).engine(engine).build() };
  }

  async function listed(): Promise<string[]> {
    return (await given.client.keys('{orchestrator}:runs*')).sort();
  }
});
