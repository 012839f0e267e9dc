import { beforeAll, expect, it } from 'vitest';
import { readEntry } from '../../../src/distributed/journal/entry.js';
import { eventually } from '../servers/eventually.js';
import type { Told } from './fixtures/messages.js';
import { begins, describeEngines, type EngineServer, type FaultyWorker, type Site, steady, withSite } from './site.js';

const gracefully = { code: 0, signal: null };
const isStopped = (told: Told) => told.type === 'stopped';

describeEngines('a worker that is stopped', (start) => {
  let server: EngineServer;

  beforeAll(async () => {
    server = await start();
  });

  it.concurrent('finishes its nodes, hands back the other jobs, and ends without a warning', () =>
    withSite(server, async (site) => {
      const worker = await site.startWorker({
        behaviour: { deaf: ['b', 'two'] },
        worker: { ...steady, concurrency: 2 },
      });
      const first = await Promise.all([site.start('line'), site.start('wide')]);
      await eventually(() => executed(worker).filter((node) => node === 'b' || node === 'two').length === 2);
      const rest = await site.startMany('line', 5);
      worker.send({ type: 'stop', deadline: 600_000 });
      await eventually(async () => {
        const [health] = await site.orchestrator.listWorkerHealth();
        expect(health?.status).toBe('stopping');
      });
      worker.send({ type: 'release' });
      await worker.waitFor(isStopped);
      expect(await worker.exited).toEqual(gracefully);
      expect(executed(worker).filter((node) => node === 'c')).toEqual([]);
      const [line = '', wide = ''] = first;
      expect((await nodesDone(site, line)).at(-1)).toBe('b');
      expect(await nodesDone(site, wide)).toContain('two');
      // No job is held any more, so no worker has to wait for a lock.
      expect(await site.engine.queue.depth()).toMatchObject({ active: 0 });
      expect(await site.orchestrator.liveness()).toEqual([]);
      expect(warningsOf(worker)).toEqual([]);
      await site.rescue(steady);
      await site.expectSound([...first, ...rest]);
      expect(site.warnings).toEqual([]);
    }));

  it.concurrent('aborts its nodes at the deadline, and hands them back', () =>
    withSite(server, async (site) => {
      const worker = await site.startWorker({ behaviour: { hold: ['b', 'two', 'y'] }, worker: steady });
      const runIds = await Promise.all([site.start('line'), site.start('wide'), site.start('nested')]);
      await Promise.all(['b', 'two', 'y'].map((node) => worker.waitFor(begins(node))));
      worker.send({ type: 'stop', deadline: 200 });
      const stopped = await worker.waitFor(isStopped);
      expect(stopped).toMatchObject({ type: 'stopped' });
      expect(await worker.exited).toEqual(gracefully);
      const aborted = worker.messages.flatMap((told) => (told.type === 'aborted' ? [told] : []));
      expect(aborted.map(({ nodeId }) => nodeId).sort()).toEqual(['b', 'two', 'y']);
      for (const { reason } of aborted) expect(reason).toContain('SupersededError');
      expect(await site.engine.queue.depth()).toMatchObject({ active: 0 });
      expect(warningsOf(worker)).toEqual([]);
      await site.rescue();
      await site.expectSound(runIds);
      for (const runId of runIds) {
        expect(await site.orchestrator.errors(runId)).toEqual([]);
        expect(await site.orchestrator.metrics(runId)).toMatchObject({ retries: 0, failed: 0 });
      }
    }));

  it.concurrent('repeated while workers are busy loses nothing', () =>
    withSite(server, async (site) => {
      const runIds = (
        await Promise.all([site.startMany('wide', 10, { ms: 30 }), site.startMany('line', 10, { ms: 30 })])
      ).flat();
      for (let turn = 0; turn < 3; turn += 1) {
        const worker = await site.startWorker({ worker: steady });
        await worker.waitFor((told) => told.type === 'ended');
        worker.send({ type: 'stop', deadline: turn * 20 });
        expect(await worker.exited).toEqual(gracefully);
        expect(warningsOf(worker)).toEqual([]);
      }
      await site.rescue();
      await site.expectSound(runIds);
    }));

  it('while the server is unreachable ends when operations are no longer retried', async () => {
    const on = await start();
    await withSite(on, async (site) => {
      const worker = await site.startWorker({ behaviour: { hold: ['b'] }, engine: { operationTimeout: 2_000 } });
      const runId = await site.start('line');
      await worker.waitFor(begins('b'));
      await on.server.kill();
      worker.send({ type: 'stop', deadline: 200 });
      await worker.waitFor(isStopped);
      expect(await worker.exited).toEqual(gracefully);
      await on.server.restart();
      await site.rescue();
      await site.expectSound([runId]);
    });
    await on.server.stop();
  });
});

function executed({ messages }: FaultyWorker): string[] {
  return messages.flatMap((told) => (told.type === 'begins' ? [told.nodeId] : []));
}

function warningsOf({ messages }: FaultyWorker): Told[] {
  return messages.filter(({ type }) => type === 'warning');
}

/** Lists the completed nodes of a run that may be active. */
async function nodesDone({ engine }: Site, runId: string): Promise<string[]> {
  const tail = await engine.checkpointStore.read(runId);
  const entries = (tail?.entries ?? []).map(({ text }) => readEntry(text));
  return entries.flatMap((entry) => (entry.type === 'completed' ? [entry.node] : []));
}
