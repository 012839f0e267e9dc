import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { DistributedWorker, type Engine, memory, OrchestratorBuilder, redis } from 'orchestrator/distributed';
import { Flow, FlowRuntime } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { timeoutJobIdOf } from '../../src/distributed/journal/job-id.js';
import { Maintenance, type MaintenanceOptions } from '../../src/distributed/worker/maintenance.js';
import { Workflows } from '../../src/distributed/workflows/workflows.js';
import { eventually } from './servers/eventually.js';
import { describeWithRedis, redisOfSuite } from './servers/redis.js';

const flow = new Flow('short').node('only', () => 1);

/** Runs one round of maintenance, and returns the reported errors. */
async function look(engine: Engine, options: Partial<MaintenanceOptions> = {}, workflow = flow): Promise<unknown[]> {
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const workflows = new Workflows([workflow], new FlowRuntime());
  await new Maintenance(engine, workflows, { interval: 30_000, onError, ...options }).look();
  return errors;
}

describe('the maintenance of a worker', () => {
  it('removes all runs whose retention has passed in one round, however many there are', async () => {
    const engine = memory();
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).retention(0).build();
    const kept = await orchestrator.startRun({}, undefined, { retention: 3_600_000 });
    const runIds = await Promise.all(Array.from({ length: 350 }, () => orchestrator.startRun()));
    for (const runId of [kept, ...runIds]) await orchestrator.cancel(runId);

    expect(await look(engine)).toEqual([]);

    const { runs } = await orchestrator.listRuns({ limit: 1_000 });
    expect(runs.map(({ runId }) => runId)).toEqual([kept]);
    await engine.close();
  });

  it('removes no more runs when the worker stops', async () => {
    const engine = memory();
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).retention(0).build();
    const runId = await orchestrator.startRun();
    await orchestrator.cancel(runId);

    await look(engine, { isStopping: () => true });

    expect(await orchestrator.status(runId)).toBe('cancelled');
    await engine.close();
  });

  it('removes the other runs, and reports the error, if one cannot be removed or idle runs cannot be listed', async () => {
    const engine = memory();
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).retention(0).build();
    const runIds = await Promise.all(Array.from({ length: 250 }, () => orchestrator.startRun()));
    for (const runId of runIds) await orchestrator.cancel(runId);
    const [bad] = await engine.runInfoStore.listExpired(1);
    const { deleteRun } = engine.runInfoStore;
    engine.runInfoStore.deleteRun = (runId) =>
      runId === bad?.runId ? Promise.reject(new Error('not this one')) : deleteRun.call(engine.runInfoStore, runId);
    engine.runInfoStore.listIdle = () => Promise.reject(new Error('not now'));
    const messages = (await look(engine)).map((error) => (error as Error).message);
    expect(new Set(messages)).toEqual(new Set(['not this one', 'not now']));
    expect((await orchestrator.listRuns({ limit: 1_000 })).runs.map(({ runId }) => runId)).toEqual([bad?.runId]);
    await engine.close();
  });

  it('ends even if removed runs stay listed as expired', async () => {
    const engine = memory();
    engine.runInfoStore.listExpired = async () => [{ runId: 'a ghost', incarnation: 1 }];
    expect(await look(engine)).toEqual([]);
    await engine.close();
  });
});

