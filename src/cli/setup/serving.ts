import type { Command } from 'commander';
import { type ServedDashboard, serveDashboard } from '../../dashboard/index.js';
import type { DistributedOrchestrator } from '../../distributed/index.js';
import type { WorkflowOrchestrator } from '../../loops/index.js';
import { whole } from '../command.js';
import type { Session } from '../session.js';
import type { FoundConfig } from './config.js';
import type { Log } from './log.js';

/** Options of what serves the operating interface. */
export interface ServeFlags {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly title?: string | undefined;
  readonly token?: string | undefined;
  readonly readOnly?: boolean | undefined;
  readonly json?: boolean | undefined;
}

export function withServing(command: Command): Command {
  return command
    .option('--port <port>', 'where the interface listens; 0 for any that is free (default: 4300)', whole(0, 65_535))
    .option('--host <address>', 'on which address (default: 127.0.0.1; elsewhere reading needs the token, too)')
    .option('--title <text>', 'shown at its top')
    .option(
      '--token <token>',
      'what changing requests have to bring (default: ORCHESTRATOR_TOKEN, which no list of processes shows, else a random one)',
    )
    .option('--read-only', 'nothing can be changed there');
}

interface Served {
  readonly distributed: DistributedOrchestrator | undefined;
  readonly loops: WorkflowOrchestrator | undefined;
  readonly found: FoundConfig;
  readonly flags: ServeFlags;
  readonly log: Log;
}

/** Serves the operating interface, without a word. @throws where an option is wrong, or something else listens there */
export async function serve(session: Session, { distributed, loops, found, flags, log }: Served) {
  const { dashboard = {} } = found.config;
  const { ORCHESTRATOR_TOKEN = '' } = session.io.env;
  const token = flags.token ?? (ORCHESTRATOR_TOKEN === '' ? undefined : ORCHESTRATOR_TOKEN);
  const options = {
    distributed,
    loops,
    port: flags.port ?? dashboard.port,
    host: flags.host ?? dashboard.host,
    title: flags.title ?? dashboard.title,
    token,
    actions: flags.readOnly === true ? false : dashboard.actions,
    redact: dashboard.redact,
    onError: (error: unknown) => log.warn(error, {}),
  };
  return serveDashboard(options);
}

/** Prints where it is served: with the token, as a browser needs it, on the standard output. */
export function announce(
  session: Session,
  { url, token }: ServedDashboard,
  { flags, log }: Pick<Served, 'flags' | 'log'>,
): void {
  log.info(`serves ${url}`, { url, token });
  if (flags.json !== true) session.stdout.line(`${url.replace(/\/$/, '')}/#token=${encodeURIComponent(token)}`);
}
