import { setImmediate as turn } from 'node:timers/promises';
import { Redis } from 'ioredis';
import {
  DistributedWorker,
  type Engine,
  type EngineOptions,
  OrchestratorBuilder,
  postgres,
  redis,
} from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import pTimeout from 'p-timeout';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../servers/eventually.js';
import { describeWithPostgres, poolOf, startPostgres } from '../servers/postgres.js';
import { type Proxy as Network, startProxy } from '../servers/proxy.js';
import { describeEngines, type EngineServer } from './site.js';

/** A limit that closing meets only if it does not wait for a timeout of the engine, which is twenty times as long. */
const limit = 60_000;
const options: EngineOptions = { connectTimeout: 20 * limit, operationTimeout: 20 * limit };

const moments = ['while it is opened', 'while its queue is opened', 'in use'] as const;
const losses = ['cut', 'stall'] as const;
const givers = ['an address', 'a connection of the user'] as const;

const cases = moments.flatMap((moment) =>
  losses.flatMap((loss) => givers.map((given) => ({ moment, loss, given }) as const)),
);

describeEngines('an engine that is closed while its server is away', (start, kind) => {
  let on: EngineServer;
  beforeAll(async () => {
    on = await start();
  });
  afterAll(() => on.server.stop());

  /** Runs a test with an engine that reaches its server through a proxy. */
  async function withEngine(
    given: (typeof givers)[number],
    test: (engine: Engine, proxy: Network, user: User | undefined) => Promise<void>,
  ): Promise<void> {
    const proxy = await startProxy(on.server.port);
    const address = on.addressAt(proxy.port);
    const user = given === 'an address' ? undefined : await userOf(kind, address);
    const make = (kind === 'redis' ? redis : postgres) as (server: never, options: EngineOptions) => Engine;
    try {
      await test(make((user?.handed ?? address) as never, options), proxy, user);
    } finally {
      await proxy.heal();
      await user?.end();
      await proxy.stop();
    }
  }

  it.for(cases)('ends: $moment, given $given, network: $loss', async ({ moment, loss, given }) => {
    await withEngine(given, async (engine, proxy, user) => {
      const before = user?.listeners();
      if (moment !== 'while it is opened') await engine.open();
      if (moment === 'in use') await Promise.all(uses(engine));
      await proxy[loss]();
      const pending = moment === 'while it is opened' ? [engine.open()] : uses(engine);
      const settled = Promise.allSettled(pending);
      if (moment === 'while it is opened' && loss === 'stall' && user === undefined) {
        await eventually(() => proxy.connections > 0, { timeout: limit });
      }
      await turn();
      await inTime(engine.close());
      // Pending calls on the user's own connection end with the connection, not with the engine.
      if (user === undefined) await inTime(settled);
      await proxy.heal();
      await inTime(settled);
      await inTime(engine.close());
      // The user's connection works as before, and all others are gone.
      await user?.use();
      expect(user?.listeners()).toEqual(before);
      await eventually(() => expect(proxy.connections).toBe(user?.connections() ?? 0), { timeout: limit });
    });
  });

  it.for(['while it is opened', 'in use'] as const)(
    'is cut off by a later, shorter close, and closes nevertheless: %s',
    async (moment) => {
      await withEngine('an address', async (engine, proxy) => {
        if (moment === 'in use') {
          await engine.open();
          await Promise.all(uses(engine));
        }
        proxy.stall();
        const pending = moment === 'in use' ? uses(engine) : [engine.open()];
        const settled = Promise.allSettled(pending);
        await turn();
        const first = engine.close({ timeout: 20 * limit });
        await inTime(engine.close({ timeout: 0 }));
        await inTime(Promise.all([first, engine.close(), engine.close({ timeout: 0 })]));
        await inTime(settled);
        await proxy.heal();
        await eventually(() => expect(proxy.connections).toBe(0), { timeout: limit });
      });
    },
  );

  it('lets orchestrators and workers close that have just started', async () => {
    await withEngine('a connection of the user', async (engine, proxy) => {
      await engine.open();
      await proxy.cut();
      const flow = new Flow('f').node('a', () => 1);
      const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
      const worker = new DistributedWorker({ engine, workflows: [flow] });
      worker.on('warning', () => {});
      const caller = new AbortController();
      const waiting = orchestrator.waitForCompletion('r');
      const givenUp = expect(orchestrator.waitForCompletion('r', { signal: caller.signal })).rejects.toBe('enough');
      const starting = worker.start().catch(() => undefined);
      const told = expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
      await turn();
      caller.abort('enough');
      await inTime(givenUp);
      await inTime(orchestrator.close());
      await inTime(told);
      await inTime(worker.stop({ deadline: 0 }));
      await inTime(engine.close());
      await proxy.heal();
      await inTime(starting);
    });
  });

  it('keeps its queue if only a worker stops', async () => {
    await withEngine('an address', async (engine, proxy) => {
      const consumer = await engine.queue.consume(async () => 'done', consuming);
      await engine.queue.depth();
      // The call that waits for a job would not end soon, so its connection is cut.
      proxy.stall();
      await inTime(consumer.close());
      await proxy.heal();
      expect(await inTime(engine.queue.depth())).toEqual({ waiting: 0, delayed: 0, active: 0 });
      await inTime(engine.close());
    });
  });
});

