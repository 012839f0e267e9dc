import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunEvent } from 'orchestrator/distributed';
import { beforeAll, expect, it } from 'vitest';
import { describeWith } from '../../needs/describe-with.js';
import { settableClock, wrongClock } from '../servers/clocks.js';
import { eventually } from '../servers/eventually.js';
import type { Told } from './fixtures/messages.js';
import { begins, describeEngines, type EngineServer, type Site, withSite } from './site.js';

const hour = 3_600_000;
const ways = [
  ['ahead', hour],
  ['behind', -hour],
] as const;

/** A wait takes longer on a busy machine, but less than an hour longer. */
const muchLater = 60_000;
const patience = 90_000;

const isWarning = (told: Told) => told.type === 'warning' && /clock is off by -?\d+ ms/.test(told.message);

describeEngines('a worker whose clock is wrong', (start) => {
  let server: EngineServer;

  beforeAll(async () => {
    server = await start();
  });

  describeWith('faketime', 'by an hour', () => {
    it.each(ways)(
      '(%s) warns once, and is on time with starts, retries, sleeps and limits',
      (_way, shift) =>
        withSite(server, async (site) => {
          const wrong = await site.startWorker({ env: wrongClock(shift) });
          await wrong.waitFor(isWarning, 20_000);
          const delayed = await startAs(site, { delay: 1_500 });
          const limited = await startAs(site, { timeout: 2_000, ms: 20_000 });
          const others = await site.startMany('flaky', 2);
          await site.finish([delayed, limited, ...others], muchLater);
          const { status, startAt, createdAt } = await site.orchestrator.run(delayed);
          expect([status, startAt - createdAt]).toEqual(['completed', 1_500]);
          await expectInTime(site, delayed, startAt);
          const { status: ending, finishedAt = 0, deadline = 0 } = await site.orchestrator.run(limited);
          expect(ending).toBe('cancelled');
          expectBetween(finishedAt - deadline, 0, muchLater);
          for (const runId of others) expect(await site.orchestrator.status(runId)).toBe('completed');
          expect(wrong.messages.filter(isWarning)).toHaveLength(1);
          await site.expectNothingLeft();
        }),
      patience,
    );

    it('takes no jobs away from others', () =>
      withSite(server, async (site) => {
        const right = await site.startWorker({ behaviour: { hold: ['b'] } });
        const runId = await site.start('line');
        await right.waitFor(begins('b'));
        const wrong = await Promise.all(ways.map(([, shift]) => site.startWorker({ env: wrongClock(shift) })));
        for (const worker of wrong) await worker.waitFor(isWarning, 20_000);
        // Wait for longer than an unrenewed lock lasts.
        const since = performance.now();
        await eventually(() => performance.now() - since > 2_000);
        right.send({ type: 'release' });
        await site.expectSound([runId]);
        const begun = [right, ...wrong].flatMap(({ messages }) => messages.filter(begins('b')));
        expect(begun).toHaveLength(1);
      }));

    it.each(ways)(
      'from the middle of a node on (%s) keeps its jobs, and is on time with what follows',
      (_way, shift) =>
        withSite(server, async (site) => {
          const clock = await settableClock(await mkdtemp(join(tmpdir(), 'orchestrator-clock-')));
          const worker = await site.startWorker({ env: clock.env, behaviour: { hold: ['a'] } });
          const runId = await startAs(site, {});
          await worker.waitFor(begins('a'));
          await clock.set(shift);
          await worker.waitFor(isWarning, 20_000);
          // Wait for longer than an unrenewed lock lasts.
          const since = performance.now();
          await eventually(() => performance.now() - since > 2_000);
          worker.send({ type: 'release' });
          await site.finish([runId], muchLater);
          expect(worker.messages.filter(begins('a'))).toHaveLength(1);
          await expectInTime(site, runId, (await site.orchestrator.run(runId)).startAt);
          await clock.set(0);
          const after = await startAs(site, {});
          await site.finish([after], muchLater);
          await expectInTime(site, after, (await site.orchestrator.run(after)).startAt);
        }),
      patience,
    );
  });

  it(
    'is woken for a job that a program with a wrong clock has queued an hour late',
    () =>
      withSite(server, async (site) => {
        const { queue } = site.engine;
        const enqueue = queue.enqueue.bind(queue);
        // Version 0.7 did this when its clock was an hour ahead.
        queue.enqueue = (jobs) => enqueue(jobs.map((job) => ({ ...job, delay: job.delay + hour })));
        const runId = await startAs(site, { delay: 500 });
        queue.enqueue = enqueue;
        await site.startWorker({ worker: { maintenanceInterval: 500 } });
        await site.finish([runId], muchLater);
        expect(await site.orchestrator.status(runId)).toBe('completed');
        await site.expectNothingLeft();
      }),
    patience,
  );
});

function startAs(
  { orchestrator }: Site,
  { ms = 0, ...options }: { delay?: number; timeout?: number; ms?: number },
): Promise<string> {
  return orchestrator.startRun({ count: 0, ms }, undefined, { workflow: 'sleepy', ...options });
}

/**
 * Asserts that the waits of a run of `sleepy` took their time, and no extra hour. @param startAt - the planned start
 */
async function expectInTime({ orchestrator }: Site, runId: string, startAt: number): Promise<void> {
  expect((await orchestrator.run(runId)).status).toBe('completed');
  const events: RunEvent[] = [];
  for await (const event of orchestrator.events(runId)) events.push(event);
  const at = (type: RunEvent['type'], nodeId: string) =>
    events.filter((event) => event.type === type && event.nodeId === nodeId).map(({ time }) => time);
  const [first = 0] = at('completed', 'a');
  expectBetween(first - startAt, 0, muchLater);
  const [asleep = 0] = at('awaiting', 'nap');
  const [awake = 0] = at('due', 'nap');
  // A sleep begins before it is committed.
  expectBetween(awake - asleep, 800, muchLater);
  const [failed = 0] = at('retrying', 'b');
  const [done = 0] = at('completed', 'b');
  expectBetween(done - failed, 1_000, muchLater);
  const [inside = 0] = at('awaiting', 'inside');
  const [out = 0] = at('due', 'inside');
  expectBetween(out - inside, 800, muchLater);
}

function expectBetween(value: number, least: number, most: number): void {
  expect(value).toBeGreaterThanOrEqual(least);
  expect(value).toBeLessThan(most);
}
