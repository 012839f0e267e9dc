import { readAsset } from '../assets.js';
import type { Database } from './database.js';
import { forSchema } from './statements.js';

/** In the order in which they were written. One that was released is not changed any more: what comes later is added. */
const migrations = ['001-runs', '002-commit', '003-workflows', '004-checkpoints'];

/**
 * Brings a schema up to date: each migration once, however many workers start at the same time.
 *
 * @throws {Error} for a schema that a later version of this package has made
 */
export async function migrate(database: Database, schema: string): Promise<void> {
  await database.exclusively(async (query) => {
    if ((await versionOf(query, schema)) === migrations.length) return;
    await query('begin');
    try {
      await query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`orchestrator/${schema}`]);
      await query(`create schema if not exists "${schema}"`);
      await query(
        `create table if not exists "${schema}".migrations (version integer primary key, applied_at timestamptz not null default now())`,
      );
      const version = await versionOf(query, schema);
      if (version > migrations.length) {
        throw new Error(
          `schema "${schema}" is of version ${version}, this package knows ${migrations.length}: update it`,
        );
      }
      for (let next = version; next < migrations.length; next++) {
        await database.script(forSchema(readAsset(`sql/migrations/${migrations[next]}.sql`), schema), query);
        await query(`insert into "${schema}".migrations (version) values ($1)`, [next + 1]);
      }
      await query('commit');
    } catch (error) {
      await query('rollback');
      throw error;
    }
  });
}

async function versionOf(query: Database['query'], schema: string): Promise<number> {
  const [found] = await query('select to_regclass($1) as name', [`"${schema}".migrations`]);
  if (found?.name === null) return 0;
  const [row] = await query(`select coalesce(max(version), 0) as version from "${schema}".migrations`);
  return Number(row?.version);
}
