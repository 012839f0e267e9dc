import { readFile } from 'node:fs/promises';
import { type Attributes, context, metrics, propagation, trace } from '@opentelemetry/api';
import {
  AggregationTemporality,
  type DataPoint,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { startTelemetry, type Telemetry, type TelemetryOptions } from 'orchestrator/telemetry';
import { afterEach } from 'vitest';

const ends: (() => unknown)[] = [];

/** Registers a function to call at the end of the test, the last one first. */
export function afterwards(end: () => unknown): void {
  ends.push(end);
}

afterEach(async () => {
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
});

/** Registers the real SDK with the API. Spans are kept in memory. */
export function tracingSdk(sampler?: Sampler) {
  const exporter = new InMemorySpanExporter();
  const spanProcessors = [new SimpleSpanProcessor(exporter)];
  const provider = new NodeTracerProvider(sampler === undefined ? { spanProcessors } : { spanProcessors, sampler });
  provider.register();
  afterwards(async () => {
    await provider.shutdown();
    trace.disable();
    context.disable();
    propagation.disable();
  });
  return { provider, exporter, spans: () => exporter.getFinishedSpans() };
}

/** Registers the real SDK with the API. Metrics are collected on request. */
export function metricsSdk() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  metrics.setGlobalMeterProvider(provider);
  afterwards(async () => {
    await provider.shutdown();
    metrics.disable();
  });
  /** Returns the current data points of a metric. */
  const points = async <Value = number>(name: string): Promise<DataPoint<Value>[]> => {
    exporter.reset();
    await reader.forceFlush();
    const found = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    return (found.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? []) as DataPoint<Value>[];
  };
  return { provider, reader, exporter, points };
}

/** Starts telemetry that is stopped at the end of the test. */
export async function started(options: TelemetryOptions = {}): Promise<Telemetry> {
  const telemetry = await startTelemetry(options);
  afterwards(() => telemetry.stop());
  return telemetry;
}

/** A span, or the parts of a span that was written to a file. */
export type TreeSpan = Pick<ReadableSpan, 'name' | 'startTime' | 'parentSpanContext' | 'spanContext'>;

/** Formats spans as trees: `name > (child, other)`, in order of their start. Spans without a known parent are roots. */
export function treeOf(spans: readonly TreeSpan[]): string[] {
  const inOrder = [...spans].sort((one, other) => millisecondsOf(one) - millisecondsOf(other));
  const ids = new Set(spans.map((span) => span.spanContext().spanId));
  const describe = (span: TreeSpan): string => {
    const children = inOrder
      .filter((other) => other.parentSpanContext?.spanId === span.spanContext().spanId)
      .map(describe);
    if (children.length === 0) return span.name;
    return `${span.name} > ${children.length === 1 ? children[0] : `(${children.join(', ')})`}`;
  };
  return inOrder.filter(({ parentSpanContext }) => !ids.has(parentSpanContext?.spanId ?? '')).map(describe);
}

function millisecondsOf({ startTime: [seconds, nanoseconds] }: TreeSpan): number {
  return seconds * 1e3 + nanoseconds / 1e6;
}

/** A span that another thread or process has written to a file, and the place that wrote it. */
export type WrittenSpan = TreeSpan & { readonly place: string; readonly kind: number };

export async function spansIn(file: string): Promise<WrittenSpan[]> {
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const { context, ...span } = JSON.parse(line);
    return { ...span, spanContext: () => context };
  });
}

/** Returns the only span with this name. */
export function spanOf(spans: readonly ReadableSpan[], name: string): ReadableSpan {
  const found = spans.filter((span) => span.name === name);
  if (found.length !== 1) throw new Error(`expected one span "${name}", got ${found.length}`);
  return found[0] as ReadableSpan;
}

/** Returns the value of the only point with these attributes. */
export function valueAt<Value>(points: readonly DataPoint<Value>[], attributes: Attributes): Value | undefined {
  return points.find((point) => Object.entries(attributes).every(([name, value]) => point.attributes[name] === value))
    ?.value;
}
