import type * as Bull from 'bullmq';
import { loadPeers } from '../../../shared/peers.js';
import { judgeSql } from '../../../shared/sql-errors.js';
import { aName } from '../../../shared/validate.js';
import { EngineError } from '../../errors.js';
import { readEngineOptions } from '../options.js';
import { persistently } from '../persistence.js';
import { reasonOf } from '../reasons.js';
import { explained, isUpToDate, migrate } from './migrate.js';
import { scriptOf } from './migrations.js';
import { open, type PostgresPool, targetOf } from './postgres.js';

/**
 * Options of `migratePostgres()` and `migrationScript()`. Use the same `prefix` as the programs of the fleet. Set
 * `role` if those programs connect with a different role from the role that runs the migration.
 */
export interface MigrationOptions {
  /** The prefix of the fleet, as for `postgres()`. Default: `orchestrator`. */
  readonly prefix?: string | undefined;
  /**
   * The role of the fleet's programs, if a different role runs the migration. The programs' role is granted the rights
   * to use the schemas, but not to create or change them. Default: no rights are granted.
   */
  readonly role?: string | undefined;
  /** Milliseconds to wait for the server's first answer. Default: 10000. */
  readonly connectTimeout?: number | undefined;
}

/**
 * Connections of a migration: one for the migration, and two to find out if the server is behind a connection pooler.
 */
const connections = 3;

/**
 * Creates or updates the schemas that `postgres()` needs in a database: the schema of the fleet and the schema of its
 * queue. Engines migrate when they are first used. If their role lacks the right to do so, call this function
 * beforehand with a role that has the right. Programs of the previous version may keep running in the meantime. Needs
 * the packages `bullmq` and `pg`.
 *
 * @param server - an address, or a pool of `pg`, as for `postgres()`
 * @param options - `prefix`, `role` and `connectTimeout`; see `MigrationOptions`
 * @returns true if anything had to be created or changed
 * @throws {EngineError} if the server is unreachable, if a right is missing, or if the schema was made by a later,
 *   incompatible version of this package
 * @throws {ValidationError} if an option is invalid
 *
 * @example
 * await migratePostgres('postgres://admin:secret@127.0.0.1:5432/app', { role: 'app' });
 */
export async function migratePostgres(server: string | PostgresPool, options: MigrationOptions = {}): Promise<boolean> {
  const { role, ...rest } = options;
  const read = readEngineOptions(rest);
  if (role !== undefined) aName(role, 'role');
  const target = targetOf(server);
  const schema = read.prefix.toLowerCase();
  const bull = await loadBull(target.name);
  const database = await open(target, read, connections);
  try {
    const patience = { name: target.name, timeout: read.connectTimeout, judge: judgeSql };
    const wasUpToDate = await persistently(patience, (attempt) =>
      database.exclusively((query) => isUpToDate(query, { schema, bull }), attempt),
    );
    if (!wasUpToDate || role !== undefined) await migrate(database, { schema, bull, role }, read.connectTimeout);
    return !wasUpToDate;
  } catch (thrown) {
    const error = thrown instanceof EngineError ? (thrown.cause ?? thrown) : thrown;
    throw new EngineError(target.name, 'cannot be migrated', {
      cause: await explained(error, database, schema),
      reason: reasonOf(thrown, 'refused'),
    });
  } finally {
    await database.close();
  }
}

/**
 * Returns the SQL statements that `migratePostgres` runs, so that an administrator can run them in one transaction. The
 * statements work on a database in any state, and change only what is missing. Needs the package `bullmq`, but no
 * server.
 *
 * @param options - `prefix` and `role`; see `MigrationOptions`
 * @throws {ValidationError} if an option is invalid
 *
 * @example
 * await writeFile('orchestrator.sql', await migrationScript({ role: 'app' }));
 */
export async function migrationScript(options: Omit<MigrationOptions, 'connectTimeout'> = {}): Promise<string> {
  const { role, ...rest } = options;
  const { prefix } = readEngineOptions(rest);
  if (role !== undefined) aName(role, 'role');
  const script = await scriptOf({ schema: prefix.toLowerCase(), bull: await loadBull('postgres'), role });
  return `begin;\n\n${script}\ncommit;\n`;
}

async function loadBull(name: string): Promise<typeof Bull> {
  return (await loadPeers<{ bullmq: typeof Bull }>(name, ['bullmq'])).bullmq;
}
