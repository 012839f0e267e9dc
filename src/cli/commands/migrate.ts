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
    .summary('create or update the schemas in a Postgres database')
    .description(
      'Create or update the schemas that a fleet needs in a Postgres database: its own, and the one of its queue.',
    )
    .option('--print', 'only write the SQL, without connecting to a server')
    .option('-o, --output <file>', 'with --print: write to this file (default: the standard output)')
    .option('--role <name>', 'grant this role exactly the rights that programs of the fleet need');
  withEngine(command).action((flags: MigrateFlags) => migrate(session, flags));
  documented(command, {
    text: `Programs create the schemas at their first use. Use this command if their role may not create schemas, or if tables are
so large that an update would delay their start. Programs of the previous version may keep running meanwhile. The SQL
of --print can be run on a database in any state, any number of times: it only adds what is missing.`,
    examples: [
      [
        'orchestrator migrate --engine "$ADMIN_URL" --role app',
        'as an administrator, for programs that use the role app',
      ],
      [
        'orchestrator migrate --print --role app -o orchestrator.sql',
        'as a file, for the administrator of the database',
      ],
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
  else
    session.stderr.line(
      changed ? `the schemas of "${prefix}" are up to date now` : `the schemas of "${prefix}" were up to date already`,
    );
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
