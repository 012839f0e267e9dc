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

/**
 * Options of `serveDashboard`: those of `createDashboard`, plus the port and the host to listen on. By default the
 * server listens on port 4300 of the loopback interface, which only this machine can reach.
 */
export interface ServeOptions extends DashboardOptions {
  /** Port to listen on; 0 for any free port. Default: 4300. */
  readonly port?: number | undefined;
  /** Host name or address to listen on. Default: `127.0.0.1`, which other machines cannot reach. */
  readonly host?: string | undefined;
}

/**
 * A dashboard with its own HTTP server, returned by `serveDashboard`. Open `url`, followed by `#token=` and the token,
 * in a browser. Call `close()` to stop the server.
 */
export interface ServedDashboard {
  /**
   * Address of the page, ending with `/`, without the token. The page reads the token from `#token=…` after the
   * address.
   */
  readonly url: string;
  /** Token for changing requests: the `token` option, or a random token. */
  readonly token: string;
  /** Ends all streams and connections. The orchestrators keep running. */
  close(): Promise<void>;
}

const readServeOptions = dashboardReader<ServeOptions>({
  port: aValue(
    'a whole number from 0 to 65535',
    (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535,
  ),
  host: aName,
});

/** Milliseconds that running requests have to finish after `close()`. */
const farewell = 500;

/**
 * Creates a dashboard and serves it over HTTP. By default only this machine can reach it. With a `host` that other
 * machines can reach, reading requires the token as well.
 *
 * @param options - those of `createDashboard`, and `port` (default: 4300) and `host` (default: `127.0.0.1`)
 * @returns the address, the token and `close()`, once the server listens
 * @example
 * const { url, token } = await serveDashboard({ distributed: orchestrator });
 * process.stderr.write(`${url}#token=${token}\n`);
 * @throws {ValidationError} if an option is unknown or of the wrong kind
 * @throws {ListenError} if the server cannot listen on the port
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
 * Refuses requests whose `host` header does not name this server. This prevents DNS rebinding: a page of another site
 * could let its own host name resolve to this machine and would then share the dashboard's origin.
 */
function forHosts(isExpected: (host: string) => boolean, { fetch }: Dashboard): Dashboard['fetch'] {
  return async (request, client) => {
    if (isExpected(request.headers.get('host')?.toLowerCase() ?? '')) return fetch(request, client);
    return problem(new Refusal('forbidden', 'unknown host: add the origin of this address to `origins`'));
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

/** Removes the brackets from an IPv6 address that is written as in a URL. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

/** The host as part of a URL. A server that listens on all addresses is reached as `localhost`. */
function inUrl(host: string): string {
  const name = bare(host).toLowerCase();
  if (name === '0.0.0.0' || name === '::') return 'localhost';
  return name.includes(':') ? `[${name}]` : name;
}
