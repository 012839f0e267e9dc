import { DistributedWorker, OrchestratorBuilder, postgres } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { consume } from '../../../src/distributed/testing/consuming.js';
import { aJob } from '../../../src/distributed/testing/suite.js';
import { eventually } from '../servers/eventually.js';
import { describeWithPostgres, type PostgresServer, poolOf, startPostgres } from '../servers/postgres.js';
import { startProxy } from '../servers/proxy.js';

const flow = new Flow('f', { version: '1' }).node('a', (n) => n);

/** Milliseconds by which a busy machine may be late. */
const room = 15_000;

describeWithPostgres('connections to Postgres that have died', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.stop());

  const at = (url: string, port: number) => url.replace(`:${server.port}/`, `:${port}/`);

  it.each(['an address', 'a pool'] as const)(
    'without an error are replaced within operationTimeout: of %s',
    async (how) => {
      const url = await server.createDatabase(`half-open ${how}`);
      const proxy = await startProxy(server.port);
      const pool = poolOf({ connectionString: at(url, proxy.port) });
      const options = { operationTimeout: 8_000 };
      const engine = how === 'a pool' ? postgres(pool, options) : postgres(at(url, proxy.port), options);
      const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
      const worker = new DistributedWorker({ engine, workflows: [flow], lockDuration: 4_000 });
      const warnings: unknown[] = [];
      worker.on('warning', (warning) => warnings.push(warning));
      await worker.start();
      const run = async (n: number) => {
        const runId = await orchestrator.startRun({}, n);
        return (await orchestrator.waitForCompletion(runId)).output;
      };
      expect(await Promise.all([1, 2, 3].map(run))).toEqual([1, 2, 3]);
      proxy.forget();
      expect(await Promise.all(Array.from({ length: 30 }, (_, n) => run(n)))).toEqual(
        Array.from({ length: 30 }, (_, n) => n),
      );
      proxy.forget();
      expect(await orchestrator.countRuns()).toMatchObject({ completed: 33 });
      await worker.stop();
      await orchestrator.close();
      await engine.close();
      await pool.end();
      await proxy.stop();
    },
    120_000,
  );

  it('have their calls rejected after operationTimeout, and the engine closes', async () => {
    const proxy = await startProxy(server.port);
    const engine = postgres(at(await server.createDatabase('stalled'), proxy.port), { operationTimeout: 3_000 });
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    worker.on('warning', () => undefined);
    await worker.start();
    const runId = await orchestrator.startRun({}, 1);
    await orchestrator.waitForCompletion(runId);
    proxy.stall();
    const began = performance.now();
    const { queue, livenessStore, checkpointStore, runInfoStore } = engine;
    const calls = [
      orchestrator.status(runId),
      orchestrator.countRuns(),
      orchestrator.startRun({}, 1),
      orchestrator.cancel(runId),
      orchestrator.listRuns({ text: 'x' }),
      queue.depth(),
      queue.statesOf(['a']),
      livenessStore.list(),
      checkpointStore.read(runId),
      checkpointStore.save('r', 's', 0),
      runInfoStore.listExpired(1),
    ];
    const outcomes = await Promise.allSettled(calls);
    expect(performance.now() - began).toBeLessThan(3_000 + room);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { name: 'EngineError', code: 'ERR_ENGINE' } });
    }
    const closing = performance.now();
    await worker.stop({ deadline: 0 });
    await orchestrator.close();
    await engine.close();
    expect(performance.now() - closing).toBeLessThan(room);
    await proxy.stop();
  }, 120_000);

  it('are replaced as soon as somebody subscribes', async () => {
    const url = await server.createDatabase('listening');
    const proxy = await startProxy(server.port);
    const engine = postgres(at(url, proxy.port), { operationTimeout: 8_000 });
    const consumer = await consume(engine, async () => 'done');
    const other = new pg.Client(url);
    await other.connect();
    await eventually(async () => {
      const { rows } =
        await other.query(`select from pg_stat_activity where query ilike 'listen %' and pid <> pg_backend_pid()
        and datname = current_database()`);
      expect(rows).toHaveLength(1);
    });
    proxy.forget();
    const end = await engine.subscribe(() => undefined);
    end();
    await consumer.close();
    await other.end();
    await engine.close();
    await proxy.stop();
  }, 120_000);

  it('reject pending calls when the engine is closed', async () => {
    const url = await server.createDatabase('closed');
    const proxy = await startProxy(server.port);
    const engine = postgres(at(url, proxy.port), { maxConnections: 3 });
    await engine.open();
    proxy.stall();
    const { livenessStore, runInfoStore, queue } = engine;
    const calls = Array.from({ length: 10 }, () => [
      runInfoStore.countRuns(),
      livenessStore.list(),
      queue.depth(),
    ]).flat();
    const settled = Promise.allSettled(calls);
    await engine.close();
    for (const outcome of await settled) {
      expect(outcome).toMatchObject({
        reason: { message: `postgres at 127.0.0.1:${proxy.port} was closed: create a new engine` },
      });
    }
    await proxy.stop();
  }, 120_000);

  it('hand back a job that arrives after their consumer was closed', async () => {
    const url = await server.createDatabase('late fetch');
    const proxy = await startProxy(server.port);
    const [engine, other] = [postgres(at(url, proxy.port)), postgres(url)];
    const [seen, crashes]: [string[], number[]] = [[], []];
    const consumer = await consume(engine, async ({ job }) => {
      seen.push(job.id);
      return 'done';
    });
    const [first, second] = [aJob(), aJob()];
    await engine.queue.enqueue([first]);
    await eventually(() => expect(seen).toEqual([first.id]));
    await eventually(async () => expect(await other.queue.statesOf([first.id])).toEqual(['absent']));
    proxy.stall();
    // The consumer asks for another job while it closes.
    await consumer.close();
    await other.queue.enqueue([second]);
    await proxy.heal();
    await eventually(async () => expect(await other.queue.statesOf([second.id])).toEqual(['waiting']));
    await consume(other, async (delivery) => {
      seen.push(delivery.job.id);
      crashes.push(delivery.crashes);
      return 'done';
    });
    await eventually(() => expect([seen, crashes]).toEqual([[first.id, second.id], [0]]));
    await Promise.all([engine.close(), other.close()]);
    await proxy.stop();
  }, 120_000);
});
