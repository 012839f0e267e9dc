import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { migratePostgres, migrationScript } from '../../../distributed/index.js';
import { CliError, exitCodes } from '../../exit-codes.js';
import type { Session } from '../../session.js';
import { findConfig } from '../../setup/config.js';
import { type EngineFlags, postgresAddress } from '../../setup/engine.js';

interface MigrateFlags extends EngineFlags {
  readonly print?: boolean;
  readonly output?: string;
  readonly role?: string;
  readonly json?: boolean;
}

/** Creates or updates the schemas, or writes their SQL. */
export async function migrate(session: Session, flags: MigrateFlags): Promise<void> {
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
