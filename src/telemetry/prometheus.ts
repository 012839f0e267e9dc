import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type * as Exporter from '@opentelemetry/exporter-prometheus';
import type * as SdkMetrics from '@opentelemetry/sdk-metrics';
import { ValidationError } from '../shared/errors.js';
import { loadPeers } from '../shared/peers.js';
import { aName, anObjectOf, aValue } from '../shared/validate.js';
import { type Api, fitting } from './api.js';
import { Meters } from './meters.js';
import { Observations, type Observed, type ObserveOptions } from './observations.js';
import type { MeterProvider } from './open-telemetry.js';
import { handlersOf, type PrometheusHandlers } from './prometheus-handlers.js';

/**
 * Options of `prometheusEndpoint` with a server of its own. By default, the endpoint is `http://127.0.0.1:9464/metrics` and reachable from this
 * machine only.
 *
 * @example
 * const endpoint = await prometheusEndpoint({ port: 9100, host: '0.0.0.0' });
 */
export interface PrometheusOptions {
  /** Port to listen on: a whole number up to 65535, or 0 for any free port. Default: 9464. */
  readonly port?: number | undefined;
  /** Host name or address to listen on. Default: 127.0.0.1, reachable from this machine only. */
  readonly host?: string | undefined;
  /** Path of the metrics, beginning with a slash. Default: /metrics. */
  readonly path?: string | undefined;
}

/**
 * Options of `prometheusEndpoint` without a server of its own: `handler` or `fetch` of the endpoint is mounted in a
 * server of the program.
 *
 * @example
 * const endpoint = await prometheusEndpoint({ port: null });
 * app.get('/metrics', endpoint.handler);
 */
export interface MountedPrometheusOptions {
  /** `null`: the endpoint does not listen. */
  readonly port: null;
}

/**
 * Measures the program for Prometheus, as `prometheusEndpoint` returns it. Orchestrators of fleets and of loops are
 * included after a call of `observe`.
 */
export interface MountedPrometheusEndpoint extends PrometheusHandlers {
  /** Provider for further measurements of the program, which Prometheus then fetches here as well. */
  readonly meterProvider: MeterProvider;
  /**
   * Measures an orchestrator of a fleet or of loops each time metrics are fetched.
   *
   * @returns a function that stops the measurements
   * @throws {ValidationError} if `observed` is neither a `DistributedOrchestrator` nor a `WorkflowOrchestrator`
   */
  observe(observed: Observed, options?: ObserveOptions): () => void;
  /** Stops measuring and closes the server, if the endpoint has one. */
  close(): Promise<void>;
}

/** An endpoint with a server of its own. Prometheus fetches the metrics from its `url`. */
export interface PrometheusEndpoint extends MountedPrometheusEndpoint {
  /** Address of the metrics: `http://127.0.0.1:9464/metrics`. */
  readonly url: string;
}

interface Read extends Omit<PrometheusOptions, 'port'> {
  readonly port?: number | null | undefined;
}

const readOptions = anObjectOf<PrometheusOptions, Read>({
  port: aValue<number | null>(
    'a whole number from 0 to 65535, or null for no server',
    (value) => value === null || (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535),
  ),
  host: aName,
  path: aValue<string>(
    'a path that begins with a slash',
    (value) => typeof value === 'string' && value.startsWith('/'),
  ),
});

interface Peers {
  readonly '@opentelemetry/api': Api;
  readonly '@opentelemetry/sdk-metrics': typeof SdkMetrics;
  readonly '@opentelemetry/exporter-prometheus': typeof Exporter;
}

const peerNames = [
  '@opentelemetry/api',
  '@opentelemetry/sdk-metrics',
  '@opentelemetry/exporter-prometheus',
] as const satisfies readonly (keyof Peers)[];

/**
 * Measures all processes and tasks of this thread, and serves the metrics to Prometheus over HTTP. With `port: null`,
 * the endpoint does not listen; its `handler` or `fetch` is then mounted in a server of the program. The endpoint has
 * its own meter provider: it does not affect `startTelemetry`, and nothing is counted twice. It does not keep the
 * program alive. Requires the packages `@opentelemetry/api`, `@opentelemetry/sdk-metrics` and
 * `@opentelemetry/exporter-prometheus`.
 *
 * Rejects with `MissingPeerError` if a package is not installed, with `ValidationError` if an option is unknown or has
 * the wrong type, and with the server's error if it cannot listen.
 *
 * @example
 * const endpoint = await prometheusEndpoint({ port: 9464 });
 * endpoint.observe(workflow);
 */
export function prometheusEndpoint(options: MountedPrometheusOptions): Promise<MountedPrometheusEndpoint>;
export function prometheusEndpoint(options?: PrometheusOptions): Promise<PrometheusEndpoint>;
export async function prometheusEndpoint(
  options: PrometheusOptions | MountedPrometheusOptions = {},
): Promise<MountedPrometheusEndpoint> {
  const read = readOptions(options);
  const { port = 9_464, host = '127.0.0.1', path = '/metrics' } = read;
  if (port === null) refuseAddress(read);
  const peers = await loadPeers<Peers>('a Prometheus endpoint', peerNames, { install: Object.values(fitting) });
  const { PrometheusExporter, PrometheusSerializer } = peers['@opentelemetry/exporter-prometheus'];
  const { diag } = peers['@opentelemetry/api'];
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const serializer = new PrometheusSerializer('', false, undefined, true);
  const meterProvider = new peers['@opentelemetry/sdk-metrics'].MeterProvider({ readers: [exporter] });

  let isClosed = false;
  const handlers = handlersOf(async () => {
    if (isClosed) return undefined;
    const { resourceMetrics, errors } = await exporter.collect();
    if (errors.length > 0) diag.error('some metrics cannot be collected', ...errors);
    return serializer.serialize(resourceMetrics);
  }, diag);
  const server = port === null ? undefined : await listening(handlers, port, host, path);

  const meters = new Meters(() => meterProvider);
  const observations = new Observations(meters, diag);
  const stop = meters.start();
  return {
    ...handlers,
    ...(server && { url: urlOf(server, path) }),
    meterProvider,
    observe: (observed, observeOptions) => observations.add(observed, observeOptions),
    close: async () => {
      isClosed = true;
      stop();
      observations.end();
      if (server !== undefined) await closed(server);
      await meterProvider.shutdown();
    },
  };
}

function refuseAddress(read: Read): void {
  for (const name of ['host', 'path'] as const) {
    if (read[name] === undefined) continue;
    throw new ValidationError(
      `${name} has no effect with port: null, because the endpoint does not listen: leave it out`,
    );
  }
}

/** Starts a server that answers requests of one path. */
async function listening({ handler }: PrometheusHandlers, port: number, host: string, path: string): Promise<Server> {
  const server = createServer((request, response) => {
    const [asked] = String(request.url).split('?');
    if (asked === path) handler(request, response);
    else response.writeHead(404).end();
  });
  // Prometheus keeps its connections open, but they must not keep the program alive.
  server.on('connection', (socket) => socket.unref());
  server.listen(port, host).unref();
  await once(server, 'listening');
  return server;
}

function urlOf(server: Server, path: string): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}${path}`;
}

async function closed(server: Server): Promise<void> {
  if (!server.listening) return;
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}
