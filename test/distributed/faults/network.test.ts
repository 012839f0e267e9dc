import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, it } from 'vitest';
import { eventually } from '../servers/eventually.js';
import { startProxy } from '../servers/proxy.js';
import { begins, describeEngines, type EngineServer, type Site, withSite } from './site.js';

const workflows = ['wide', 'line', 'nested', 'flaky', 'join'] as const;

describeEngines('a network between a worker and the server', (start) => {
  let server: EngineServer;

  beforeAll(async () => {
    server = await start();
  });

  async function startRuns(site: Site): Promise<string[]> {
    return (await Promise.all(workflows.map((workflow) => site.startMany(workflow, 4, { ms: 50 })))).flat();
  }

  async function someEnd(site: Site, runIds: readonly string[]): Promise<void> {
    await eventually(async () => {
      const { runs } = await site.orchestrator.listRuns({ status: 'completed', limit: 100 });
      return runs.length > 1 && runs.length <= runIds.length;
    });
  }

  it.concurrent.each(['cut', 'stall'] as const)('%s for a while loses nothing of a single worker', (how) =>
    withSite(server, async (site) => {
      const proxy = await startProxy(server.server.port);
      await site.startWorker({ port: proxy.port });
      const runIds = await startRuns(site);
      await someEnd(site, runIds);
      for (const milliseconds of [100, 2_000]) {
        await proxy[how]();
        // The second time, wait for longer than a lock lasts.
        await sleep(milliseconds);
        await proxy.heal();
        await sleep(100);
      }
      await site.expectSound(runIds);
      await proxy.stop();
    }),
  );

  it.concurrent('cut has the work done by others, and changes nothing when it heals', () =>
    withSite(server, async (site) => {
      const proxy = await startProxy(server.server.port);
      const far = await site.startWorker({ port: proxy.port, behaviour: { deaf: ['b', 'two'] } });
      const runIds = await Promise.all([site.start('line'), site.start('wide')]);
      await Promise.all(['b', 'two'].map((node) => far.waitFor(begins(node))));
      await proxy.cut();
      await site.rescue();
      await site.finish(runIds);
      far.send({ type: 'release' });
      await proxy.heal();
      await site.expectSound(runIds);
      await site.expectIdle(far);
      await far.waitFor(({ type }) => type === 'warning');
      await proxy.stop();
    }));

  it.concurrent('that loses answers has nothing counted twice', () =>
    withSite(server, async (site) => {
      const proxy = await startProxy(server.server.port);
      await site.startWorker({ port: proxy.port });
      const runIds = await startRuns(site);
      await someEnd(site, runIds);
      for (let turn = 0; turn < 10; turn += 1) {
        // The call has arrived, but its answer has not.
        await proxy.cut();
        await proxy.heal();
        await sleep(20 + 13 * turn);
      }
      await site.expectSound(runIds);
      await proxy.stop();
    }));
});
