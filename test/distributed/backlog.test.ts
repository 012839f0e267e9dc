import { setTimeout as sleep } from 'node:timers/promises';
import { DistributedWorker, type Engine, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import type { WorkQueue } from '../../src/distributed/contracts.js';
import { describeWith } from '../needs/describe-with.js';
import { engines } from './servers/engines.js';
import { eventually } from './servers/eventually.js';

const options = { timeout: 600_000 };
describe('a backlog of runs of unknown workflows, on memory', options, () => tests('memory'));
describe('a backlog of runs of unknown workflows, on pglite', options, () => tests('pglite'));
describeWith('redis-server', 'a backlog of runs of unknown workflows, on redis', () => tests('redis'), options);
describeWith('postgres', 'a backlog of runs of unknown workflows, on postgres', () => tests('postgres'), options);

/** Number of runs of unknown workflows, and the maximum number of jobs handed back in the seconds that are measured. */
const count = 300;
const seconds = 5;
const most = 150;

const retired = new Flow('retired', { version: '1' }).node('a', () => 'retired');
const known = new Flow('known', { version: '1' })
  .node('a', (n: number) => n)
  .node('b', (n: number) => n + 1)
  .sleep('s', { duration: 50 })
  .node('c', (n: number) => n + 1)
  .edge('a', 'b')
  .edge('b', 's')
  .edge('s', 'c');

function tests(kind: keyof typeof engines): void {
  it('leaves room for runs of known workflows, and continues when a worker has the workflow', async () => {
    const { engine, stop } = await engines[kind]();
    const handedBack = countHandedBack(engine);
    const orchestrator = new OrchestratorBuilder().workflow(retired).workflow(known).engine(engine).build();
    const start = (workflow: string) => (n: number) => orchestrator.startRun({}, n, { workflow });
    const numbers = (length: number) => Array.from({ length }, (_, n) => n);
    const worker = new DistributedWorker({ engine, workflows: [known] });
    const knowing = new DistributedWorker({ engine, workflows: [known, retired] });
    try {
      await Promise.all(numbers(count).map(start('retired')));
      await worker.start();
      await eventually(() => handedBack.jobs >= count / 2, { timeout: 300_000 });
      const runIds = await Promise.all(numbers(20).map(start('known')));
      const signal = AbortSignal.timeout(300_000);
      const runs = await Promise.all(runIds.map((runId) => orchestrator.waitForCompletion(runId, { signal })));
      expect(runs.map(({ output }) => output)).toEqual(numbers(20).map((n) => n + 2));
      expect(await orchestrator.countRuns()).toMatchObject({ running: count, completed: 20 });
      await eventually(async () => (await handedBack.during(seconds)) < most, { timeout: 300_000 });

      await knowing.start();
      await eventually(async () => (await orchestrator.countRuns()).completed > 20 + count / 10, { timeout: 300_000 });
    } finally {
      await Promise.all([worker.stop(), knowing.stop()]);
      await orchestrator.close();
      await engine.close();
      await stop();
    }
  });
}

/** Counts the jobs that the workers on an engine hand back. */
function countHandedBack(engine: Engine) {
  const queue = engine.queue as { consume: WorkQueue['consume'] };
  const consume = queue.consume.bind(queue);
  const counts = {
    jobs: 0,
    async during(time: number): Promise<number> {
      const before = counts.jobs;
      await sleep(time * 1_000);
      return counts.jobs - before;
    },
  };
  queue.consume = (handler, consumeOptions) =>
    consume(async (delivery) => {
      const disposition = await handler(delivery);
      if (disposition !== 'done' && delivery.job.kind === 'node') counts.jobs++;
      return disposition;
    }, consumeOptions);
  return counts;
}
