import { beforeAll, expect, it } from 'vitest';
import { readEntry } from '../../../src/distributed/journal/entry.js';
import { begins, describeEngines, type EngineServer, ended, type Site, steady, withSite } from './site.js';

describeEngines('a job that is delivered twice', (start) => {
  let server: EngineServer;

  beforeAll(async () => {
    server = await start();
  });

  it.concurrent('at once, and each of its commits made twice, counts once', () =>
    withSite(server, async (site) => {
      const doubled = 'jobs and commits';
      await Promise.all([site.startWorker({ doubled }), site.startWorker({ doubled })]);
      const workflows = ['wide', 'line', 'join', 'nested', 'flaky', 'items'] as const;
      const started = workflows.map((workflow) => site.startMany(workflow, 5, { ms: 20, items: [1, 2, 3] }));
      await site.expectSound((await Promise.all(started)).flat());
    }));

  it.concurrent('with commits made twice and a crash in between, counts once inside a sub-flow, too', () =>
    withSite(server, async (site) => {
      // Long enough that the victim keeps its lock until it dies.
      const worker = { lockDuration: 10_000 };
      const victim = await site.startWorker({ doubled: 'commits', behaviour: { die: ['z'] }, worker });
      const runId = await site.start('nested');
      await victim.exited;
      const heir = await site.startWorker({ worker });
      await site.expectSound([runId]);
      const again = heir.messages.flatMap((told) => (told.type === 'ended' ? [told.nodeId] : []));
      expect(again).toEqual(['z', 'end']);
    }));

  it.concurrent('late, after its job was done, changes nothing', () =>
    withSite(server, async (site) => {
      const worker = await site.startWorker({ behaviour: { hold: ['end'] }, worker: steady });
      const runId = await site.start('wide');
      await worker.waitFor(begins('end'));
      const jobs = await jobsOf(site, runId);
      const again = jobs.map((id) => ({ id, runId, kind: 'node' as const, seq: 0, priority: 0, delay: 0 }));
      await site.engine.queue.enqueue(again);
      worker.send({ type: 'release' });
      await site.expectSound([runId]);
      await site.engine.queue.enqueue(again);
      await site.expectSound([runId]);
      const executed = worker.messages.flatMap((told) => (told.type === 'begins' ? [told.nodeId] : []));
      expect(executed.sort()).toEqual(['end', 'four', 'one', 'start', 'three', 'two']);
    }));

  it.concurrent('because its worker was suspended counts once, whichever worker is first', () =>
    withSite(server, async (site) => {
      const sleeper = await site.startWorker({ behaviour: { deaf: ['b', 'two'] } });
      const runIds = await Promise.all([site.start('line'), site.start('wide')]);
      await Promise.all(['b', 'two'].map((node) => sleeper.waitFor(begins(node))));
      sleeper.signal('SIGSTOP');
      const heir = await site.startWorker({ behaviour: { hold: ['b'] } });
      await Promise.all([heir.waitFor(begins('b')), heir.waitFor(ended('two'))]);
      // Now two workers execute "b" at the same time, and the sleeper still has to end "two".
      sleeper.signal('SIGCONT');
      sleeper.send({ type: 'release' });
      await Promise.all(['b', 'two'].map((node) => sleeper.waitFor(ended(node))));
      heir.send({ type: 'release' });
      await site.expectSound(runIds);
      const [line = ''] = runIds;
      // The sleeper works like any other worker again.
      const more = await site.startMany('wide', 5);
      await site.expectSound([...runIds, ...more]);
      expect(await site.orchestrator.errors(line)).toEqual([]);
    }));
});

/** Lists the jobs of a run, from its journal. */
async function jobsOf({ engine }: Site, runId: string): Promise<string[]> {
  const tail = await engine.checkpointStore.read(runId);
  const jobs = (tail?.entries ?? [])
    .map(({ text }) => readEntry(text))
    .flatMap((entry) => ('job' in entry ? [entry.job] : []));
  return [...new Set(jobs)];
}
