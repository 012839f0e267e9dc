import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Delivery, Disposition, Job } from '../contracts.js';
import { consume, consumed, fail, tidily } from './consuming.js';
import { testConsumers, testQuestions } from './queue-control.js';
import { aJob, assertWaited, newId, type Suite, until } from './suite.js';

export function testQueue(given: Suite): void {
  const suite = Object.create(given, {
    it: { value: (name: string, test: () => Promise<void>) => given.it(name, tidily(test)) },
  });
  suite.describe('queue.enqueue and consume', () => testDelivery(suite));
  suite.describe('queue: jobs that go back', () => testReturn(suite));
  suite.describe('queue.statesOf, depth and purgeRun', () => testQuestions(suite));
  suite.describe('queue: consumers', () => testConsumers(suite));
}

function testDelivery(suite: Suite): void {
  suite.it('delivers a job as it was queued, and removes it when it is done', async () => {
    const { engine, other } = suite;
    const runId = `odd {id}: "it's" 😀 ${newId()}`;
    const job = aJob({ runId, kind: 'wake', seq: 12_345, priority: 3 });
    await engine.queue.enqueue([job]);
    const deliveries = await consumed(other, [job]);
    const [{ job: delivered, crashes, signal } = fail()] = deliveries;
    const { delay, ...rest } = job;
    assert.deepEqual({ delay, ...delivered }, { delay, ...rest });
    assert.deepEqual([crashes, signal.aborted, deliveries.length], [0, false, 1]);
    await until(async () => assert.deepEqual(await engine.queue.statesOf([job.id]), ['absent']));
  });

  suite.it('queues a job once, however often it is added', async () => {
    const { engine, other } = suite;
    const jobs = [aJob({ seq: 1 }), aJob(), aJob({ delay: 50 })];
    await Promise.all([engine, other, engine, other].map((one) => one.queue.enqueue([...jobs, ...jobs])));
    await engine.queue.enqueue([{ ...(jobs[0] as Job), seq: 2 }]);
    const deliveries = await consumed(engine, jobs, { settle: 100 });
    assert.equal(deliveries.length, 3);
    assert.equal(deliveries.find(({ job }) => job.id === jobs[0]?.id)?.job.seq, 1);
    await engine.queue.enqueue([jobs[1] as Job]);
    assert.equal((await consumed(other, [jobs[1] as Job])).length, 1);
    await engine.queue.enqueue([]);
  });

  suite.it('does not queue a job again that is being handled', async () => {
    const { engine } = suite;
    const job = aJob();
    await engine.queue.enqueue([job]);
    const deliveries = await consumed(engine, [job], {
      handle: async () => {
        await engine.queue.enqueue([job]);
        return 'done';
      },
      settle: 100,
    });
    assert.equal(deliveries.length, 1);
  });

  suite.it('delivers jobs in the order in which they were added, the smallest priority first', async () => {
    const { engine } = suite;
    const priorities = [5, 0, 1, 0, 2_097_151, 5, 1, 0];
    const jobs = priorities.map((priority, n) => aJob({ priority, seq: n }));
    for (const job of jobs) await engine.queue.enqueue([job]);
    const many = Array.from({ length: 30 }, (_, n) => aJob({ priority: 0, seq: 100 + n }));
    await engine.queue.enqueue(many);
    const deliveries = await consumed(engine, [...jobs, ...many]);
    const expected = [1, 3, 7, ...many.map(({ seq }) => seq), 2, 6, 0, 5, 4];
    assert.deepEqual(
      deliveries.map(({ job }) => job.seq),
      expected,
    );
  });

  suite.it('delivers a delayed job when its delay has passed, and others before it', async () => {
    const { engine } = suite;
    const late = aJob({ delay: 3_000, priority: 0 });
    const now = aJob({ priority: 9 });
    const began = performance.now();
    await engine.queue.enqueue([late, now]);
    assert.deepEqual(await engine.queue.statesOf([late.id, now.id]), ['delayed', 'waiting']);
    let at = 0;
    const deliveries = await consumed(engine, [late, now], {
      handle: async ({ job }) => {
        if (job.id === late.id) at = performance.now();
        return 'done';
      },
    });
    assert.deepEqual(
      deliveries.map(({ job }) => job.id),
      [now.id, late.id],
    );
    assertWaited(at - began, 3_000);
  });

  suite.it('accepts thousands of jobs at once', async () => {
    const { engine } = suite;
    const jobs = Array.from({ length: 2_500 }, () => aJob());
    await engine.queue.enqueue(jobs);
    const deliveries = await consumed(engine, jobs, { concurrency: 100 });
    assert.equal(deliveries.length, 2_500);
  });

  suite.it('handles as many jobs at the same time as it may, and no more', async () => {
    const { engine } = suite;
    const jobs = Array.from({ length: 12 }, () => aJob());
    await engine.queue.enqueue(jobs);
    let active = 0;
    let most = 0;
    await consumed(engine, jobs, {
      concurrency: 4,
      handle: async () => {
        active++;
        most = Math.max(most, active);
        await until(() => assert.ok(most === 4));
        await sleep(5);
        active--;
        return 'done';
      },
    });
    assert.equal(most, 4);
  });

  suite.it('gives each of many jobs to one of several consumers', async () => {
    const { engine, other } = suite;
    const jobs = Array.from({ length: 200 }, () => aJob());
    const seen: string[] = [];
    const handle = async ({ job }: Delivery): Promise<Disposition> => {
      seen.push(job.id);
      return 'done';
    };
    const consumers = await Promise.all([engine, other, engine].map((one) => consume(one, handle, { concurrency: 5 })));
    await Promise.all([engine.queue.enqueue(jobs.slice(0, 100)), other.queue.enqueue(jobs.slice(100))]);
    await until(() => assert.ok(seen.length >= 200));
    await Promise.all(consumers.map((consumer) => consumer.close()));
    assert.equal(seen.length, 200);
    assert.equal(new Set(seen).size, 200);
  });
}

