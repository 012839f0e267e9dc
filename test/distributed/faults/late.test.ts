import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { removeDirectory, temporaryDirectory } from '../servers/reaper.js';
import { begins, describeEngines, type EngineServer, ended, withSite } from './site.js';

describeEngines('a node that outlives its lock', (start) => {
  let server: EngineServer;

  beforeAll(async () => {
    server = await start();
  });

  it.concurrent('because it blocks its event loop is replaced, and its late commits change nothing', () =>
    withSite(server, async (site) => {
      const directory = await temporaryDirectory();
      const released = join(directory, 'released');
      const blocked = await site.startWorker({ behaviour: { block: { b: released, two: 100 } } });
      const runIds = await Promise.all([site.start('line'), site.start('wide')]);
      await blocked.waitFor(begins('b'));
      const heir = await site.rescue();
      await site.finish(runIds);
      expect(blocked.messages.filter(({ type }) => type === 'ended').map((told) => Object(told).nodeId)).not.toContain(
        'b',
      );
      await writeFile(released, '');
      await blocked.waitFor(ended('b'));
      await site.expectSound(runIds);
      const [line = ''] = runIds;
      const by = (await site.completions(line)).filter(({ nodeId }) => nodeId === 'b');
      expect(by.map(({ workerId }) => workerId)).toEqual([heir.id]);

      // The worker was late, and works like any other from now on.
      await heir.stop();
      const more = await site.start('line', { ms: 1 });
      await site.expectSound([...runIds, more]);
      await removeDirectory(directory);
    }));
});
