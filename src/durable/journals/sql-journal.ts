import { aName, anObjectOf, aValue } from '../../shared/validate.js';
import { Journal, type JournalOptions } from '../face.js';
import type { SqlPool } from './sql/database.js';
import { SqlJournalStore } from './sql/sql-store.js';

/**
 * Options of `sqlJournal`.
 *
 * @example
 * const options: SqlJournalOptions = { schema: 'durable', lease: 10_000 };
 */
export interface SqlJournalOptions extends JournalOptions {
  /** An existing schema for the table. Default: `public`. */
  readonly schema?: string | undefined;
  /**
   * Milliseconds without a sign of life after which a program counts as dead, and others may continue its runs, from
   * 1000 up. All programs must use the same value. A program on the same machine that has died is noticed at once.
   * Default: 30000.
   */
  readonly lease?: number | undefined;
}

const aLease = aValue<number>(
  'a number of milliseconds from 1000 up',
  (value) => Number.isFinite(value) && (value as number) >= 1_000,
);
const readOptions = anObjectOf<SqlJournalOptions>({ schema: aName, lease: aLease, errors: (value) => value });
const aPool = aValue<SqlPool>(
  'a pool of pg, or a PGlite',
  (value) => typeof (value as SqlPool | null | undefined)?.query === 'function',
);

/**
 * Creates a journal in a Postgres database, in the table `orchestrator_journal`, which is created on first use. Every
 * call is a single statement, so a pooler may pool transactions.
 *
 * @param pool - a pool of `pg`, or a PGlite; `close()` does not end it. Give a pool `connectionTimeoutMillis`, because
 *   without it `pg` waits for ever for a server that accepts a connection and says nothing
 * @throws {ValidationError} if the pool or an option is not valid
 *
 * @example
 * const journal = sqlJournal(new pg.Pool({ connectionString: process.env.DATABASE_URL }));
 * await orchestrator.run(importAll, { id: 'import-2026-11', journal });
 */
export function sqlJournal(pool: SqlPool, options: SqlJournalOptions = {}): Journal {
  const { schema = 'public', lease = 30_000, errors } = readOptions(options);
  return new Journal(new SqlJournalStore(aPool(pool, 'pool'), { schema, lease }), { errors });
}
