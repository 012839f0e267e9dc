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

/** What `prometheusEndpoint` takes. */
export interface PrometheusOptions {
  /** Where it listens: a whole number up to 65535; 0 for any that is free. Default: 9464. */
  readonly port?: number | undefined;
  /** Who may reach it: a host name or an address. Default: 127.0.0.1, this machine alone. */
  readonly host?: string | undefined;
  /** Where metrics are, from a slash on. Default: /metrics. */
  readonly path?: string | undefined;
}

/** Metrics that Prometheus may fetch. */
export interface PrometheusEndpoint {
  /** Where they are: `http://127.0.0.1:9464/metrics`. */
  readonly url: string;
  /** Where other measurements may go, to be fetched here too. */
  readonly meterProvider: MeterProvider;
  /**
   * Measures an orchestrator of a fleet or of loops whenever metrics are fetched.
   *
   * @returns a function that ends it
   * @throws {ValidationError} for what is neither
   */
  observe(observed: Observed, options?: ObserveOptions): () => void;
  /** Ends measuring, and listening. */
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
 * Measures all processes and tasks of this thread, and listens for Prometheus. It has a meter provider of its own: what
 * `startTelemetry` sends elsewhere is not touched, and nothing is counted twice. It does not keep the program alive.
 * Needs the packages `@opentelemetry/api`, `@opentelemetry/sdk-metrics` and `@opentelemetry/exporter-prometheus`.
 *
 * Rejects with `MissingPeerError` where one is not installed, with `ValidationError` for an option that is unknown or of the
 * wrong kind, and with the error of the server where it cannot listen.
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
  // Prometheus keeps its connections open.
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
