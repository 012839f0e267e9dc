import { instrument } from '../index.js';
import { aBoolean, aFunction, anObjectOf, aValue } from '../shared/validate.js';
import { type Api, loadApi, scope } from './api.js';
import { listenToLives, listenToRetries, listenToRunEnds, Meters, together } from './meters.js';
import { Observations, type Observed, type ObserveOptions } from './observations.js';
import type { MeterProvider, TracerProvider } from './open-telemetry.js';
import { shared } from './shared.js';
import { type Describe, tracing } from './tracing.js';

/**
 * Options of `startTelemetry`. By default, traces and metrics are both recorded, with the providers that the SDK has
 * registered with the OpenTelemetry API.
 *
 * @example
 * const telemetry = await startTelemetry({ traces: false });
 */
export interface TelemetryOptions {
  /** If true, spans are created and trace context is propagated. Default: true. */
  readonly traces?: boolean | undefined;
  /** If true, metrics of processes and tasks are recorded. Default: true. */
  readonly metrics?: boolean | undefined;
  /**
   * Returns additional attributes for the span of a process, task or group. Called with the complete record when the
   * work has ended, if the span is recorded. Apart from these attributes, spans contain no arguments, results or state.
   * Default: none.
   *
   * @example
   * const attributes = (record, kind) => (kind === 'process' ? { 'app.tenant': record.context.tenant } : undefined);
   */
  readonly attributes?: Describe | undefined;
  /**
   * Provider that receives the spans. Default: the provider registered with the API, even if it is registered later.
   */
  readonly tracerProvider?: TracerProvider | undefined;
  /**
   * Provider that receives the measurements. Default: the provider registered with the API, even if it is registered
   * later.
   */
  readonly meterProvider?: MeterProvider | undefined;
}

/**
 * Running telemetry, returned by `startTelemetry`. It can also measure orchestrators of fleets and of loops, and runs
 * until `stop()` is called.
 *
 * @example
 * const telemetry = await startTelemetry();
 * const unobserve = telemetry.observe(orchestrator, { attributes: { region: 'eu' } });
 */
export interface Telemetry {
  /**
   * Measures an orchestrator of a fleet or of loops each time metrics are collected.
   *
   * @returns a function that stops the measurements
   * @throws {ValidationError} if `observed` is neither a `DistributedOrchestrator` nor a `WorkflowOrchestrator`
   */
  observe(observed: Observed, options?: ObserveOptions): () => void;
  /** Stops the telemetry. Spans of running work still end with their work. */
  stop(): void;
}

const readOptions = anObjectOf<TelemetryOptions>({
  traces: aBoolean,
  metrics: aBoolean,
  attributes: aFunction,
  tracerProvider: aProvider<TracerProvider>('getTracer'),
  meterProvider: aProvider<MeterProvider>('getMeter'),
});

function aProvider<Provider>(method: keyof Provider & string) {
  return aValue<Provider>(`an object with a ${method} method`, (value) => typeof Object(value)[method] === 'function');
}

/** Key that stands for the provider registered with the API. */
const registered = {};

/**
 * Records OpenTelemetry spans and metrics of every process, task and group of this thread that begins from now on, in
 * all orchestrators, flows, workers and loops. Requires the package `@opentelemetry/api`; without a registered SDK,
 * nothing is recorded. A second call with the same provider shares the running telemetry, including its `attributes`.
 *
 * Rejects with `MissingPeerError` if the package is not installed, and with `ValidationError` if an option is unknown
 * or has the wrong type.
 *
 * @example
 * new NodeSDK({ traceExporter: new OTLPTraceExporter() }).start();
 * const telemetry = await startTelemetry();
 */
export async function startTelemetry(options: TelemetryOptions = {}): Promise<Telemetry> {
  const { traces = true, metrics = true, attributes, tracerProvider, meterProvider } = readOptions(options);
  const api = await loadApi();
  const meters = new Meters(() => meterProvider ?? api.metrics.getMeterProvider());
  const observations = new Observations(meters, api.diag);
  const ends: (() => void)[] = [];
  if (traces) {
    ends.push(shared(tracerProvider ?? api.trace, () => startTracing(api, tracerProvider ?? api.trace, attributes)));
  }
  // Metrics are started after traces, so that measurements are taken inside the spans and can refer to them.
  if (metrics) ends.push(shared(meterProvider ?? registered, () => meters.start()));
  return {
    observe: (observed, observeOptions) => observations.add(observed, observeOptions),
    stop: () => {
      for (const end of ends) end();
      observations.end();
    },
  };
}

function startTracing(api: Api, provider: TracerProvider, attributes: Describe | undefined): () => void {
  const { onRetry, onRunEnd, onLife, ...around } = tracing(
    api,
    provider.getTracer(scope.name, scope.version),
    attributes,
  );
  return together(instrument(around), listenToRetries(onRetry), listenToRunEnds(onRunEnd), listenToLives(onLife));
}
