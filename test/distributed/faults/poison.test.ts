import { beforeAll, expect, it } from 'vitest';
import { describeEngines, type EngineServer, type Site, steady, withSite } from './site.js';

describeEngines('poison', (start) => {
  let server: EngineServer;

  beforeAll(async () => {
    server = await start();
  });

  it.concurrent('that kills its workers is given up after three deaths, and blocks no other run', () =>
    withSite(server, async (site) => {
      const [poisoned, guarded] = await Promise.all([site.start('poisoned'), site.start('guarded')]);
      const others = await site.startMany('wide', 10, { ms: 20 });
      const end = keepAlive(site);
      await site.finish([poisoned, guarded, ...others]);
      expect(await end()).toBeGreaterThanOrEqual(3);
      // The last worker may have held a job when it was ended.
      await site.rescue();
      await site.expectNothingLeft();

      const { status, error } = await site.orchestrator.run(poisoned);
      expect({ status, error }).toEqual({
        status: 'failed',
        error: expect.stringMatching(/^node "poison" failed: .*worker/),
      });
      const [failure, ...more] = await site.orchestrator.errors(poisoned);
      expect(more).toEqual([]);
      expect(failure).toMatchObject({
        nodeId: 'poison',
        attempt: 1,
        isFinal: true,
        error: { name: 'WorkerLostError', code: 'ERR_WORKER_LOST' },
      });
      const result = await site.orchestrator.result(poisoned);
      expect(result.errors).toMatchObject([{ nodeId: 'poison', cause: { name: 'WorkerLostError' } }]);

      const failures = (await site.orchestrator.errors(guarded)).map(({ error, nodeId }) => `${nodeId}: ${error}`);
      expect({ status: await site.orchestrator.status(guarded), failures }).toEqual({
        status: 'completed',
        failures: [expect.stringContaining('poison: WorkerLostError')],
      });
      const completed = (await site.completions(guarded)).map(({ nodeId }) => nodeId);
      expect(completed).toEqual(['before', 'antidote', 'after']);

      for (const runId of others) {
        expect(await site.orchestrator.status(runId)).toBe('completed');
        expect(await site.completions(runId)).toHaveLength(6);
      }
    }));

  it.concurrent('spares the nodes that are executed at the same time', () =>
    withSite(server, async (site) => {
      const poisoned = await site.start('poisoned');
      const innocent = await site.startMany('line', 3, { ms: 1_500 });
      const end = keepAlive(site);
      await site.finish([poisoned, ...innocent]);
      await end();
      expect(await Promise.all(innocent.map((runId) => site.orchestrator.status(runId)))).toEqual(
        innocent.map(() => 'completed'),
      );
    }));

  it.concurrent('that throws fails only its run', () =>
    withSite(server, async (site) => {
      const worker = await site.startWorker({ worker: steady });
      const items = [1, 2, -3, 4, 5];
      const poisoned = await site.start('items', { items, ms: 10 });
      const others = await Promise.all([
        site.start('items', { items: [1, 2, 3] }),
        site.start('line'),
        site.start('wide'),
      ]);
      await site.finish([poisoned]);
      expect(await site.orchestrator.run(poisoned)).toMatchObject({
        status: 'failed',
        error: expect.stringMatching(/^node "each" failed: .*item -3 is poison/),
      });
      const errors = await site.orchestrator.errors(poisoned);
      expect(errors).toMatchObject([{ nodeId: 'each', isFinal: true }]);
      expect(worker.messages.filter(({ type }) => type === 'warning')).toEqual([]);
      await site.expectSound(others);
    }));
});

/** Starts a new worker whenever one was killed. @returns a function that ends this, and returns the number of deaths */
function keepAlive(site: Site): () => Promise<number> {
  // The locks of live workers do not expire, so that only deaths count.
  const options = { behaviour: { die: ['poison'] }, worker: { lockDuration: 3_000, maxCrashes: 3 } };
  let isEnding = false;
  let killed = 0;
  let current = site.spawnWorker(options);
  const going = (async () => {
    for (;;) {
      await current.exited;
      if (isEnding) return killed;
      killed += 1;
      current = site.spawnWorker(options);
    }
  })();
  return async () => {
    isEnding = true;
    await current.kill();
    return going;
  };
}
