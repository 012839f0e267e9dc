import { identifier } from '../../../shared/sql-identifier.js';
import { version as packageVersion } from '../../../shared/version.js';
import { readAsset } from '../assets.js';
import { type BullModule, queueSequence, stepsOfBull } from './bull-migrations.js';
import { forSchema, literal } from './statements.js';

/** A step from one version of the schema to the next. */
interface Migration {
  readonly name: string;
  /** The lowest schema version that a program must know to work with the schema after this step. */
  readonly least: number;
}

/**
 * All migrations in the order in which they were written. The first leads to version 1. A released migration is never
 * changed. New migrations only add to the schema, so that programs of the previous version can keep working. `least` is
 * the lowest version that can.
 */
export const migrations: readonly Migration[] = [
  { name: '001-runs', least: 1 },
  { name: '002-commit', least: 2 },
  { name: '003-workflows', least: 3 },
  { name: '004-checkpoints', least: 4 },
  { name: '005-changes', least: 4 },
  { name: '006-incarnations', least: 4 },
  { name: '007-run-counts', least: 4 },
  { name: '008-together', least: 4 },
];

/**
 * The last version that is recorded in the table `migrations`. Later versions are recorded in `changes`. Version 0.7 of
 * the package refuses a database with a higher version in `migrations`, so only versions that 0.7 cannot work with are
 * added to this table.
 */
export const lastInMigrations = 4;

/** Options of a migration script. */
export interface ScriptOptions {
  readonly schema: string;
  readonly bull: BullModule;
  /**
   * The role of the fleet's programs, if a different role runs the script. The programs' role is granted the rights
   * that the programs need.
   */
  readonly role?: string | undefined;
}

/**
 * Returns the statements, to be run in one transaction, that bring the schemas of a fleet and of its queue up to date.
 * The statements change only what is missing, so a repeated or concurrent run changes nothing.
 */
export async function scriptOf({ schema, bull, role }: ScriptOptions): Promise<string> {
  const [own, queue] = [identifier(schema), identifier(bull.DEFAULT_SCHEMA)];
  const sequence = queueSequence(bull, schema);
  const parts = [
    `select pg_advisory_xact_lock(hashtextextended(${literal(`orchestrator/${schema}`)}, 0));`,
    creationOf(own),
    guarded(
      isMissing(`${own}.migrations`),
      `create table ${own}.migrations (version integer primary key, applied_at timestamptz not null default now());`,
    ),
    ...migrations.map((migration, index) => stepOf(migration, index + 1, schema)),
    `select pg_advisory_xact_lock(${bull.MIGRATION_ADVISORY_LOCK_KEY}, hashtext(${literal(bull.DEFAULT_SCHEMA)}));`,
    creationOf(queue),
    `set local search_path to ${queue};`,
    ...(await stepsOfBull(bull)).map(({ when, text }) => guarded(when, text)),
    guarded(isMissing(sequence), `create sequence ${sequence};`),
  ];
  if (role !== undefined) parts.push(grantsOf([own, queue], identifier(role)));
  return `${parts.join('\n\n')}\n`;
}

function stepOf({ name, least }: Migration, version: number, schema: string): string {
  const own = identifier(schema);
  const text = forSchema(readAsset(`sql/migrations/${name}.sql`), schema);
  const ledger = `${own}.${version > lastInMigrations ? 'changes' : 'migrations'}`;
  const isPast = `(select coalesce(max(version), 0) from ${ledger}) < ${version}`;
  const when = version === lastInMigrations + 1 ? isMissing(ledger) : isPast;
  const forAll = `insert into ${own}.migrations (version) values (${version});`;
  if (version <= lastInMigrations) return guarded(when, text, forAll);
  const change = `insert into ${ledger} (version, least, package) values (${version}, ${least}, ${literal(packageVersion)});`;
  return guarded(when, text, change, ...(least > lastInMigrations ? [forAll] : []));
}

/** Wraps statements so that they are parsed and executed only if a condition holds. */
function guarded(condition: string, ...texts: readonly string[]): string {
  const executed = texts.map((text) => `    execute $step$\n${text.trim()}\n$step$;`);
  return `do $guard$ begin\n  if ${condition} then\n${executed.join('\n')}\n  end if;\nend $guard$;`;
}

function isMissing(relation: string): string {
  return `to_regclass(${literal(relation)}) is null`;
}

/**
 * Returns a statement that creates a schema if it is missing. A plain `create schema if not exists` needs the right to
 * create schemas even if the schema exists.
 */
function creationOf(schema: string): string {
  return guarded(`to_regnamespace(${literal(schema)}) is null`, `create schema ${schema};`);
}

function grantsOf(schemas: readonly string[], role: string): string {
  const list = schemas.join(', ');
  // BullMQ uses a temporary table to pass jobs that are added together.
  const temporary = `format('grant temporary on database %I to %s', current_database(), ${literal(role)})`;
  return [
    `do $guard$ begin\n  execute ${temporary};\nend $guard$;`,
    `grant usage on schema ${list} to ${role};`,
    `grant select, insert, update, delete on all tables in schema ${list} to ${role};`,
    `grant usage, select, update on all sequences in schema ${list} to ${role};`,
    `grant execute on all functions in schema ${list} to ${role};`,
  ].join('\n');
}
