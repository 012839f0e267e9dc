import { tracingChannel } from 'node:diagnostics_channel';
import { openSync } from 'node:fs';
import { Orchestrator } from '../../dist/index.js';

// Packages are imported inside the functions that use them. Each contender runs in a separate process, which then
// contains only the packages that it needs. A contender returns the function to call for a task and, optionally, one
// that flushes the recorded data outside of the measured time.

/**
 * @typedef {object} Contender
 * @property {string} label
 * @property {() => Promise<{ call: (left: number, right: number) => Promise<number>, around?: Around, flush?: () => Promise<unknown> }>} make
 * @typedef {(work: () => Promise<void>) => Promise<void>} Around
 */

const processId = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';

async function add(left, right) {
  return left + right;
}

/** An action, called in an open run. */
function task(work = add) {
  const orchestrator = new Orchestrator({ name: 'bench' });
  return { call: orchestrator.action(work), around: (calls) => orchestrator.run(calls) };
}

/** @type {Record<string, Contender>} */
export const contenders = {
  none: { label: 'task, no telemetry', make: async () => task() },
  channel: {
    label: 'task, an empty subscriber on its channel',
    make: async () => {
      tracingChannel('orchestrator:task').asyncEnd.subscribe(() => {});
      return task();
    },
  },
  api: { label: 'task, telemetry without an SDK', make: async () => telemetry({}) },
  byHand: {
    label: 'task of a function with a span by hand, SDK as below',
    make: async () => ({ flush: await tracingSdk(), ...task(await spannedByHand()) }),
  },
  bothByHand: {
    label: 'task of a function with a span and one histogram by hand, SDK as below',
    make: async () => {
      const flushes = [await tracingSdk(), await metricsSdk()];
      const flush = () => Promise.all(flushes.map((flushOne) => flushOne()));
      return { flush, ...task(await measuredByHand(await spannedByHand())) };
    },
  },
  traces: {
    label: 'task with a span, SDK that exports to nowhere',
    make: async () => ({ flush: await tracingSdk(), ...(await telemetry({ metrics: false })) }),
  },
  unsampled: {
    label: 'task with a span that is not sampled',
    make: async () => {
      const { AlwaysOffSampler } = await import('@opentelemetry/sdk-trace-node');
      return { flush: await tracingSdk(new AlwaysOffSampler()), ...(await telemetry({ metrics: false })) };
    },
  },
  metrics: {
    label: 'task that is measured, SDK that exports to nowhere',
    make: async () => ({ flush: await metricsSdk(), ...(await telemetry({ traces: false })) }),
  },
  both: {
    label: 'task with both',
    make: async () => {
      const flushes = [await tracingSdk(), await metricsSdk()];
      return { flush: () => Promise.all(flushes.map((flush) => flush())), ...(await telemetry({})) };
    },
  },
  silent: { label: 'task, logged to a pino that is silent', make: async () => logged({ level: 'silent' }) },
  logged: { label: 'task, two lines of pino to /dev/null', make: async () => logged({ level: 'debug' }) },
};

/** A function with a span that has as many attributes as a span of the package. */
async function spannedByHand() {
  const { trace } = await import('@opentelemetry/api');
  const tracer = trace.getTracer('bench');
  return (left, right) => {
    const attributes = { 'app.kind': 'task', 'app.process': processId, 'app.name': 'add', 'app.number': left };
    return tracer.startActiveSpan('add', { attributes }, async (span) => {
      try {
        const result = await add(left, right);
        span.setAttributes({ 'app.status': 'completed', 'app.attempts': 1 });
        return result;
      } finally {
        span.end();
      }
    });
  };
}

/** A function whose duration is recorded with as many attributes as the package's histogram has. */
async function measuredByHand(work) {
  const { metrics } = await import('@opentelemetry/api');
  const duration = metrics.getMeter('bench').createHistogram('app.duration', { unit: 's' });
  const attributes = { 'app.name': 'add', 'app.process.name': 'bench', 'app.status': 'completed' };
  return async (left, right) => {
    const began = performance.now();
    const result = await work(left, right);
    duration.record((performance.now() - began) / 1_000, attributes);
    return result;
  };
}

async function telemetry(options) {
  const { startTelemetry } = await import('../../dist/telemetry/index.js');
  await startTelemetry(options);
  return task();
}

/** Tracing as in real programs: spans are exported in batches, here to an exporter that drops them. */
async function tracingSdk(sampler) {
  const { NodeTracerProvider, BatchSpanProcessor } = await import('@opentelemetry/sdk-trace-node');
  const exporter = { export: (_, done) => done({ code: 0 }), shutdown: async () => {} };
  const processor = new BatchSpanProcessor(exporter, { maxQueueSize: 100_000, scheduledDelayMillis: 60_000 });
  const provider = new NodeTracerProvider({ spanProcessors: [processor], ...(sampler && { sampler }) });
  provider.register();
  return () => provider.forceFlush();
}

async function metricsSdk() {
  const { metrics } = await import('@opentelemetry/api');
  const { AggregationTemporality, MeterProvider, PeriodicExportingMetricReader } = await import(
    '@opentelemetry/sdk-metrics'
  );
  const exporter = {
    export: (_, done) => done({ code: 0 }),
    selectAggregationTemporality: () => AggregationTemporality.CUMULATIVE,
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  const provider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 })],
  });
  metrics.setGlobalMeterProvider(provider);
  return () => provider.forceFlush();
}

async function logged(options) {
  const { logTo } = await import('../../dist/telemetry/index.js');
  const { default: pino } = await import('pino');
  logTo(pino(options, pino.destination({ fd: openSync('/dev/null', 'w'), sync: true })));
  return task();
}
