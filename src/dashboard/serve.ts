import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { aName, aValue } from '../shared/validate.js';
import { createDashboard } from './create.js';
import type { Dashboard, DashboardOptions } from './dashboard.js';
import { ListenError } from './errors.js';
import { Refusal } from './http/refusal.js';
import { problem } from './http/responses.js';
import { nodeListener } from './node.js';
import { dashboardReader } from './options.js';

/** What `serveDashboard` takes. */
export interface ServeOptions extends DashboardOptions {
  /** Where it listens; 0 for any port that is free. Default: 4300. */
  readonly port?: number | undefined;
  /** Name or address of this machine to listen at. Default: `127.0.0.1`, which nobody else can reach. */
  readonly host?: string | undefined;
}

/** A dashboard that listens. */
export interface ServedDashboard {
  /** Where it is, with a `/` at its end and without the token; the page takes that from `#token=…` behind it. */
  readonly url: string;
  readonly token: string;
  /** Ends all streams and connections. The orchestrators stay as they are. */
  close(): Promise<void>;
}

const readServeOptions = dashboardReader<ServeOptions>({
  port: aValue(
    'a whole number from 0 to 65535',
    (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535,
  ),
  host: aName,
});

/** How long requests that are under way have to end, in milliseconds. */
const farewell = 500;

/**
 * Opens a dashboard by itself. It can be reached from this machine alone, unless `host` says otherwise; then reading needs
 * the token as well.
 *
 * @example
 * const { url, token } = await serveDashboard({ distributed: orchestrator });
 * process.stderr.write(`${url}#token=${token}\n`);
 * @throws {ValidationError} for an option that is unknown or of the wrong kind
 * @throws {ListenError} where something else listens there
 */
export async function serveDashboard(options: ServeOptions): Promise<ServedDashboard> {
  const { port = 4_300, host = '127.0.0.1', ...rest } = readServeOptions(options);
  const dashboard = createDashboard({ protectReads: !isLoopback(host), ...rest });
  const server = createServer();
  const actual = await listen(server, host, port);
  const isExpected = isLoopback(host) ? hostTest(host, actual, rest.origins) : () => true;
  const { basePath, token } = dashboard;
  server.on('request', nodeListener({ basePath, fetch: forHosts(isExpected, dashboard) }));
  const url = `http://${inUrl(host)}:${actual}${basePath}/`;
  return { url, token, close: () => close(server, dashboard) };
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  try {
    server.listen(port, bare(host));
    await once(server, 'listening');
  } catch (cause) {
    throw new ListenError(host, port, { cause });
  }
  return (server.address() as AddressInfo).port;
}

async function close(server: Server, dashboard: Dashboard): Promise<void> {
  await dashboard.close();
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  const timer = setTimeout(() => server.closeAllConnections(), farewell);
  await closed;
  clearTimeout(timer);
}

/**
 * A page of another site may have its name lead to this machine (DNS rebinding), and would then be of the same origin as
 * what listens here. Its requests say that name.
 */
function forHosts(isExpected: (host: string) => boolean, { fetch }: Dashboard): Dashboard['fetch'] {
  return async (request, client) => {
    if (isExpected(request.headers.get('host')?.toLowerCase() ?? '')) return fetch(request, client);
    return problem(
      new Refusal('forbidden', 'this dashboard is not known by the name that the request says as its host'),
    );
  };
}

function hostTest(host: string, port: number, origins: readonly string[] = []): (host: string) => boolean {
  const names = ['localhost', '127.0.0.1', '[::1]', inUrl(host)].flatMap((name) =>
    port === 80 ? [name, `${name}:80`] : [`${name}:${port}`],
  );
  const expected = new Set([...names, ...origins.map((origin) => new URL(origin).host)]);
  return (asked) => expected.has(asked);
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1)$/i.test(bare(host));
}

/** An address of IPv6 may come as it stands in a URL. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

/** As a part of a URL that leads there: from this machine, where it listens at all of its addresses. */
function inUrl(host: string): string {
  const name = bare(host).toLowerCase();
  if (name === '0.0.0.0' || name === '::') return 'localhost';
  return name.includes(':') ? `[${name}]` : name;
}
