export type { Logger, LogLevel } from '../shared/logger.js';
export { MissingPeerError } from '../shared/peers.js';
export type { Fleet } from './fleet-gauges.js';
export { type LogEvent, type LogOptions, logTo } from './logging.js';
export type { Loops } from './loop-gauges.js';
export type { Observed, ObserveOptions } from './observations.js';
export type { Attributes, MeterProvider, TracerProvider } from './open-telemetry.js';
export {
  type MountedPrometheusEndpoint,
  type MountedPrometheusOptions,
  type PrometheusEndpoint,
  type PrometheusOptions,
  prometheusEndpoint,
} from './prometheus.js';
export type { PrometheusHandlers } from './prometheus-handlers.js';
export { startTelemetry, type Telemetry, type TelemetryOptions } from './telemetry.js';
export type { Describe } from './tracing.js';
