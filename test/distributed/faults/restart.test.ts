import { expect, it } from 'vitest';
import { eventually } from '../servers/eventually.js';
import { describeEngines, type Site, withSite } from './site.js';

describeEngines('fifty runs under way with two workers', (start) => {
  it.each(['orderly', 'crash'] as const)('survive a restart of the server (%s)', async (how) => {
    const on = await start();
    await withSite(on, async (site) => {
      // Some runs last longer than the server.
      const behaviour = { hold: ['y'] };
      const workers = await Promise.all([site.startWorker({ behaviour }), site.startWorker({ behaviour })]);
      const runIds = (
        await Promise.all([
          site.startMany('wide', 30, { ms: 100 }),
          site.startMany('line', 10, { ms: 100 }),
          site.startMany('nested', 5, { ms: 50 }),
          site.startMany('flaky', 5, { ms: 50 }),
        ])
      ).flat();
      await eventually(async () => expect(await completed(site)).toBeGreaterThan(5));
      await on.server.restart(how);
      expect(await completed(site)).toBeLessThan(50);
      for (const worker of workers) worker.send({ type: 'release' });
      await site.expectSound(runIds);
    });
    await on.server.stop();
  });

  it('are joined by runs that were started while the server was down', async () => {
    const on = await start();
    await withSite(
      on,
      async (site) => {
        await site.startWorker();
        await site.start('line').then((runId) => site.expectSound([runId]));
        await on.server.kill();
        const begun = Array.from({ length: 5 }, (_, number) =>
          site.orchestrator.startRun({ count: 0 }, undefined, { workflow: 'line', runId: `run ${number}` }),
        );
        const settled = Promise.allSettled(begun);
        await on.server.restart();
        const outcomes = await settled;
        expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => 'fulfilled'));
        const runIds = outcomes.map((_, number) => `run ${number}`);
        await site.finish(runIds);
        expect(await Promise.all(runIds.map((runId) => site.orchestrator.status(runId)))).toEqual(
          runIds.map(() => 'completed'),
        );
      },
      { operationTimeout: 120_000 },
    );
    await on.server.stop();
  });
});

async function completed({ orchestrator }: Site): Promise<number> {
  const { runs } = await orchestrator.listRuns({ status: 'completed', limit: 100 });
  return runs.length;
}
