import { setTimeout as wait } from 'node:timers/promises';
import { judgeSql } from '../../../shared/sql-errors.js';
import { identifier } from '../../../shared/sql-identifier.js';
import { version as packageVersion } from '../../../shared/version.js';
import { within } from '../in-time.js';
import { bullVersion, queueSequence } from './bull-migrations.js';
import type { Database, Query } from './database.js';
import { lastInMigrations, migrations, type ScriptOptions, scriptOf } from './migrations.js';
import { forSchema } from './statements.js';

/** Postgres's error code for a missing right. */
const insufficientPrivilege = '42501';

/** Milliseconds between a migration that failed for a transient reason and the next attempt. */
const pause = 200;

/**
 * Brings the schemas of a fleet and of its queue up to date. Each migration runs once, however many programs start at
 * the same time. A migration of large tables may take as long as the server is working on it. Transient failures are
 * retried.
 *
 * @param limit - milliseconds for which the server may be silent, and for which transient failures are retried
 */
export async function migrate(database: Database, options: ScriptOptions, limit: number): Promise<void> {
  const script = await scriptOf(options);
  const end = performance.now() + limit;
  for (;;) {
    try {
      return await migrateOnce(database, script, end - performance.now());
    } catch (error) {
      if (judgeSql(error) !== 'passes' || performance.now() + pause >= end) throw error;
      await wait(pause);
    }
  }
}

async function migrateOnce(database: Database, script: string, limit: number): Promise<void> {
  await database.attended(async (query) => {
    await query('begin');
    try {
      await database.script(script, query);
      await query('commit');
    } catch (error) {
      // If the connection is lost, so is the transaction.
      await query('rollback').catch(() => undefined);
      throw error;
    }
  }, limit);
}

/**
 * Reserves a schema for the prefix of one fleet. Schema names are in lower case, so two prefixes that differ only in
 * case would share a schema. The schema belongs to the prefix that is used first.
 *
 * @throws {Error} if the prefix differs only in case from the prefix of the fleet
 */
export async function claimPrefix(query: Query, schema: string, prefix: string): Promise<void> {
  const read = forSchema(`select value from {schema}.about where key = 'prefix'`, schema);
  const add = forSchema(`insert into {schema}.about (key, value) values ('prefix', $1) on conflict do nothing`, schema);
  let [row] = await query(read);
  if (row === undefined) {
    await query(add, [prefix]);
    [row] = await query(read);
  }
  if (row?.value === prefix) return;
  throw new Error(
    `prefix "${prefix}" differs only in case from "${row?.value}", which is the prefix of the fleet in schema "${schema}": ` +
      `use prefix "${row?.value}" for this fleet, or another name for another fleet`,
  );
}

/** Adds instructions to an error that reports a missing right. Returns any other error unchanged. */
export async function explained(error: unknown, database: Database, schema: string): Promise<unknown> {
  if (Object(error).code !== insufficientPrivilege) return error;
  const query: Query = (text, values) => database.query(text, values, within(1_000));
  const missing = await missingRight(query, schema).catch(() => undefined);
  const flags = schema === 'orchestrator' ? '' : ` --prefix ${schema}`;
  return new Error(
    `${(error as Error).message}${missing === undefined ? '' : ` (${missing})`}: run "orchestrator migrate${flags}" as a role ` +
      `with this right, with "--role" for the role of this program, or have an administrator run the statements that ` +
      `"orchestrator migrate${flags} --print" writes`,
    { cause: error },
  );
}

async function missingRight(query: Query, schema: string): Promise<string | undefined> {
  const [row] = await query(
    `select current_user as role, current_database() as database, to_regnamespace($1) is null as missing,
      has_database_privilege(current_database(), 'create') as may_create`,
    [identifier(schema)],
  );
  const { role, database, missing, may_create } = row as Record<string, unknown>;
  return missing === true && may_create === false
    ? `role "${role}" has no right CREATE on database "${database}", and there is no schema "${schema}"`
    : `role "${role}" lacks a right in schema "${schema}" or "bullmq"`;
}

/**
 * Returns true if the schema of the fleet and the schema of the queue have the versions that this package needs. Writes
 * nothing.
 *
 * @throws {Error} if a schema was made by a later, incompatible version
 */
export async function isUpToDate(query: Query, { schema, bull }: ScriptOptions): Promise<boolean> {
  const own = identifier(schema);
  const [found] = await query(
    'select to_regclass($1) as migrations, to_regclass($2) as changes, to_regclass($3) as jobs',
    [`${own}.migrations`, `${own}.changes`, queueSequence(bull, schema)],
  );
  if (found?.migrations === null) return false;
  const [first] = await query(`select coalesce(max(version), 0) as version from ${own}.migrations`);
  const changes =
    found?.changes === null
      ? []
      : await query(`select version, least, package from ${own}.changes order by version desc`);
  const version = Math.max(Number(first?.version), Number(changes[0]?.version ?? 0));
  const isForAll = Number(first?.version) > lastInMigrations;
  const least = Math.max(isForAll ? Number(first?.version) : 0, ...changes.map((change) => Number(change.least)));
  if (least > migrations.length) {
    const maker = changes[0] === undefined ? 'a later version of orchestrator' : `orchestrator ${changes[0].package}`;
    throw new Error(
      `schema "${schema}" is of version ${version}, made by ${maker}, and needs a program that knows version ${least}; ` +
        `this orchestrator ${packageVersion} knows ${migrations.length}: update it`,
    );
  }
  const queue = await bullVersion(query, bull);
  return version >= migrations.length && queue >= bull.LATEST_SCHEMA_VERSION && found?.jobs !== null;
}
