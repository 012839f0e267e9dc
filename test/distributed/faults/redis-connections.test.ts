import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import {
  DistributedWorker,
  type Engine,
  EngineError,
  OrchestratorBuilder,
  type RedisOptions,
  redis,
} from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import { rejection } from '../../support.js';
import { eventually } from '../servers/eventually.js';
import { type Proxy as Network, startProxy } from '../servers/proxy.js';
import { describeWithRedis, type RedisServer, startRedis } from '../servers/redis.js';

const flow = new Flow('f')
  .node('a', () => 1)
  .node('b', (n: number) => n + 1)
  .edge('a', 'b');

/** A program on a server: an engine, an orchestrator and a worker. */
function programAt(url: string, options: RedisOptions = {}) {
  const engine = redis(url, options);
  const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
  const worker = new DistributedWorker({ engine, workflows: [flow], lockDuration: 2_000 });
  const warnings: { readonly error: Error; readonly repeated: unknown }[] = [];
  worker.on('warning', (error, { repeated }) => warnings.push({ error, repeated }));
  return {
    engine,
    orchestrator,
    worker,
    warnings,
    async run(timeout = 60_000) {
      const signal = AbortSignal.timeout(timeout);
      return (await orchestrator.waitForCompletion(await orchestrator.startRun(), { signal })).status;
    },
    async close() {
      await worker.stop();
      await orchestrator.close();
      await engine.close();
    },
  };
}

const behind = ({ url, port }: RedisServer, proxy: Network) => url.replace(`:${port}`, `:${proxy.port}`);

/** All calls that a user makes on an engine, one by one. */
function questionsTo(engine: Engine, runId: string): Record<string, () => Promise<unknown>> {
  const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
  return {
    startRun: () => orchestrator.startRun(),
    status: () => orchestrator.status(runId),
    countRuns: () => orchestrator.countRuns(),
    listRuns: () => orchestrator.listRuns(),
    errors: () => orchestrator.errors(runId),
    depth: () => engine.queue.depth(),
    statesOf: () => engine.queue.statesOf(['x']),
    purgeRun: () => engine.queue.purgeRun(runId, ['x']),
    listWorkerHealth: () => orchestrator.listWorkerHealth(),
    getStates: () => engine.workItemStateStore.getStates(runId),
    workflows: () => engine.workflowStore.list(),
    read: () => engine.checkpointStore.read(runId),
    list: () => engine.checkpointStore.list(),
  };
}

/** The messages of calls when no connection can be made, and when connections swallow what is sent. */
const texts = {
  cut: /could not be reached for \d+ ms: connect ECONNREFUSED/,
  stall: /did not answer within \d+ ms$/,
} as const;

