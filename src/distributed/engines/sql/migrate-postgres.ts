import type * as Bull from 'bullmq';
import { loadPeers } from '../../../shared/peers.js';
import { aName } from '../../../shared/validate.js';
import { EngineError } from '../../errors.js';
import { readEngineOptions } from '../options.js';
import { persistently } from '../persistence.js';
import { reasonOf } from '../reasons.js';
import { explained, isUpToDate, migrate } from './migrate.js';
import { scriptOf } from './migrations.js';
import { open, type PostgresPool, targetOf } from './postgres.js';
import { judgeSql } from './transient.js';

/** What is to be made in a database. */
export interface MigrationOptions {
  /** The prefix of the fleet, as for `postgres()`. Default: `orchestrator`. */
  readonly prefix?: string | undefined;
  /**
   * The role of the fleet's programs, if it is another than the one that migrates: it is given the rights to use what there
   * is, and none to make or change schemas. Default: no role is given any right.
   */
  readonly role?: string | undefined;
  /** How long to wait for the first answer, in milliseconds. Default: 10000. */
  readonly connectTimeout?: number | undefined;
}

/** Connections of a migration: it takes one, and looks whether the server is behind a pooler with two more. */
const connections = 3;

/**
 * Makes, or brings up to date, what `postgres()` needs in a database: the schema of the fleet, and that of its queue. Engines
 * do it at their first use; where their role has no right to, a role that has does it before. Programs of the version before
 * may go on meanwhile. Needs the packages `bullmq` and `pg`.
 *
 * @param server - an address, or a pool of `pg`, as for `postgres()`
 * @returns true if anything was missing
 * @throws {EngineError} for a server that cannot be reached, a right that is missing, and a schema that a later version of
 *   this package has made, and this one cannot work with
 * @throws {ValidationError} for an option that is none
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
 * Gives the statements that `migratePostgres` runs, for an administrator to run: as they are, in one transaction, on a
 * database in any state. They do what is missing, and nothing else. Needs the package `bullmq`, and no server.
 *
 * @throws {ValidationError} for an option that is none
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
