import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Delivery, Disposition, Job, JobState } from '../contracts.js';
import { consume, consumed, gate } from './consuming.js';
import { aJob, newId, type Suite, until } from './suite.js';

export function testQuestions(suite: Suite): void {
  suite.it('returns the states of jobs, and their number', async () => {
    const { engine, other } = suite;
    const before = await engine.queue.depth();
    const [active, waiting, prior, delayed] = [aJob(), aJob(), aJob({ priority: 5 }), aJob({ delay: 3_600_000 })];
    await engine.queue.enqueue([active]);
    const release = gate();
    const consumer = await consume(
      engine,
      async () => {
        await release.opened;
        return 'done';
      },
      { concurrency: 1 },
    );
    const statesOf = () => other.queue.statesOf([prior, delayed, active, waiting, aJob()].map(({ id }) => id));
    await until(async () => assert.equal((await statesOf())[2], 'active'));
    await engine.queue.enqueue([waiting, prior, delayed]);
    assert.deepEqual(await statesOf(), ['waiting', 'delayed', 'active', 'waiting', 'absent'] satisfies JobState[]);
    const { waiting: more, delayed: later, active: now } = await other.queue.depth();
    assert.deepEqual([more - before.waiting, later - before.delayed, now - before.active], [2, 1, 1]);
    release.open();
    await until(async () => assert.deepEqual((await statesOf())[0], 'absent'));
    assert.deepEqual((await statesOf()).slice(2), ['absent', 'absent', 'absent']);
    await consumer.close();
    await engine.queue.purgeRun(delayed.runId, [delayed.id]);
    await until(async () => assert.deepEqual(await other.queue.depth(), before));
    assert.deepEqual(await other.queue.statesOf([]), []);
    assert.deepEqual(await other.queue.statesOf(['']), ['absent']);
  });

  suite.it('purges jobs that are waiting or delayed, and leaves those that are being handled', async () => {
    const { engine, other } = suite;
    const runId = newId();
    const [active, waiting, prior, delayed] = [{}, {}, { priority: 5 }, { delay: 3_600_000 }].map((given) =>
      aJob({ runId, ...given }),
    ) as [Job, Job, Job, Job];
    const kept = aJob({ runId });
    await engine.queue.enqueue([active]);
    const release = gate();
    const seen: string[] = [];
    const consumer = await consume(
      engine,
      async ({ job }) => {
        seen.push(job.id);
        await release.opened;
        return 'done';
      },
      { concurrency: 1 },
    );
    await until(() => assert.equal(seen.length, 1));
    await engine.queue.enqueue([waiting, prior, delayed, kept]);
    const ids = [active, waiting, prior, delayed].map(({ id }) => id);
    await other.queue.purgeRun(runId, [...ids, newId('job')]);
    assert.deepEqual(await engine.queue.statesOf(ids), ['active', 'absent', 'absent', 'absent']);
    release.open();
    await until(() => assert.deepEqual(seen, [active.id, kept.id]));
    await engine.queue.enqueue([waiting]);
    await until(() => assert.deepEqual(seen, [active.id, kept.id, waiting.id]));
    await consumer.close();
  });
}

export function testConsumers(suite: Suite): void {
  suite.it('take no jobs while they are paused, and continue when they are resumed', async () => {
    const { engine } = suite;
    const seen: string[] = [];
    const consumer = await consume(engine, async ({ job }) => {
      seen.push(job.id);
      return 'done';
    });
    await consumer.pause();
    const job = aJob();
    await engine.queue.enqueue([job]);
    await sleep(200);
    assert.deepEqual([seen, await engine.queue.statesOf([job.id])], [[], ['waiting']]);
    await consumer.resume();
    await until(() => assert.deepEqual(seen, [job.id]));
    await consumer.close();
  });

  suite.it('let current jobs continue when they are paused or closed, and take no more', async () => {
    const { engine } = suite;
    const release = gate();
    const seen: string[] = [];
    let done = 0;
    const consumer = await consume(
      engine,
      async ({ job, signal }) => {
        seen.push(job.id);
        await release.opened;
        assert.equal(signal.aborted, false);
        done++;
        return 'done';
      },
      { concurrency: 1 },
    );
    const [first, second] = [aJob(), aJob()];
    await engine.queue.enqueue([first, second]);
    await until(() => assert.equal(seen.length, 1));
    await consumer.pause();
    let isClosed = false;
    const closing = consumer.close().then(() => {
      isClosed = true;
    });
    await sleep(100);
    assert.deepEqual([isClosed, done], [false, 0]);
    release.open();
    await closing;
    assert.deepEqual([seen, done], [[first.id], 1]);
    assert.deepEqual(await engine.queue.statesOf([second.id]), ['waiting']);
    assert.equal((await consumed(engine, [second])).length, 1);
  });

  suite.it('give their jobs to others when they are terminated, once the locks have expired', async () => {
    const { engine, other } = suite;
    const release = gate();
    const job = aJob({ seq: 3 });
    let taken = 0;
    const dying = await consume(
      engine,
      async () => {
        taken++;
        await release.opened;
        return 'done';
      },
      { lockDuration: 1_000 },
    );
    await engine.queue.enqueue([job]);
    await until(() => assert.ok(taken >= 1));
    await dying.terminate();
    const before = taken;
    const crashes: number[] = [];
    const next = await consume(
      other,
      async (delivery) => {
        assert.equal(delivery.job.seq, 3);
        crashes.push(delivery.crashes);
        return 'done';
      },
      { lockDuration: 1_000 },
    );
    await until(() => assert.ok(crashes.length >= 1));
    assert.ok((crashes[0] as number) >= 1, 'it was taken back');
    release.open();
    await next.close();
    await until(async () => assert.deepEqual(await engine.queue.statesOf([job.id]), ['absent']));
    assert.equal(taken, before);
  });

  suite.it('hold a job for longer than its lock lasts, as long as they are alive', async () => {
    const { engine, other } = suite;
    const job = aJob();
    let taken = 0;
    const handle = async ({ signal }: Delivery): Promise<Disposition> => {
      taken++;
      await sleep(7_500);
      assert.equal(signal.aborted, false);
      return 'done';
    };
    const consumers = [
      await consume(engine, handle, { lockDuration: 3_000 }),
      await consume(other, handle, { lockDuration: 3_000 }),
    ];
    await engine.queue.enqueue([job]);
    await until(async () => {
      assert.equal(taken, 1);
      assert.deepEqual(await engine.queue.statesOf([job.id]), ['absent']);
    });
    await Promise.all(consumers.map((consumer) => consumer.close()));
    assert.equal(taken, 1);
  });
}
