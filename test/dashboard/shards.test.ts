import { DistributedOrchestrator, memory, shards } from 'orchestrator/distributed';
import { TroubledEngine } from 'orchestrator/distributed/testing';
import { Flow } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import type { Overview, RunsPage, WorkerView } from '../../src/dashboard/api/index.js';
import { dashboardOf } from './setup.js';

it('shows the runs of shards that answer, and names those that do not', async () => {
  const away = new TroubledEngine(memory());
  const engine = shards([memory(), away.face], { answerTimeout: 1_000 });
  const orchestrator = new DistributedOrchestrator({ engine, workflows: [new Flow('f').node('a', () => 1)] });
  const { get } = dashboardOf({ distributed: orchestrator });
  await Promise.all(Array.from({ length: 12 }, () => orchestrator.startRun()));
  const before = await get<Overview>('/api/overview');
  expect(before.distributed?.runs.running).toBe(12);
  expect(before.distributed?.missing).toBeUndefined();

  away.suffer('fails');
  const { distributed } = await get<Overview>('/api/overview');
  expect(distributed?.missing).toEqual([expect.stringContaining('memory is troubled')]);
  expect(distributed?.runs.running).toBeGreaterThan(0);
  expect(distributed?.runs.running).toBeLessThan(12);
  expect((await get<RunsPage>('/api/runs')).runs).toHaveLength(distributed?.runs.running as number);
  expect(await get<WorkerView[]>('/api/workers')).toEqual([]);
});
