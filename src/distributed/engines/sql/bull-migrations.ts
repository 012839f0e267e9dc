import { createHash } from 'node:crypto';
import type * as Bull from 'bullmq';
import type { Query } from './database.js';
import { literal } from './statements.js';

/** The exports of BullMQ that create its tables. */
export type BullModule = Pick<
  typeof Bull,
  | 'runMigrations'
  | 'assertSchemaCompatibility'
  | 'DEFAULT_SCHEMA'
  | 'LATEST_SCHEMA_VERSION'
  | 'MIGRATION_ADVISORY_LOCK_KEY'
>;

/** The client of `pg` that BullMQ's migrations take. */
type Client = Parameters<typeof Bull.runMigrations>[0];

/** A statement and the SQL condition under which it runs. */
export interface Step {
  readonly when: string;
  readonly text: string;
}

/**
 * Returns BullMQ's migrations as statements. BullMQ runs its migrations on a fake client that records the statements
 * and pretends that the database is empty.
 *
 * @throws {Error} if this version of BullMQ migrates in an unknown way
 */
export async function stepsOfBull(bull: BullModule): Promise<readonly Step[]> {
  const nothing = { num: '180000', ver: '18', version: 0, min_client_version: 0 };
  const run: { readonly text: string; readonly values: readonly unknown[] }[] = [];
  const client = {
    query: async (text: string, values: readonly unknown[] = []) => {
      run.push({ text, values });
      return { rows: [nothing] };
    },
  };
  await bull.runMigrations(client as unknown as Client, bull.DEFAULT_SCHEMA);
  const ledger = `"${bull.DEFAULT_SCHEMA}".migration`;
  const isKept = /^\s*insert into migration\b/i;
  const steps: Step[] = [];
  for (const [index, { text, values }] of run.entries()) {
    if (/^\s*(create table if not exists|alter table|update) migration\b/i.test(text)) {
      steps.push({ when: hasNo(ledger, 'min_client_version'), text: withValues(text, values) });
    }
    if (!isKept.test(text)) continue;
    const when = `(select coalesce(max(version), 0) from ${ledger}) < ${values[0]}`;
    steps.push({ when, text: `${run[index - 1]?.text};\n${withValues(text, values)}` });
  }
  if (run.filter(({ text }) => isKept.test(text)).at(-1)?.values[0] !== bull.LATEST_SCHEMA_VERSION) {
    throw new Error('this version of bullmq creates its tables in an unknown way: update orchestrator');
  }
  return steps;
}

/** Returns the version of the queue's schema, or 0 if no schema exists. */
export async function bullVersion(query: Query, bull: BullModule): Promise<number> {
  const [found] = await query('select to_regclass($1) as ledger', [`"${bull.DEFAULT_SCHEMA}".migration`]);
  if (found?.ledger === null) return 0;
  const client = { query: async (text: string, values?: unknown[]) => ({ rows: await query(text, values) }) };
  return bull.assertSchemaCompatibility(client as unknown as Client, bull.DEFAULT_SCHEMA);
}

/**
 * Returns the name of the sequence that numbers jobs. BullMQ would create the sequence when a queue is first used, but
 * a program may lack the right to do so.
 */
export function queueSequence(bull: BullModule, queue: string): string {
  return `"${bull.DEFAULT_SCHEMA}".bullmq_jid_${createHash('md5').update(queue).digest('hex')}`;
}

function hasNo(table: string, column: string): string {
  return (
    'not exists (select from pg_attribute ' +
    `where attrelid = to_regclass(${literal(table)}) and attname = ${literal(column)} and attnotnull)`
  );
}

function withValues(text: string, values: readonly unknown[]): string {
  const written = text.replace(/\$(\d+)/g, (_, number) => {
    const value = values[Number(number) - 1];
    return typeof value === 'number' ? String(value) : literal(String(value));
  });
  return `${written.trim()};`;
}
