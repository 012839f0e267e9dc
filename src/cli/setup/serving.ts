import { type ServedDashboard, serveDashboard } from '../../dashboard/index.js';
import type { DistributedOrchestrator } from '../../distributed/index.js';
import type { WorkflowOrchestrator } from '../../loops/index.js';
import type { Session } from '../session.js';
import type { CommandLog } from './command-log.js';
import type { FoundConfig } from './config.js';

/** Options of commands that serve the dashboard. */
export interface ServeFlags {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly title?: string | undefined;
  readonly token?: string | undefined;
  readonly readOnly?: boolean | undefined;
  readonly json?: boolean | undefined;
}

interface Served {
  readonly distributed: DistributedOrchestrator | undefined;
  readonly loops: WorkflowOrchestrator | undefined;
  readonly found: FoundConfig;
  readonly flags: ServeFlags;
  readonly log: CommandLog;
}

/**
 * Serves the dashboard, without printing anything.
 *
 * @throws {ValidationError} if an option is not valid
 * @throws {ListenError} if the server cannot listen
 */
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

/** Prints the address with the token on standard output, in the form that a browser needs. */
export function announce(
  session: Session,
  { url, token }: ServedDashboard,
  { flags, log }: Pick<Served, 'flags' | 'log'>,
): void {
  log.info(`serves ${url}`, { url, token });
  if (flags.json !== true) session.stdout.line(`${url.replace(/\/$/, '')}/#token=${encodeURIComponent(token)}`);
}
