import { instrument } from '../index.js';
import { aBoolean, aFunction, anObjectOf, aValue } from '../shared/validate.js';
import { type Api, loadApi, scope } from './api.js';
import { listenToRetries, listenToRunEnds, Meters, together } from './meters.js';
import { Observations, type Observed, type ObserveOptions } from './observations.js';
import type { MeterProvider, TracerProvider } from './open-telemetry.js';
import { shared } from './shared.js';
import { type Describe, tracing } from './tracing.js';

/** What `startTelemetry` takes. */
export interface TelemetryOptions {
  /** Whether spans are made, and trace context is carried. Default: true. */
  readonly traces?: boolean | undefined;
  /** Whether processes and tasks are measured. Default: true. */
  readonly metrics?: boolean | undefined;
  /**
   * Attributes for the span of a process, task or group, from its record, which is complete: called when it ends, where its
   * span is recorded. Spans hold neither arguments nor results nor state but for what this gives. Default: none.
   *
   * @example
   * const attributes = (record, kind) => (kind === 'process' ? { 'app.tenant': record.context.tenant } : undefined);
   */
  readonly attributes?: Describe | undefined;
  /** Where spans go. Default: the provider that is registered with the API, also one that is registered later. */
  readonly tracerProvider?: TracerProvider | undefined;
  /** Where measurements go. Default: the provider that is registered with the API, also one that is registered later. */
  readonly meterProvider?: MeterProvider | undefined;
}

/** Telemetry that goes on. */
export interface Telemetry {
  /**
   * Measures an orchestrator of a fleet or of loops whenever metrics are collected.
   *
   * @returns a function that ends it
   * @throws {ValidationError} for what is neither
   */
  observe(observed: Observed, options?: ObserveOptions): () => void;
  /** Ends all of it. Spans of what is under way end with that. */
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

/** In place of the provider that is registered with the API, whichever it is. */
const registered = {};

/**
 * Makes OpenTelemetry spans and metrics of every process, task and group of this thread that begins from now on, whichever
 * orchestrator, flow, worker or loop it is of. Needs the package `@opentelemetry/api`; without an SDK that is registered
 * with it, nothing is recorded. Where it has been started for the same provider before, that is shared, with its `attributes`.
 *
 * Rejects with `MissingPeerError` where the package is not installed, and with `ValidationError` for an option that is
 * unknown or of the wrong kind.
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
  // Inside of the spans: measurements may refer to them.
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
  const { onRetry, onRunEnd, ...around } = tracing(api, provider.getTracer(scope.name, scope.version), attributes);
  return together(instrument(around), listenToRetries(onRetry), listenToRunEnds(onRunEnd));
}
