export type { Logger, LogLevel } from '../index.js';
export { MissingPeerError } from '../peers.js';
export type { Fleet } from './fleet-gauges.js';
export { type LogEvent, type LogOptions, logTo } from './logging.js';
export type { Loops } from './loop-gauges.js';
export type { Observed, ObserveOptions } from './observations.js';
export { type PrometheusEndpoint, type PrometheusOptions, prometheusEndpoint } from './prometheus.js';
export { startTelemetry, type Telemetry, type TelemetryOptions } from './telemetry.js';
export type { Describe } from './tracing.js';
