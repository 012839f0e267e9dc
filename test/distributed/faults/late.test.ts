import { beforeAll, expect, it } from 'vitest';
import { begins, describeEngines, type EngineServer, ended, withSite } from './site.js';

describeEngines('a node that outlives its lock', (start) => {
  let server: EngineServer;

  beforeAll(async () => {
    server = await start();
  });

  it.concurrent(
    'because it blocks its event loop is done by another, and what it commits late changes nothing',
    () =>
      withSite(server, async (site) => {
        const blocked = await site.startWorker({ behaviour: { block: { b: 8_000, two: 100 } } });
        const runIds = await Promise.all([site.start('line'), site.start('wide')]);
        await blocked.waitFor(begins('b'));
        const heir = await site.rescue();
        await site.finish(runIds);
        expect(
          blocked.messages.filter(({ type }) => type === 'ended').map((told) => Object(told).nodeId),
        ).not.toContain('b');
        await blocked.waitFor(ended('b'), 15_000);
        await site.expectSound(runIds);
        const [line = ''] = runIds;
        const by = (await site.completions(line)).filter(({ nodeId }) => nodeId === 'b');
        expect(by.map(({ workerId }) => workerId)).toEqual([heir.id]);

        // It was late, and is as good as any other from now on.
        await heir.stop();
        const more = await site.start('line', { ms: 1 });
        await site.expectSound([...runIds, more]);
      }),
    40_000,
  );
});
