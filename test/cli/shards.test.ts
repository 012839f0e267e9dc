import { fileURLToPath } from 'node:url';
import { DistributedOrchestrator } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import { call, jsonOf } from './call.js';
import { away, engine } from './fixtures/shards/orchestrator.config.js';

const cwd = fileURLToPath(new URL('fixtures/shards', import.meta.url));

it('lists the runs and workers of shards, without a shard that does not answer, and ends with 5 then', async () => {
  const orchestrator = new DistributedOrchestrator({ engine, workflows: [new Flow('f').node('a', () => 1)] });
  const ids = await Promise.all(Array.from({ length: 12 }, () => orchestrator.startRun()));
  const all = await call(['runs', 'list', '--json'], { cwd });
  expect(all.code).toBe(0);
  expect(jsonOf(all).runs).toHaveLength(ids.length);

  away.suffer('fails');
  const some = await call(['runs', 'list', '--json'], { cwd });
  expect(some.code).toBe(5);
  expect(jsonOf(some).runs.length).toBeGreaterThan(0);
  expect(jsonOf(some).runs.length).toBeLessThan(ids.length);
  expect(some.stderr).toMatch(/^error: the output is incomplete, because a shard does not answer/);
  const workers = await call(['workers', '--json'], { cwd });
  expect([workers.code, jsonOf(workers)]).toEqual([5, { workers: [] }]);
});
