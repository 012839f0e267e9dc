import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { eventually } from '../servers/eventually.js';
import type { Told } from './fixtures/messages.js';
import { begins, describeEngines, type EngineServer, steady, withSite } from './site.js';

const hour = 3_600_000;
const isWarning = (told: Told) => told.type === 'warning' && /clock is off by -?\d+ ms/.test(told.message);

describeEngines('a worker whose clock is wrong', (start) => {
  let server: EngineServer;

  beforeAll(async () => {
    server = await start();
  });

  it.concurrent.each([
    ['ahead', hour],
    ['behind', -hour],
  ])('by an hour (%s) warns and takes no work, not even what waits when it starts; others do', (_, clockShift) =>
    withSite(server, async (site) => {
      const waiting = await site.startMany('line', 3);
      const wrong = site.spawnWorker({ clockShift });
      await wrong.waitFor(isWarning);
      const more = await site.startMany('flaky', 3);
      const { pid } = wrong;
      await eventually(async () => {
        const health = await site.orchestrator.listWorkerHealth();
        const report = health.find((worker) => worker.pid === pid);
        expect(report).toMatchObject({ alive: true, active: 0, completed: 0 });
      });
      const right = await site.rescue();
      await site.expectSound([...waiting, ...more]);
      for (const runId of [...waiting, ...more]) {
        const workers = (await site.completions(runId)).map(({ workerId }) => workerId);
        expect(new Set(workers)).toEqual(new Set([right.id]));
      }
      expect(wrong.messages.filter(({ type }) => type === 'begins')).toEqual([]);
      expect(wrong.messages.filter(isWarning)).toHaveLength(1);
    }),
  );

  it.concurrent('takes nothing away from others', () =>
    withSite(server, async (site) => {
      const right = await site.startWorker({ behaviour: { hold: ['b'] }, worker: steady });
      const runId = await site.start('line');
      await right.waitFor(begins('b'));
      const wrong = await Promise.all([hour, -hour].map((clockShift) => site.startWorker({ clockShift })));
      for (const worker of wrong) await worker.waitFor(isWarning);
      // They would look for expired locks four times a second.
      await sleep(2_000);
      right.send({ type: 'release' });
      await site.expectSound([runId]);
      expect(right.messages.filter((told) => told.type === 'begins').length).toBe(4);
      for (const worker of wrong) expect(worker.messages.filter(({ type }) => type === 'begins')).toEqual([]);
    }));

  it.concurrent('takes work once it is right, and none once it is wrong', () =>
    withSite(server, async (site) => {
      const worker = site.spawnWorker({ clockShift: hour });
      await worker.waitFor(isWarning);
      const runIds = await site.startMany('flaky', 2);
      worker.send({ type: 'clock', shift: 0 });
      await site.expectSound(runIds);
      worker.send({ type: 'clock', shift: -hour });
      await worker.waitFor(isWarning);
      runIds.push(await site.start('line'));
      await site.rescue();
      await site.expectSound(runIds);
    }));
});
