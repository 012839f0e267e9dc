import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type * as Exporter from '@opentelemetry/exporter-prometheus';
import type * as SdkMetrics from '@opentelemetry/sdk-metrics';
import { loadPeers } from '../shared/peers.js';
import { aName, anObjectOf, aValue } from '../shared/validate.js';
import { type Api, fitting } from './api.js';
import { Meters } from './meters.js';
import { Observations, type Observed, type ObserveOptions } from './observations.js';
import type { MeterProvider } from './open-telemetry.js';

/**
 * Options of `prometheusEndpoint`. By default, the endpoint is `http://127.0.0.1:9464/metrics` and reachable from this
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
 * A running endpoint, returned by `prometheusEndpoint`. Prometheus fetches the metrics from its `url`. Orchestrators of
 * fleets and of loops are included after a call of `observe`.
 */
export interface PrometheusEndpoint {
  /** Address of the metrics: `http://127.0.0.1:9464/metrics`. */
  readonly url: string;
  /** Provider for further measurements of the program, which Prometheus then fetches from the same address. */
  readonly meterProvider: MeterProvider;
  /**
   * Measures an orchestrator of a fleet or of loops each time metrics are fetched.
   *
   * @returns a function that stops the measurements
   * @throws {ValidationError} if `observed` is neither a `DistributedOrchestrator` nor a `WorkflowOrchestrator`
   */
  observe(observed: Observed, options?: ObserveOptions): () => void;
  /** Stops measuring and closes the server. */
  close(): Promise<void>;
}

const readOptions = anObjectOf<PrometheusOptions>({
  port: aValue<number>(
    'a whole number from 0 to 65535',
    (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535,
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
 * Measures all processes and tasks of this thread, and serves the metrics to Prometheus over HTTP. The endpoint has its
 * own meter provider, so it does not affect `startTelemetry`, and nothing is counted twice. The endpoint does not keep
 * the program alive. Requires the packages `@opentelemetry/api`, `@opentelemetry/sdk-metrics` and
 * `@opentelemetry/exporter-prometheus`.
 *
 * Rejects with `MissingPeerError` if a package is not installed, with `ValidationError` if an option is unknown or has
 * the wrong type, and with the server's error if it cannot listen.
 *
 * @example
 * const endpoint = await prometheusEndpoint({ port: 9464 });
 * endpoint.observe(orchestrator);
 */
export async function prometheusEndpoint(options: PrometheusOptions = {}): Promise<PrometheusEndpoint> {
  const { port = 9_464, host = '127.0.0.1', path = '/metrics' } = readOptions(options);
  const peers = await loadPeers<Peers>('a Prometheus endpoint', peerNames, { install: Object.values(fitting) });
  const { PrometheusExporter } = peers['@opentelemetry/exporter-prometheus'];
  const exporter = new PrometheusExporter({ preventServerStart: true, withoutTargetInfo: true });
  const meterProvider = new peers['@opentelemetry/sdk-metrics'].MeterProvider({ readers: [exporter] });

  const server = createServer((request, response) => {
    const [asked] = String(request.url).split('?');
    if (asked !== path) response.writeHead(404).end();
    else if (request.method !== 'GET' && request.method !== 'HEAD')
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    else exporter.getMetricsRequestHandler(request, response);
  });
  // Prometheus keeps its connections open, but they must not keep the program alive.
  server.on('connection', (socket) => socket.unref());
  server.listen(port, host).unref();
  await once(server, 'listening');

  const meters = new Meters(() => meterProvider);
  const observations = new Observations(meters, peers['@opentelemetry/api'].diag);
  const stop = meters.start();
  return {
    url: urlOf(server, path),
    meterProvider,
    observe: (observed, observeOptions) => observations.add(observed, observeOptions),
    close: async () => {
      stop();
      observations.end();
      await closed(server);
      await meterProvider.shutdown();
    },
  };
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