describeWithPostgres('an engine that is closed while its tables are made', () => {
  it('ends, like opening does, even if a connection of the user waits for a lock', async () => {
    const server = await startPostgres();
    const [holder, observer] = [new pg.Client(server.url), new pg.Client(server.url)];
    await Promise.all([holder, observer].map((client) => client.connect()));
    const pool = poolOf({ connectionString: server.url, max: 2 });
    const engine = postgres(pool, options);
    await holder.query('begin; create schema orchestrator');
    const opening = engine.open();
    const told = expect(opening).rejects.toMatchObject({
      code: 'ERR_ENGINE',
      message: expect.stringMatching(/was closed: create a new engine$/),
    });
    const waiting = "select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock'";
    await eventually(async () => expect((await observer.query(waiting)).rows).toEqual([{ count: 1 }]), {
      timeout: limit,
    });
    await inTime(engine.close());
    await inTime(told);
    await holder.query('rollback');
    await inTime(pool.query('select 1'));
    await inTime(pool.end());
    await Promise.all([holder.end(), observer.end()]);
    await server.stop();
  });
});

const consuming = { concurrency: 1, lockDuration: 5_000, workerId: 'w', onError: () => {} };

function uses(engine: Engine): Promise<unknown>[] {
  return [
    engine.queue.depth(),
    engine.subscribe(() => {}),
    engine.queue.consume(async () => 'done', consuming),
    engine.runInfoStore.getRun('r'),
  ];
}

/** A connection, or a pool of connections, that a user hands to the engine. */
interface User {
  readonly handed: Redis | pg.Pool;
  listeners(): Record<string, number>;
  connections(): number;
  use(): Promise<unknown>;
  end(): Promise<unknown>;
}

async function userOf(kind: string, address: string): Promise<User> {
  const handed =
    kind === 'redis'
      ? new Redis(address, { maxRetriesPerRequest: null })
      : new pg.Pool({ connectionString: address, max: 2 });
  handed.on('error', () => {});
  const use = () => inTime<unknown>(handed instanceof Redis ? handed.ping() : handed.query('select 1'));
  await use();
  return {
    handed,
    use,
    listeners: () => Object.fromEntries(handed.eventNames().map((name) => [name, handed.listenerCount(name)])),
    connections: () => (handed instanceof Redis ? 1 : handed.totalCount),
    end: async () => (handed instanceof Redis ? handed.disconnect() : handed.end()),
  };
}

function inTime<Result>(work: Promise<Result>): Promise<Result> {
  return pTimeout(work, { milliseconds: limit, message: `not settled within ${limit} ms` });
}