function testReturn(suite: Suite): void {
  suite.it('delivers a job again whose handler has rejected, and reports the error', async () => {
    const { engine } = suite;
    const job = aJob({ seq: 7 });
    await engine.queue.enqueue([job]);
    let calls = 0;
    const told: unknown[] = [];
    const deliveries = await consumed(engine, [job], {
      handle: async () => {
        if (++calls <= 2) throw new Error(`handler ${calls}`);
        return 'done';
      },
      onError: (error) => told.push(error),
    });
    assert.equal(deliveries.length, 3);
    assert.deepEqual(
      told.map((error) => (error as Error).message),
      ['handler 1', 'handler 2'],
    );
    assert.deepEqual(
      deliveries.map(({ job: { seq }, crashes }) => [seq, crashes]),
      [
        [7, 0],
        [7, 0],
        [7, 0],
      ],
    );
    await until(async () => assert.deepEqual(await engine.queue.statesOf([job.id]), ['absent']));
  });

  suite.it('delivers a job that is given back again, at once or after its delay', async () => {
    const { engine } = suite;
    const job = aJob({ priority: 2 });
    await engine.queue.enqueue([job]);
    const times: number[] = [];
    const deliveries = await consumed(engine, [job], {
      handle: async () => {
        times.push(performance.now());
        if (times.length === 1) return { delay: 0 };
        return times.length === 2 ? { delay: 1_000 } : 'done';
      },
    });
    assert.deepEqual(
      deliveries.map(({ crashes, job: { priority } }) => [crashes, priority]),
      [
        [0, 2],
        [0, 2],
        [0, 2],
      ],
    );
    const [, second = 0, third = 0] = times;
    assertWaited(third - second, 1_000);
    await until(async () => assert.deepEqual(await engine.queue.statesOf([job.id]), ['absent']));
  });

  suite.it('may deliver a job that is given back to another consumer', async () => {
    const { engine, other } = suite;
    const job = aJob();
    const seen: string[] = [];
    const first = await consume(engine, async () => {
      seen.push('first');
      await first.pause();
      return { delay: 0 };
    });
    await engine.queue.enqueue([job]);
    await until(() => assert.equal(seen.length, 1));
    const second = await consume(other, async () => {
      seen.push('second');
      return 'done';
    });
    await until(() => assert.deepEqual(seen, ['first', 'second']));
    await Promise.all([first.close(), second.close()]);
  });
}
