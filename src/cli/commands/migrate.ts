import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { migratePostgres, migrationScript } from '../../distributed/index.js';
import { documented, withEngine } from '../command.js';
import { CliError, exitCodes } from '../exit-codes.js';
import type { Session } from '../session.js';
import { findConfig } from '../setup/config.js';
import { type EngineFlags, postgresAddress } from '../setup/engine.js';

interface MigrateFlags extends EngineFlags {
  readonly print?: boolean;
  readonly output?: string;
  readonly role?: string;
  readonly json?: boolean;
}

/** `orchestrator migrate`: the schemas that an engine needs in a Postgres database. */
export function addMigrate(parent: Command, session: Session): void {
  const command = parent
    .command('migrate')
    .summary('make or update the schemas of a Postgres database')
    .description(
      'Make what a fleet needs in a Postgres database, or bring it up to date: its schema, and that of its queue.',
    )
    .option('--print', 'write the SQL that does it, and do nothing: no server is asked')
    .option('-o, --output <file>', 'with --print: write it there (default: the standard output)')
    .option('--role <name>', 'give this role the rights that programs of the fleet need, and no more');
  withEngine(command).action((flags: MigrateFlags) => migrate(session, flags));
  documented(command, {
    text: `Programs do this at their first use. It is for where their role has no right to make schemas, and for large tables,
which take longer than a start should. Programs of the version before may run meanwhile. What --print writes can be
run on a database in any state, any number of times: it does what is missing.`,
    examples: [
      ['orchestrator migrate --engine "$ADMIN_URL" --role app', 'as an administrator, for programs that run as app'],
      ['orchestrator migrate --print --role app -o orchestrator.sql', 'as a file, for who looks after the database'],
    ],
    json: '{ prefix, changed: boolean }   (with --print { prefix, sql })',
  });
}

async function migrate(session: Session, flags: MigrateFlags): Promise<void> {
  const found = await findConfig(session.io.cwd, flags.config);
  const { role } = flags;
  const prefix = flags.prefix ?? found.config.prefix ?? 'orchestrator';
  if (flags.print === true) return print(session, flags, prefix);
  const address = postgresAddress(session, flags, found);
  const changed = await migratePostgres(address, { prefix, role, connectTimeout: found.config.connectTimeout });
  if (flags.json === true) session.stdout.json({ prefix, changed });
  else session.stderr.line(changed ? `the schemas of "${prefix}" are up to date now` : 'nothing was missing');
}

async function print({ io, stdout }: Session, { json, output, role }: MigrateFlags, prefix: string): Promise<void> {
  const sql = await migrationScript({ prefix, role });
  if (json === true) return stdout.json({ prefix, sql });
  if (output === undefined) return stdout.text(sql);
  const path = resolve(io.cwd, output);
  await writeFile(path, sql).catch((cause: unknown) => {
    throw new CliError(`${path} cannot be written`, exitCodes.failed, { cause });
  });
}
