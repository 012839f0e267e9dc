import { it } from 'vitest';
import { describeEngines, withSite } from './site.js';

const runs = 300;
const atOnce = 20;

describeEngines('the last two predecessors of a join', (start) => {
  it(`that end at the same moment on two workers release it once, in each of ${runs} runs and more`, async () => {
    const on = await start();
    await withSite(on, async (site) => {
      // Each worker executes few nodes at a time, each in a job of its own, so that both take part in each run.
      const worker = { concurrency: atOnce / 2, nodesPerJob: 1 };
      await Promise.all([site.startWorker({ worker }), site.startWorker({ worker })]);
      const runIds: string[] = [];
      let apart = 0;
      while (runIds.length < runs || apart < runs / 10) {
        const started = await site.startMany('join', atOnce);
        await site.finish(started);
        runIds.push(...started);
        for (const runId of started) if (isApart(await site.completions(runId))) apart += 1;
      }
      await site.expectSound(runIds);
    });
  });
});

/** Returns true if the two nodes were executed by different workers. */
function isApart(completions: readonly { readonly nodeId: string; readonly workerId: string }[]): boolean {
  const by = (id: string) => completions.find(({ nodeId }) => nodeId === id)?.workerId;
  return by('left') !== by('right');
}
