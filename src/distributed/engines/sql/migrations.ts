import { version as packageVersion } from '../../../shared/version.js';
import { readAsset } from '../assets.js';
import { type BullModule, queueSequence, stepsOfBull } from './bull-migrations.js';
import { forSchema, identifier, literal } from './statements.js';

/** A step from one version of a schema to the next. */
interface Migration {
  readonly name: string;
  /** The lowest version of the schema that a program may know to work with it once this step was taken. */
  readonly least: number;
}

/**
 * In the order in which they were written; the first is version 1. A migration that was released is not changed any more:
 * what comes later is added, so that programs of the version before can live with it (`least` says since which).
 */
export const migrations: readonly Migration[] = [
  { name: '001-runs', least: 1 },
  { name: '002-commit', least: 2 },
  { name: '003-workflows', least: 3 },
  { name: '004-checkpoints', least: 4 },
  { name: '005-changes', least: 4 },
  { name: '006-incarnations', least: 4 },
  { name: '007-run-counts', least: 4 },
];

/**
 * The last version that is written down in the table `migrations`; later ones are in `changes`. Version 0.7 of the package
 * refuses a schema with a higher one in `migrations`: there go only those that it cannot live with.
 */
export const lastInMigrations = 4;

/** What a script is for. */
export interface ScriptOptions {
  readonly schema: string;
  readonly bull: BullModule;
  /** The role of programs, if it is another than that of whoever runs the script: it is given the rights that it needs. */
  readonly role?: string | undefined;
}

/**
 * The statements that bring the schemas of a fleet and of its queue up to date, for one transaction. They do what is missing
 * and nothing else: run once more, or by several at the same time, they change nothing.
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

/** Statements that are parsed and executed only where a condition holds. */
function guarded(condition: string, ...texts: readonly string[]): string {
  const executed = texts.map((text) => `    execute $step$\n${text.trim()}\n$step$;`);
  return `do $guard$ begin\n  if ${condition} then\n${executed.join('\n')}\n  end if;\nend $guard$;`;
}

function isMissing(relation: string): string {
  return `to_regclass(${literal(relation)}) is null`;
}

/** Creating a schema "if not exists" takes the right to create one, also where there is nothing to do. */
function creationOf(schema: string): string {
  return guarded(`to_regnamespace(${literal(schema)}) is null`, `create schema ${schema};`);
}

function grantsOf(schemas: readonly string[], role: string): string {
  const list = schemas.join(', ');
  // Jobs that are added together are in a temporary table for a moment.
  const temporary = `format('grant temporary on database %I to %s', current_database(), ${literal(role)})`;
  return [
    `do $guard$ begin\n  execute ${temporary};\nend $guard$;`,
    `grant usage on schema ${list} to ${role};`,
    `grant select, insert, update, delete on all tables in schema ${list} to ${role};`,
    `grant usage, select, update on all sequences in schema ${list} to ${role};`,
    `grant execute on all functions in schema ${list} to ${role};`,
  ].join('\n');
}
