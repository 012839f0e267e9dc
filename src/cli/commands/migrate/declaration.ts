import type { Command } from 'commander';
import { documented, loaded } from '../../command.js';
import { withEngine } from '../../options.js';
import type { Session } from '../../session.js';

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
  withEngine(command).action(loaded(session, async () => (await import('./work.js')).migrate));
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
