import type * as OpenTelemetry from '@opentelemetry/api';
import { loadPeers } from '../shared/peers.js';
import { version } from '../shared/version.js';

/** The OpenTelemetry API: an optional peer, loaded when telemetry is started. */
export type Api = typeof OpenTelemetry;

/**
 * Versions that are compatible with each other and with Node 20. Packages of the SDK require a range of the API, and
 * their newest versions require a later Node. The guide installs the same versions.
 */
export const fitting = {
  api: '@opentelemetry/api@1.9',
  sdkMetrics: '@opentelemetry/sdk-metrics@2.12.0',
  exporterPrometheus: '@opentelemetry/exporter-prometheus@0.223',
} as const;

/**
 * Loads the OpenTelemetry API.
 *
 * @throws {MissingPeerError} if the package is not installed
 */
export async function loadApi(): Promise<Api> {
  const names = ['@opentelemetry/api'] as const;
  const { '@opentelemetry/api': api } = await loadPeers<{ '@opentelemetry/api': Api }>('telemetry', names, {
    install: [fitting.api],
  });
  return api;
}

/** Name and version of the instrumentation scope. */
export const scope = { name: 'orchestrator', version } as const;
