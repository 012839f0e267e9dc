import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import { pglite, postgres } from 'orchestrator/distributed';
import pg from 'pg';
import { startPostgres } from '../distributed/servers/postgres.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import type { PostgresPrograms } from '../needs/postgres.js';
import type { Surroundings } from './surroundings.js';

type Query = (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;

/** Postgres with a password, TLS, and a role that owns its database and nothing else. */
export async function onPostgres(prefix: string, programs: PostgresPrograms): Promise<Surroundings> {
  const secret = randomBytes(12).toString('hex');
  const server = await startPostgres({ durable: true, tls: true, programs });
  const admin: Query = async (text, values) => {
    const client = new pg.Client(server.url);
    client.on('error', () => undefined);
    await client.connect();
    try {
      await client.query('SET default_transaction_read_only = off');
      return (await client.query(text, values)).rows;
    } finally {
      await client.end();
    }
  };
  await admin(`CREATE ROLE app LOGIN PASSWORD '${secret}'`);
  const database = await server.createDatabase('soak');
  await admin('ALTER DATABASE soak OWNER TO app');
  const addressOf = (user: string, password: string, port: number) =>
    Object.assign(new URL(database), { username: user, password, port: String(port) }).href;
  const root = new URL(server.url);
  const writable = () =>
    admin('ALTER SYSTEM RESET default_transaction_read_only').then(() => admin('SELECT pg_reload_conf()'));
  return {
    kind: 'postgres',
    port: server.port,
    addressAt: (port) => addressOf('app', secret, port),
    env: {},
    secrets: [secret, root.password].filter((text) => text !== ''),
    troubles: {
      'a restart': () => server.restart('orderly'),
      'a crash': () => server.restart('crash'),
      async 'an outage'(dice) {
        await server.kill();
        await sleep(dice.within(1_000, 7_000));
        await server.restart();
      },
      async 'refused writes (read only)'(dice) {
        await admin('ALTER SYSTEM SET default_transaction_read_only = on');
        await admin('SELECT pg_reload_conf()');
        try {
          await sleep(dice.within(500, 4_000));
        } finally {
          await writable();
        }
      },
      async 'killed connections'() {
        await admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'`);
      },
    },
    heal: async () => void (await writable()),
    async inspect(look) {
      const engine = postgres(addressOf('app', secret, server.port), { prefix });
      try {
        return await look(engine);
      } finally {
        await engine.close();
      }
    },
    async leftovers(runs) {
      const client = new pg.Client(addressOf('app', secret, server.port));
      await client.connect();
      try {
        return await leftoversIn(async (text) => (await client.query(text)).rows, prefix, runs);
      } finally {
        await client.end();
      }
    },
    stop: () => server.stop(),
  };
}

/** A directory: all of the fleet is one program, which may die. */
export async function onPGlite(prefix: string): Promise<Surroundings> {
  const directory = await temporaryDirectory();
  return {
    kind: 'pglite',
    port: undefined,
    addressAt: () => directory,
    env: {},
    secrets: [],
    troubles: {},
    heal: async () => {},
    async inspect(look) {
      const engine = pglite(directory, { prefix });
      try {
        return await look(engine);
      } finally {
        await engine.close();
      }
    },
    async leftovers(runs) {
      const client = await PGlite.create({ dataDir: directory });
      try {
        return await leftoversIn(
          async (text) => (await client.query<Record<string, unknown>>(text)).rows,
          prefix,
          runs,
        );
      } finally {
        await client.close();
      }
    },
    stop: () => removeDirectory(directory),
  };
}

/** Tables with rows of runs. */
const tables = ['runs', 'entries', 'snapshots', 'slots', 'crashes', 'item_states'];

async function leftoversIn(query: Query, prefix: string, runs: ReadonlyMap<string, boolean>): Promise<string[]> {
  const left: string[] = [];
  for (const table of tables) {
    for (const { run_id } of await query(`SELECT DISTINCT run_id FROM "${prefix}".${table}`)) {
      if (!runs.has(String(run_id))) left.push(`a row in ${table} of run "${run_id}", which is not there`);
    }
  }
  for (const { run_id, state } of await query(`SELECT run_id, state FROM "${prefix}".item_states`)) {
    if (runs.get(String(run_id)) === true) left.push(`${JSON.stringify(state)} of run "${run_id}", which is over`);
  }
  for (const { job } of await query('SELECT to_jsonb(job) AS job FROM bullmq.job')) left.push(JSON.stringify(job));
  const [row] = await query('SELECT count(*)::int AS count FROM bullmq.job_log');
  if (Number(row?.count) > 0) left.push(`${row?.count} rows in bullmq.job_log`);
  return left;
}
