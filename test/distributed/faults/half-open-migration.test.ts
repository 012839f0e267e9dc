import { setTimeout as sleep } from 'node:timers/promises';
import { migratePostgres, postgres } from 'orchestrator/distributed';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rejection } from '../../support.js';
import { eventually } from '../servers/eventually.js';
import { describeWithPostgres, type PostgresServer, poolOf, startPostgres } from '../servers/postgres.js';
import { type Proxy as Network, startProxy } from '../servers/proxy.js';

/** Creates a schema, in bounded time. */
interface Maker {
  readonly made: Promise<unknown>;
  close(): Promise<void>;
}

const makers = {
  'an engine that opens': (url, connectTimeout) => {
    const engine = postgres(url, { connectTimeout });
    return { made: engine.open(), close: () => engine.close() };
  },
  'an engine with three connections': (url, connectTimeout) => {
    const engine = postgres(url, { connectTimeout, maxConnections: 3 });
    return { made: engine.open(), close: () => engine.close() };
  },
  'an engine on a pool': (url, connectTimeout) => {
    const pool = poolOf({ connectionString: url });
    const engine = postgres(pool, { connectTimeout });
    const close = async () => {
      await engine.close();
      await pool.end();
    };
    return { made: engine.open(), close };
  },
  migratePostgres: (url, connectTimeout) => ({
    made: migratePostgres(url, { connectTimeout }),
    close: async () => undefined,
  }),
} satisfies Record<string, (url: string, connectTimeout: number) => Maker>;
const names = Object.keys(makers) as (keyof typeof makers)[];

describeWithPostgres('a migration of Postgres', () => {
  let server: PostgresServer;
  let databases = 0;

  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.stop());

  /** Starts a migration behind a proxy, and makes it wait for a lock. */
  async function withWaiting(
    how: keyof typeof makers,
    connectTimeout: number,
    test: (scene: {
      readonly proxy: Network;
      readonly made: Promise<unknown>;
      /** The sessions that wait for the lock. */
      readonly waiting: () => Promise<readonly number[]>;
      readonly unlock: () => Promise<unknown>;
    }) => Promise<void>,
  ): Promise<void> {
    const url = await server.createDatabase(`migrated ${databases++}`);
    const proxy = await startProxy(server.port);
    const holder = new pg.Client(url);
    await holder.connect();
    const lock = `hashtextextended('orchestrator/orchestrator', 0)`;
    await holder.query(`select pg_advisory_lock(${lock})`);
    const waiting = async () => {
      const { rows } = await holder.query<{ pid: number }>(
        `select pid from pg_locks join pg_database d on d.oid = database
          where locktype = 'advisory' and not granted and datname = current_database()`,
      );
      return rows.map(({ pid }) => pid);
    };
    const unlock = () => holder.query(`select pg_advisory_unlock(${lock})`);
    const maker = makers[how](url.replace(`:${server.port}/`, `:${proxy.port}/`), connectTimeout);
    maker.made.catch(() => undefined);
    try {
      await eventually(async () => expect(await waiting()).toHaveLength(1));
      await test({ proxy, made: maker.made, waiting, unlock });
    } finally {
      await holder.end();
      await maker.close();
      await proxy.stop();
    }
  }

  it.each(names)(
    'starts again if its connection is lost, and leaves no lock behind: %s',
    async (how) => {
      await withWaiting(how, 60_000, async ({ proxy, made, unlock }) => {
        proxy.forget();
        await unlock();
        await made;
      });
    },
    180_000,
  );

  it.each(['an engine that opens', 'migratePostgres'] as const)(
    'waits as long as the server works on it: %s',
    async (how) => {
      await withWaiting(how, 8_000, async ({ made, waiting, unlock }) => {
        const [before] = await waiting();
        // Longer than the whole migration may take while the server does nothing.
        await sleep(16_000);
        expect(await waiting()).toEqual([before]);
        await unlock();
        await made;
      });
    },
    180_000,
  );

  it.each(['an engine on a pool', 'migratePostgres'] as const)(
    'ends in time if no connection answers any more: %s',
    async (how) => {
      await withWaiting(how, 8_000, async ({ proxy, made }) => {
        proxy.stall();
        proxy.forget();
        expect(await rejection(made)).toMatchObject({ name: 'EngineError', code: 'ERR_ENGINE' });
      });
    },
    180_000,
  );

  it('and all other steps of opening succeed, whenever connections are lost', async () => {
    const opened = [0, 30, 60, 120, 240].map(async (delay) => {
      const url = await server.createDatabase(`moment ${delay}`);
      const proxy = await startProxy(server.port);
      const engine = postgres(url.replace(`:${server.port}/`, `:${proxy.port}/`), { connectTimeout: 40_000 });
      const opening = engine.open();
      await eventually(() => proxy.connections > 0);
      await sleep(delay);
      proxy.forget();
      await opening;
      await engine.close();
      await proxy.stop();
    });
    await Promise.all(opened);
  }, 180_000);
});