describe('idle runs', () => {
  /** A fleet without workers. `queued` lists the waiting jobs, `lose` makes the queue lose them. */
  function idle() {
    const engine = memory();
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    const queued = async (runId: string) => (await orchestrator.pendingWork(runId)).map(({ state }) => state);
    const lose = async (runId: string) => {
      const jobs = (await orchestrator.pendingWork(runId)).flatMap(({ jobId }) => jobId ?? []);
      await engine.queue.purgeRun(runId, jobs);
    };
    const maintained = async (workflow = flow) => expect(await look(engine, { idle: 0 }, workflow)).toEqual([]);
    return { engine, orchestrator, queued, lose, maintained };
  }

  it('get back the jobs that the queue has lost, and their deadline', async () => {
    const { engine, orchestrator, queued, lose, maintained } = idle();
    const runId = await orchestrator.startRun({}, 1, { timeout: 60_000 });
    await lose(runId);
    expect(await queued(runId)).toEqual(['absent']);
    await maintained();
    expect(await queued(runId)).toEqual(['waiting']);
    expect(await engine.queue.depth()).toEqual({ waiting: 1, delayed: 1, active: 0 });
    await engine.close();
  });

  it('leave no deadline behind if it is queued while they end', async () => {
    const { engine, orchestrator, lose, maintained } = idle();
    const { queue } = engine;
    const kinds: string[] = [];
    const enqueue = queue.enqueue.bind(queue);
    queue.enqueue = (jobs) => {
      kinds.push(...jobs.map(({ kind }) => kind));
      return enqueue(jobs);
    };
    const runId = await orchestrator.startRun({}, 1, { timeout: 60_000 });
    // A worker that takes a node of the run finds the deadline already queued.
    expect(kinds).toEqual(['timeout', 'node']);
    await lose(runId);
    await queue.purgeRun(runId, [timeoutJobIdOf(await orchestrator.run(runId))]);
    queue.enqueue = async (jobs) => {
      await orchestrator.cancel(runId);
      await enqueue(jobs);
    };
    await maintained();
    expect((await queue.depth()).delayed).toBe(0);
    await engine.close();
  });

  it('are deleted together with a deadline that a death has left in the queue', async () => {
    const { engine, orchestrator } = idle();
    const { queue } = engine;
    const purgeRun = queue.purgeRun.bind(queue);
    const endUncleanly = async () => {
      const runId = await orchestrator.startRun({}, 1, { timeout: 60_000 });
      const [{ jobId } = { jobId: '' }] = await orchestrator.pendingWork(runId);
      queue.purgeRun = async () => {};
      await orchestrator.cancel(runId);
      queue.purgeRun = purgeRun;
      await purgeRun(runId, [String(jobId)]);
      return runId;
    };
    const [one] = [await endUncleanly(), await endUncleanly()];
    expect(await queue.depth()).toEqual({ waiting: 0, delayed: 2, active: 0 });
    await orchestrator.deleteRun(one);
    expect((await queue.depth()).delayed).toBe(1);
    expect(await orchestrator.prune({ finishedBefore: Date.now() + 60_000 })).toBe(1);
    expect((await queue.depth()).delayed).toBe(0);
    await engine.close();
  });

  it('get back only their deadline while they are paused', async () => {
    const { engine, orchestrator, queued, lose, maintained } = idle();
    const runId = await orchestrator.startRun({}, 1, { timeout: 60_000 });
    await lose(runId);
    await engine.queue.purgeRun(runId, [timeoutJobIdOf(await orchestrator.run(runId))]);
    await orchestrator.pause(runId);
    await maintained();
    expect(await queued(runId)).toEqual(['absent']);
    expect(await engine.queue.depth()).toEqual({ waiting: 0, delayed: 1, active: 0 });
    await engine.close();
  });

  it('are left to others if their workflow is unknown, or they are gone', async () => {
    const { engine, orchestrator, queued, lose, maintained } = idle();
    const runId = await orchestrator.startRun();
    await lose(runId);
    await maintained(new Flow('other').node('only', () => 1));
    expect(await queued(runId)).toEqual(['absent']);
    engine.runInfoStore.listIdle = async () => ({ runIds: ['gone', runId], cursor: undefined });
    await maintained();
    expect(await queued(runId)).toEqual(['waiting']);
    await engine.close();
  });

  it('are reached in turn, even after more runs of a retired workflow than a round looks at', async () => {
    const { engine, orchestrator, queued, lose } = idle();
    const retired = new Flow('retired').node('only', () => 1);
    const before = new OrchestratorBuilder().workflow(retired).engine(engine).build();
    for (let n = 0; n < 120; n++) await before.startRun();
    await sleep(2);
    const runId = await orchestrator.startRun();
    await lose(runId);
    const workflows = new Workflows([flow], new FlowRuntime());
    const onError = () => undefined;
    // Rounds that have no time for more than a hundred runs.
    const maintenance = new Maintenance(engine, workflows, { interval: 10_000, idle: 0, onError });
    const { now } = performance;
    let time = 0;
    performance.now = () => {
      time += 20;
      return time;
    };
    try {
      await maintenance.look();
      expect(await queued(runId)).toEqual(['absent']);
      await maintenance.look();
      expect(await queued(runId)).toEqual(['waiting']);
    } finally {
      performance.now = now;
    }
    await engine.close();
  });

  it('are reached even if an earlier run cannot be looked at, which is reported', async () => {
    const { engine, orchestrator, queued, lose } = idle();
    const bad = await orchestrator.startRun();
    const runIds = await Promise.all(Array.from({ length: 3 }, () => orchestrator.startRun()));
    for (const runId of runIds) await lose(runId);
    const { checkpointStore } = engine;
    const read = checkpointStore.read.bind(checkpointStore);
    checkpointStore.read = (runId, ...rest) =>
      runId === bad ? Promise.reject(new Error('damaged')) : read(runId, ...rest);
    expect(await look(engine, { idle: 0 })).toMatchObject([{ message: 'damaged' }]);
    for (const runId of runIds) expect(await queued(runId)).toEqual(['waiting']);
    await engine.close();
  });

  it('are concluded if the last worker has died before it could do so', async () => {
    const { engine, orchestrator, maintained } = idle();
    const commit = engine.commit.bind(engine);
    engine.commit = (id, known, commits) => {
      if (commits.some(({ onlyIfNext }) => onlyIfNext)) return new Promise(() => {});
      return commit(
        id,
        known,
        commits.map((one) => ({ ...one, becomesIfNext: undefined })),
      );
    };
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    await worker.start();
    const runId = await orchestrator.startRun();
    await eventually(async () => expect(await orchestrator.pendingWork(runId)).toEqual([]));
    expect(await orchestrator.status(runId)).toBe('running');
    engine.commit = commit;
    await maintained();
    expect(await orchestrator.run(runId)).toMatchObject({ status: 'completed', output: 1 });
    await engine.close();
  });
});

