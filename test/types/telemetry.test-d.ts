import { createServer } from 'node:http';
import type * as api from '@opentelemetry/api';
import { metrics, trace } from '@opentelemetry/api';
import { MeterProvider as SdkMeterProvider } from '@opentelemetry/sdk-metrics';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import {
  type Attributes,
  type MeterProvider,
  prometheusEndpoint,
  startTelemetry,
  type TracerProvider,
} from 'orchestrator/telemetry';
import { describe, expectTypeOf, it } from 'vitest';

describe('types of the OpenTelemetry API in ours', () => {
  it('are assignable to those of the API', () => {
    expectTypeOf<TracerProvider>().toExtend<api.TracerProvider>();
    expectTypeOf<MeterProvider>().toExtend<api.MeterProvider>();
    expectTypeOf<Attributes>().toEqualTypeOf<api.Attributes>();
  });

  it('take those of the API', () => {
    expectTypeOf<api.TracerProvider>().toExtend<TracerProvider>();
    expectTypeOf<api.MeterProvider>().toExtend<MeterProvider>();
    expectTypeOf<api.ProxyTracerProvider>().toExtend<TracerProvider>();
  });

  it('are of the same parts', () => {
    type Meter = ReturnType<MeterProvider['getMeter']>;
    type Tracer = ReturnType<TracerProvider['getTracer']>;
    expectTypeOf<keyof Meter>().toEqualTypeOf<keyof api.Meter>();
    expectTypeOf<keyof Tracer>().toEqualTypeOf<keyof api.Tracer>();
    expectTypeOf<keyof ReturnType<Tracer['startSpan']>>().toEqualTypeOf<keyof api.Span>();
    expectTypeOf<ReturnType<Tracer['startSpan']>>().toExtend<api.Span>();
    expectTypeOf<api.Span>().toExtend<ReturnType<Tracer['startSpan']>>();
    expectTypeOf<api.Meter>().toExtend<Meter>();
  });

  it('take the providers of the SDK, and no other object', () => {
    startTelemetry({ tracerProvider: new NodeTracerProvider(), meterProvider: new SdkMeterProvider() });
    startTelemetry({ tracerProvider: trace.getTracerProvider(), meterProvider: metrics.getMeterProvider() });
    // @ts-expect-error a tracer has methods
    startTelemetry({ tracerProvider: { getTracer: () => ({}) } });
    // @ts-expect-error meters come from getMeter
    startTelemetry({ meterProvider: trace.getTracerProvider() });
    // @ts-expect-error a Map is no attribute
    startTelemetry({ attributes: () => ({ tenant: new Map() }) });
  });

  it('let measurements of the user go where Prometheus fetches', async () => {
    const { meterProvider } = await prometheusEndpoint();
    metrics.setGlobalMeterProvider(meterProvider);
    const orders = meterProvider.getMeter('app').createCounter<{ shop: string }>('app.orders', { valueType: 0 });
    orders.add(1, { shop: 'north' });
    // @ts-expect-error the counter has attributes of its own
    orders.add(1, { shop: 2 });
  });

  it('have a Prometheus endpoint with an address only if it listens', async () => {
    expectTypeOf((await prometheusEndpoint({ port: 0 })).url).toEqualTypeOf<string>();
    const mounted = await prometheusEndpoint({ port: null });
    expectTypeOf(mounted).not.toHaveProperty('url');
    createServer(mounted.handler);
    expectTypeOf(mounted.fetch).toBeCallableWith(new Request('http://localhost/'));
    // @ts-expect-error without a server there is no path
    void prometheusEndpoint({ port: null, path: '/metrics' });
  });
});
