import { beforeAll, expect, it } from 'vitest';
import { describeWith } from '../../needs/describe-with.js';
import { wrongClock } from '../servers/clocks.js';
import { eventually } from '../servers/eventually.js';
import { begins, describeEngines, type EngineServer, withSite } from './site.js';

const hour = 3_600_000;

describeEngines('an orchestrator whose clock is wrong', (start) => {
  let server: EngineServer;

  beforeAll(async () => {
    server = await start();
  }, 60_000);

  describeWith('faketime', 'by an hour', () => {
    it.concurrent.each([
      ['ahead', hour],
      ['behind', -hour],
    ])('(%s) creates runs that start after their delay, neither at once nor in an hour', (_, shift) =>
      withSite(server, async (site) => {
        const orchestrator = await site.startOrchestrator(wrongClock(shift));
        await site.startWorker();
        const began = performance.now();
        const options = { workflow: 'line', runId: 'late', delay: 3_000 } as const;
        await orchestrator.ask('startRun', { count: 0 }, undefined, options);
        await eventually(async () => (await site.orchestrator.status('late')) !== 'scheduled', { timeout: 30_000 });
        expect(performance.now() - began).toBeGreaterThan(2_900);
        await site.expectSound(['late']);
        const { createdAt, startAt } = await site.orchestrator.run('late');
        expect(Math.abs(createdAt - Date.now())).toBeLessThan(hour / 2);
        expect(startAt - createdAt).toBe(3_000);
      }),
    );

    it.concurrent.each([
      ['ahead', hour],
      ['behind', -hour],
    ])('(%s) creates runs that end at their timeout, and not before', (_, shift) =>
      withSite(server, async (site) => {
        const orchestrator = await site.startOrchestrator(wrongClock(shift));
        const worker = await site.startWorker({ behaviour: { hold: ['b'] } });
        const begin = (runId: string, timeout: number) =>
          orchestrator.ask('startRun', { count: 0 }, undefined, { workflow: 'line', runId, timeout });
        const began = performance.now();
        await begin('short', 3_000);
        await worker.waitFor(begins('b'));
        await begin('long', 600_000);
        await site.finish(['short']);
        expect(await site.orchestrator.status('short')).toBe('cancelled');
        expect(performance.now() - began).toBeGreaterThan(2_900);
        worker.send({ type: 'release' });
        await site.finish(['long']);
        expect(await site.orchestrator.status('long')).toBe('completed');
        await site.expectNothingLeft();
      }),
    );
  });
});