describeWithRedis('connections to Redis', () => {
  it('may be pinged at any time, even while BullMQ defines its commands on them', async () => {
    const { defineCommand } = Redis.prototype;
    let felt = 0;
    // Behaves like a timer that comes due in the same turn of the event loop as the connection.
    Redis.prototype.defineCommand = function (this: Redis, ...args) {
      felt++;
      void this.ping().catch(() => undefined);
      return defineCommand.apply(this, args);
    };
    const server = await startRedis();
    const program = programAt(server.url);
    try {
      await program.worker.start();
      expect(await program.run()).toBe('completed');
      // The queue's own connection works, too.
      expect((await program.engine.queue.depth()).waiting).toBe(0);
    } finally {
      Redis.prototype.defineCommand = defineCommand;
      await program.close();
      await server.stop();
    }
    expect(felt).toBeGreaterThan(0);
  });

  it('that swallow what is sent are replaced, and their calls are answered', async () => {
    const server = await startRedis();
    const proxy = await startProxy(server.port);
    const program = programAt(behind(server, proxy), { operationTimeout: 20_000 });
    await program.worker.start();
    expect(await program.run()).toBe('completed');
    const runId = await program.orchestrator.startRun();

    for (let round = 0; round < 2; round++) {
      const before = proxy.connections;
      proxy.forget();
      const questions = Object.values(questionsTo(program.engine, runId));
      await Promise.all([...questions.map((question) => question()), program.run()]);
      // Idle connections reconnect, too, so that notifications on them are not lost for ever.
      await eventually(() => proxy.connections >= before, { timeout: 20_000 });
    }
    await program.close();
    await eventually(() => proxy.connections === 0);
    await proxy.stop();
    await server.stop();
  }, 120_000);

  it('that swallow what is sent do not keep an engine from closing', async () => {
    const server = await startRedis();
    const proxy = await startProxy(server.port);
    const program = programAt(behind(server, proxy));
    await program.worker.start();
    await program.run();
    proxy.stall();
    proxy.forget();
    const pending = rejection(program.orchestrator.countRuns());
    await program.worker.stop({ deadline: 100 });
    await program.engine.close();
    expect(await pending).toBeInstanceOf(EngineError);
    await proxy.stop();
    await server.stop();
  }, 60_000);

  it('that cannot be opened do not keep an engine from closing', async () => {
    const server = await startRedis();
    const proxy = await startProxy(server.port);
    proxy.stall();
    const engine = redis(behind(server, proxy), { connectTimeout: 120_000 });
    const opening = rejection(engine.open());
    const asked = rejection(engine.queue.depth());
    await sleep(100);
    await engine.close();
    expect(await opening).toBeInstanceOf(EngineError);
    expect(await asked).toBeInstanceOf(EngineError);
    await proxy.stop();
    await server.stop();
  }, 60_000);

  it('that cannot be opened any more make each call end in time, with an error of the engine', async () => {
    const server = await startRedis();
    const proxy = await startProxy(server.port);
    const engine = redis(behind(server, proxy), { operationTimeout: 3_000 });
    await engine.open();
    const questions = questionsTo(engine, 'r');
    await Promise.allSettled(Object.values(questions).map((question) => question()));
    for (const how of ['cut', 'stall'] as const) {
      await proxy[how]();
      const began = performance.now();
      const asked = Object.entries(questions).map(async ([name, question]) => [name, await rejection(question())]);
      for (const [name, error] of await Promise.all(asked)) {
        expect({ name, error }).toEqual({ name, error: expect.any(EngineError) });
        expect(String(error)).toContain(`127.0.0.1:${proxy.port}`);
        expect({ name, error: String(error) }).toEqual({ name, error: expect.stringMatching(texts[how]) });
        if (how === 'cut') expect({ name, error }).toMatchObject({ error: { cause: { code: 'ECONNREFUSED' } } });
      }
      expect(performance.now() - began).toBeLessThan(20_000);
      await proxy.heal();
      await eventually(() => questions.countRuns?.(), { timeout: 20_000 });
    }
    await engine.close();
    await proxy.stop();
    await server.stop();
  }, 120_000);

  it.each(['cut', 'stall'] as const)(
    'that cannot be opened make opening report the reason: %s',
    async (how) => {
      const server = await startRedis();
      const proxy = await startProxy(server.port);
      await proxy[how]();
      // The end of an attempt to connect depends on chance.
      const timeouts = [800, 1_100, 1_400, 1_700, 2_000, 2_300, 2_600, 2_900];
      const engines = timeouts.map((connectTimeout) => redis(behind(server, proxy), { connectTimeout }));
      const errors = await Promise.all(engines.map((engine) => rejection(engine.open())));
      for (const error of errors) {
        expect(String(error)).toMatch(texts[how]);
        if (how === 'cut') expect(error).toMatchObject({ cause: { code: 'ECONNREFUSED' } });
      }
      await Promise.all(engines.map((engine) => engine.close()));
      await proxy.stop();
      await server.stop();
    },
    60_000,
  );

  it("that a full server turns away make calls report the server's message", async () => {
    const server = await startRedis();
    const admin = new Redis(server.url);
    const engine = redis(server.url, { operationTimeout: 6_000 });
    await engine.open();
    const questions = questionsTo(engine, 'r');
    await Promise.allSettled(Object.values(questions).map((question) => question()));
    await admin.config('SET', 'maxclients', 1);
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const others = Array.from({ length: 5 }, () => redis(server.url, { connectTimeout: 6_000 }));
    const calls = [...Object.values(questions).map((question) => question()), ...others.map((other) => other.open())];
    const errors = (await Promise.all(calls.map(rejection))).map(String);
    // The server's last words are lost if the connection is reset before they were read.
    const told =
      /could not be reached for 6000 ms: (ERR max number of clients reached|(read|write) (EPIPE|ECONNRESET))/;
    for (const error of errors) expect(error).toMatch(told);
    expect(errors.filter((error) => error.includes('max number of clients'))).not.toEqual([]);
    await admin.config('SET', 'maxclients', 100);
    await Promise.all(others.map((other) => other.open()));
    await eventually(() => questions.countRuns?.());
    admin.disconnect();
    await Promise.all([engine, ...others].map((one) => one.close()));
    await server.stop();
  }, 120_000);

  it('move to the new master after a planned failover behind one address, again and again', async () => {
    const servers = await Promise.all([startRedis(), startRedis()]);
    const clients = servers.map(({ url }) => new Redis(url));
    const proxy = await startProxy(servers[0].port);
    // Servers behind one address have the same password.
    const { password } = new URL(servers[0].url);
    for (const client of clients) {
      await client.config('SET', 'masterauth', password);
      await client.config('SET', 'requirepass', password);
    }
    await follow(clients[1] as Redis, servers[0]);
    const program = programAt(behind(servers[0], proxy), { operationTimeout: 20_000 });
    await program.worker.start();
    expect(await program.run()).toBe('completed');
    for (let turn = 1; turn <= 4; turn++) {
      const [now, before] = [turn % 2, (turn + 1) % 2];
      await (clients[now] as Redis).replicaof('NO', 'ONE');
      proxy.lead((servers[now] as RedisServer).port);
      // Runs are started while the former master refuses writes and keeps its connections.
      await (clients[before] as Redis).replicaof('127.0.0.1', (servers[now] as RedisServer).port);
      const runs = await Promise.all(Array.from({ length: 20 }, () => program.run()));
      expect(new Set(runs)).toEqual(new Set(['completed']));
      await eventually(async () => String(await (clients[before] as Redis).info()).includes('master_link_status:up'), {
        timeout: 20_000,
      });
    }
    await program.close();
    for (const client of clients) client.disconnect();
    await proxy.stop();
    await Promise.all(servers.map((server) => server.stop()));
  }, 180_000);

  it('that are killed under load reject nothing', async () => {
    const server = await startRedis();
    const { orchestrator, engine } = programAt(server.url);
    const admin = new Redis(server.url);
    await orchestrator.startRun();
    for (let round = 0; round < 10; round++) {
      const input = 'y'.repeat(2_000);
      const starts = Array.from({ length: 50 }, () => orchestrator.startRun({ input }));
      await sleep(round % 5);
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await Promise.all(starts);
    }
    expect(await orchestrator.countRuns()).toMatchObject({ running: 501 });
    expect(await engine.queue.depth()).toMatchObject({ waiting: 501 });
    admin.disconnect();
    await engine.close();
    await server.stop();
  }, 60_000);

  it('that are lost with an answer leave no run indexed under its old status', async () => {
    const server = await startRedis();
    const proxy = await startProxy(server.port);
    const { orchestrator, engine } = programAt(behind(server, proxy));
    const runIds = await Promise.all(Array.from({ length: 20 }, () => orchestrator.startRun()));
    for (const runId of runIds) {
      const lost = proxy.loseAnswer();
      const becomes = { status: 'cancelled', error: 'no more' } as const;
      const commit = { text: '{}', during: ['running'], slot: 's', number: 1, becomes } as const;
      const answer = await engine.commit(runId, 0, [commit]);
      expect(answer).toMatchObject({ status: 'cancelled', seq: 1 });
      await lost;
    }
    expect(await orchestrator.countRuns()).toMatchObject({ cancelled: 20, running: 0 });
    await engine.close();
    await proxy.stop();
    await server.stop();
  }, 60_000);

  it('apply a short operationTimeout to calls, not to waiting workers', async () => {
    const server = await startRedis();
    const program = programAt(server.url, { operationTimeout: 1_000 });
    await program.worker.start();
    // A worker waits for jobs for longer than a call may take, and is woken by a job.
    await sleep(7_000);
    expect(await program.run()).toBe('completed');
    expect(program.warnings).toEqual([]);
    await program.close();
    await server.stop();
  }, 60_000);

  it("of a worker that was stopped while the server was unreachable are separate from the engine's", async () => {
    const server = await startRedis();
    const proxy = await startProxy(server.port);
    const program = programAt(behind(server, proxy));
    await program.worker.start();
    await program.run();
    await proxy.cut();
    await program.worker.stop({ deadline: 100 });
    await proxy.heal();
    const runId = await program.orchestrator.startRun();
    // A worker that was waiting for a job when it was stopped may still be handed one, until the lock of the job expires.
    const other = new DistributedWorker({ engine: program.engine, workflows: [flow], lockDuration: 2_000 });
    await other.start();
    expect((await program.orchestrator.waitForCompletion(runId)).status).toBe('completed');
    await other.stop();
    await program.engine.close();
    await proxy.stop();
    await server.stop();
  }, 60_000);

  it('are copies if a connection was handed over, which stays as it was', async () => {
    const server = await startRedis();
    const own = new Redis(server.url, {
      lazyConnect: true,
      commandTimeout: 50,
      enableOfflineQueue: false,
      stringNumbers: true,
    });
    const options = { ...own.options };
    const engine = redis(own);
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    await worker.start();
    await orchestrator.waitForCompletion(await orchestrator.startRun());
    await worker.stop();
    await engine.close();
    expect({ status: own.status, options: own.options }).toEqual({ status: 'wait', options });
    expect(own.listenerCount('error')).toBe(0);
    own.disconnect();
    const prefixed = own.duplicate({ keyPrefix: 'app:' });
    expect(() => redis(prefixed)).toThrow(/keyPrefix.*prefix/);
    await server.stop();
  }, 60_000);

  it("are not in each other's way when an engine is first used, by several at once", async () => {
    const server = await startRedis();
    for (let round = 0; round < 40; round++) {
      const engine = redis(server.url, { prefix: `first${round}` });
      const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
      await engine.open();
      const others = Array.from({ length: 1 + (round % 4) }, () => orchestrator.listRuns());
      await setImmediate();
      const all = [engine.queue.depth(), orchestrator.countRuns(), orchestrator.startRun(), ...others];
      await Promise.all(all);
      await engine.close();
    }
    await server.stop();
  }, 60_000);

  it('are few, and all end with the engine', async () => {
    const server = await startRedis();
    const proxy = await startProxy(server.port);
    const program = programAt(behind(server, proxy));
    await program.worker.start();
    await program.run();
    expect(proxy.connections).toBeLessThanOrEqual(5);
    await program.close();
    await eventually(() => proxy.connections === 0);
    await proxy.stop();
    await server.stop();
  }, 60_000);
});

/** Makes a server a replica of another. */
async function follow(client: Redis, master: RedisServer): Promise<void> {
  await client.replicaof('127.0.0.1', master.port);
  await eventually(async () => String(await client.info()).includes('master_link_status:up'), { timeout: 20_000 });
}
