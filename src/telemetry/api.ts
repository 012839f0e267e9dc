import { createRequire } from 'node:module';
import type * as OpenTelemetry from '@opentelemetry/api';
import { loadPeers } from '../peers.js';

/** The OpenTelemetry API: an optional peer, which is loaded where telemetry is started. */
export type Api = typeof OpenTelemetry;

/** @throws {MissingPeerError} where it is not installed */
export async function loadApi(): Promise<Api> {
  const { '@opentelemetry/api': api } = await loadPeers('telemetry', {
    '@opentelemetry/api': () => import('@opentelemetry/api'),
  });
  return api;
}

/** Name and version of the instrumentation scope. */
export const scope = { name: 'orchestrator', version: ownVersion() };

/** Of this package; unknown where it has been bundled away from its `package.json`. */
function ownVersion(): string | undefined {
  try {
    return String(createRequire(import.meta.url)('orchestrator/package.json').version);
  } catch {
    return undefined;
  }
}
