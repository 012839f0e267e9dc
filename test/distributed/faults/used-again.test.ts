import { beforeAll, expect, it } from 'vitest';
import { begins, describeEngines, type EngineServer, ended, type FaultyWorker, type Site, withSite } from './site.js';

const runId = 'order-42';
const options = { runId, workflow: 'line' } as const;

describeEngines('an id that is used again while a worker is still at the run that had it', (start) => {
  let server: EngineServer;

  beforeAll(async () => {
    server = await start();
  }, 60_000);

  it('has its own result, although the worker is busy longer than its lock lasts', () =>
    withSite(server, async (site) => {
      const late = await site.startWorker({ behaviour: { block: { a: 6_000 } } });
      const first = await site.orchestrator.start({ count: 0 }, undefined, options);
      await late.waitFor(begins('a'), 30_000);
      await site.orchestrator.cancel(runId);
      await site.orchestrator.deleteRun(runId);
      const worker = await site.startWorker({ behaviour: { hold: ['a'] } });
      const second = await site.orchestrator.start({ count: 0 }, undefined, options);
      expect([first.existed, second.existed]).toEqual([false, false]);
      await worker.waitFor(begins('a'), 30_000);
      await late.waitFor(ended('a'), 30_000);
      await site.expectIdle(late);
      await expectUntouched(site);
      expect(await site.orchestrator.start({ count: 7 }, undefined, options)).toEqual({ ...second, existed: true });
      worker.send({ type: 'release' });
      await site.expectSound([runId]);
      const [a] = await site.completions(runId);
      expect(a).toEqual({ nodeId: 'a', workerId: await idOf(worker) });
    }));
});

/** Asserts that the late worker has changed nothing. */
async function expectUntouched({ orchestrator }: Site): Promise<void> {
  expect(await orchestrator.status(runId)).toBe('running');
  expect(await orchestrator.metrics(runId)).toMatchObject({ attempts: 0 });
  expect(await orchestrator.context(runId)).toEqual({ count: 0 });
  expect(await orchestrator.pendingWork(runId)).toMatchObject([{ nodeId: 'a', state: 'active' }]);
}

async function idOf(worker: FaultyWorker): Promise<string> {
  const ready = worker.messages.find(({ type }) => type === 'ready');
  return ready?.type === 'ready' ? ready.workerId : '';
}