describeWithRedis('on Redis', () => {
  const given = redisOfSuite();
  /** A fleet of its own, whose runs expire when they end. */
  function fleet(prefix: string) {
    const engine = redis(given.server.url, { prefix });
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).retention(0).build();
    const counted = async () => Object.values(await orchestrator.countRuns()).reduce((sum, count) => sum + count, 0);
    const keys = () => given.client.keys(`{${prefix}:*`);
    return { engine, orchestrator, counted, keys };
  }

  it('forgets an expired run if its removal died between the data and the index', async () => {
    const { engine, orchestrator } = fleet('half');
    const runId = await orchestrator.startRun();
    await orchestrator.cancel(runId);
    await given.client.del(`{half:${runId}}:run`);
    const expires = () => given.client.zscore('{half}:expiring', runId);
    await eventually(async () => expect(Number(await expires())).toBeGreaterThan(0));

    expect(await look(engine)).toEqual([]);

    expect([await expires(), await given.client.keys(`{half:${runId}}:*`)]).toEqual([null, []]);
    await engine.close();
  });

  it('removes all of a run if an earlier removal died at any step', async () => {
    const { engine, orchestrator, counted, keys } = fleet('dying');
    for (let step = 0; step < 4; step++) {
      const runId = await orchestrator.startRun();
      await orchestrator.cancel(runId);
      const { engine: dying } = fleet('dying');
      await dying.open();
      await dieAfter(step, () => dying.runInfoStore.deleteRun(runId));
      await dying.close();
      expect(await look(engine)).toEqual([]);
      expect([await counted(), await keys(), await engine.runInfoStore.listExpired(10)]).toEqual([0, [], []]);
    }
    await engine.close();
  });

  /** Loses the commands of all connections after the given number. */
  async function dieAfter(step: number, work: () => Promise<void>): Promise<void> {
    const { sendCommand } = Redis.prototype;
    let sent = 0;
    Redis.prototype.sendCommand = function (this: Redis, command, ...rest) {
      const isWriting = ['evalsha', 'unlink', 'exec'].includes(String(Object(command).name));
      if (isWriting && sent++ >= step) return new Promise(() => {});
      return sendCommand.call(this, command, ...rest);
    };
    try {
      await Promise.race([work(), sleep(300)]);
    } finally {
      Redis.prototype.sendCommand = sendCommand;
    }
  }

  it('indexes and removes a run whose worker died between the end of the run and the index', async () => {
    const { engine, orchestrator, counted } = fleet('filed');
    const runId = await orchestrator.startRun();
    const lists = await given.client.keys('{filed}:runs*');
    const before = await Promise.all(
      lists.map(async (list) => [list, await given.client.zscore(list, runId)] as const),
    );
    await orchestrator.cancel(runId);
    // Restores the list as it was before the end of the run.
    for (const list of await given.client.keys('{filed}:runs*')) await given.client.zrem(list, runId);
    await given.client.del('{filed}:expiring');
    for (const [list, score] of before) if (score !== null) await given.client.zadd(list, score, runId);
    expect(await orchestrator.countRuns()).toMatchObject({ running: 1, cancelled: 0 });

    expect(await look(engine, { idle: 0 })).toEqual([]);
    expect(await orchestrator.countRuns()).toMatchObject({ running: 0, cancelled: 1 });
    await eventually(async () => {
      expect(await look(engine, { idle: 0 })).toEqual([]);
      expect(await counted()).toBe(0);
    });
    await engine.close();
  });

  it('does not remove a new run under the id of a run that is being removed, however late the call is', async () => {
    const { engine, orchestrator } = fleet('reused');
    const { runInfoStore } = engine;
    const start = () => orchestrator.start({}, undefined, { runId: 'one', retention: 3_600_000 });
    const mark = async () => (await given.client.zrange('{reused}:expiring', '0', '0', 'WITHSCORES'))[1];
    await start();
    await orchestrator.cancel('one');
    const { engine: dying } = fleet('reused');
    await dying.open();
    await dieAfter(1, () => dying.runInfoStore.deleteRun('one'));
    await dying.close();
    const late = await mark();
    const [listed] = await runInfoStore.listExpired(10);
    expect(listed?.runId).toBe('one');

    // The run was listed before its id was reused.
    await orchestrator.deleteRun('one');
    await start();
    await runInfoStore.deleteRun('one', listed?.incarnation);
    expect(await orchestrator.status('one')).toBe('running');
    // The late call comes while the new run is active, and again after its end.
    for (const status of ['running', 'cancelled']) {
      await given.client.zadd('{reused}:expiring', Number(late), 'one');
      expect(await look(engine, { idle: 60_000 })).toEqual([]);
      expect(await orchestrator.status('one')).toBe(status);
      expect(Number((await mark()) ?? 0)).toBeGreaterThanOrEqual(0);
      if (status === 'running') await orchestrator.cancel('one');
    }
    await engine.close();
  });

  it('does not remove a run that was retried by a program that died before updating the index', async () => {
    const { engine, orchestrator } = fleet('again');
    const runId = await orchestrator.startRun();
    await orchestrator.cancel(runId);
    await eventually(async () => expect(await engine.runInfoStore.listExpired(10)).toMatchObject([{ runId }]));
    await orchestrator.retry(runId);
    await given.client.zadd('{again}:expiring', 1, runId);
    expect(await look(engine)).toEqual([]);
    expect(await orchestrator.status(runId)).toBe('running');
    expect(await given.client.zscore('{again}:expiring', runId)).toBeNull();
    await engine.close();
  });

  it('forgets an index entry without a run, once the run can no longer be about to start', async () => {
    const { engine, orchestrator, counted } = fleet('ghosts');
    const kept = await orchestrator.startRun();
    const longAgo = Date.now() - 120_000;
    for (const list of ['runs', 'runs:running', 'runs:awaiting'])
      await given.client.zadd(`{ghosts}:${list}`, longAgo, 'ghost');
    expect(await counted()).toBe(3);
    expect(await look(engine, { idle: 0 })).toEqual([]);
    expect(await counted()).toBe(1);
    expect((await orchestrator.listRuns()).runs.map(({ runId }) => runId)).toEqual([kept]);
    await engine.close();
  });

  it('counts what it lists, and keeps no key of removed runs, while runs end, change and are removed concurrently', async () => {
    const { engine, orchestrator, counted, keys } = fleet('races');
    const other = fleet('races');
    for (let round = 0; round < 20; round++) {
      const runIds = Array.from({ length: 5 }, (_, n) => `${round}-${n}`);
      await Promise.all(runIds.map((runId) => orchestrator.startRun({}, undefined, { runId })));
      await Promise.all(
        runIds.map((runId) =>
          Promise.allSettled([
            orchestrator.cancel(runId),
            other.engine.runInfoStore.deleteRun(runId),
            engine.workItemStateStore.setStates([{ runId, item: '0.1', state }]),
            other.orchestrator.startRun({}, undefined, { runId }),
          ]),
        ),
      );
      const listed = (await orchestrator.listRuns({ limit: 1_000 })).runs.map(({ runId }) => runId);
      expect(await counted()).toBe(listed.length);
      await Promise.all(listed.map((runId) => engine.runInfoStore.deleteRun(runId)));
      expect([await counted(), await keys()]).toEqual([0, []]);
    }
    await other.engine.close();
    await engine.close();
  });
});

const state = { nodeId: 'only', visit: 1, attempt: 1, workerId: 'worker', startedAt: 1 };
