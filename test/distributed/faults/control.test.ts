import { setTimeout as sleep } from 'node:timers/promises';
import { RunStateError } from 'orchestrator/distributed';
import { beforeAll, expect, it } from 'vitest';
import { eventually } from '../servers/eventually.js';
import type { ExecutionTold } from './fixtures/messages.js';
import { begins, describeEngines, type EngineServer, type Site, steady, withSite } from './site.js';

describeEngines('a run that is controlled while it is under way', (start) => {
  let server: EngineServer;

  beforeAll(async () => {
    server = await start();
  });

  it.concurrent('is cancelled: the signals of running nodes abort in all workers as soon as these are notified', () =>
    withSite(server, async (site) => {
      const behaviour = { hold: ['one', 'two'], deaf: ['three', 'four'] };
      // The workers do not poll the status of runs by themselves.
      const worker = { ...steady, concurrency: 2, watchInterval: 600_000 };
      const workers = await Promise.all([1, 2].map(() => site.startWorker({ behaviour, worker })));
      const runId = await site.start('wide');
      await eventually(() => told(workers, 'begins').length === 5);
      await site.orchestrator.cancel(runId, 'not needed');
      await eventually(() => told(workers, 'aborted').length === 4);
      for (const { reason } of told(workers, 'aborted')) expect(reason).toContain('is cancelled');
      for (const worker of workers) worker.send({ type: 'release' });
      await eventually(() => told(workers, 'ended').length === 3);
      await site.expectNothingLeft();
      expect(await site.completions(runId)).toMatchObject([{ nodeId: 'start' }]);
      expect(await site.orchestrator.run(runId)).toMatchObject({ status: 'cancelled', error: 'not needed' });
      expect(await site.orchestrator.errors(runId)).toEqual([]);
      expect((await site.orchestrator.context(runId)).count).toBe(1);
    }));

  it.concurrent('is cancelled at any moment, and completes when it is retried', () =>
    withSite(server, async (site) => {
      await Promise.all([site.startWorker(), site.startWorker()]);
      const runIds = await manyMoments(async (moment) => {
        const runId = await site.start(moment % 2 === 0 ? 'wide' : 'nested', { ms: 30 });
        await sleep(moment * 5);
        await site.orchestrator.cancel(runId).catch(ifOver);
        await site.finish([runId]);
        if ((await site.orchestrator.status(runId)) === 'cancelled') await site.orchestrator.retry(runId);
        return runId;
      });
      await site.expectSound(runIds);
    }));

  it.concurrent('is paused and resumed at any moment, and completes', () =>
    withSite(server, async (site) => {
      await Promise.all([site.startWorker(), site.startWorker()]);
      const flows = ['wide', 'line', 'flaky', 'nested'] as const;
      const runIds = await manyMoments(async (moment) => {
        const runId = await site.start(flows[moment % 4] ?? 'wide', { ms: 20 });
        for (const pauseAfter of [moment * 3, 30 - moment]) {
          await sleep(pauseAfter);
          await site.orchestrator.pause(runId).catch(ifOver);
          await sleep((moment * 7) % 60);
          await site.orchestrator.resume(runId).catch(ifOver);
        }
        return runId;
      });
      await site.expectSound(runIds);
    }));

  it.concurrent('is paused: running nodes end, no others start, and ready ones are parked', () =>
    withSite(server, async (site) => {
      const worker = await site.startWorker({ behaviour: { hold: ['start', 'two'] }, worker: steady });
      const [early, late] = await Promise.all([site.start('line'), site.start('wide')]);
      await worker.waitFor(begins('start'));
      await site.finish([early]);
      await site.orchestrator.pause(late);
      worker.send({ type: 'release' });
      await eventually(async () => {
        const pending = await site.orchestrator.pendingWork(late);
        expect(pending.map(({ nodeId, state }) => `${nodeId} ${state}`).sort()).toEqual(
          ['four', 'one', 'three', 'two'].map((node) => `${node} parked`),
        );
      });
      await site.expectNothingLeft();
      expect(told([worker], 'begins').filter(({ runId }) => runId === late)).toHaveLength(1);
      expect(await site.orchestrator.status(late)).toBe('paused');
      await worker.kill();
      await site.rescue();
      await site.orchestrator.resume(late);
      await site.expectSound([early, late]);
    }));

  it.concurrent('is paused, and its worker dies, and it is resumed before the job is delivered again', () =>
    withSite(server, async (site) => {
      const victim = await site.startWorker({ behaviour: { hold: ['c', 'two'] } });
      const runIds = await Promise.all([site.start('line'), site.start('wide')]);
      await Promise.all(['c', 'two'].map((node) => victim.waitFor(begins(node))));
      await Promise.all(runIds.map((runId) => site.orchestrator.pause(runId)));
      await victim.kill();
      await Promise.all(runIds.map((runId) => site.orchestrator.resume(runId)));
      await site.rescue();
      await site.expectSound(runIds);
    }));
});

/** Runs a test thirty times in parallel, each at a different moment of a run. */
function manyMoments(test: (moment: number) => Promise<string>): Promise<string[]> {
  return Promise.all(Array.from({ length: 30 }, (_, moment) => test(moment)));
}

function ifOver(error: unknown): void {
  if (!(error instanceof RunStateError)) throw error;
}

function told(workers: Awaited<ReturnType<Site['startWorker']>>[], type: ExecutionTold['type']): ExecutionTold[] {
  return workers.flatMap(({ messages }) => messages.filter((one): one is ExecutionTold => one.type === type));
}
