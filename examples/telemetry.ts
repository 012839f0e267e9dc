// OpenTelemetry spans for processes, tasks and groups: their nesting, durations, attempts and errors. Here they are
// kept in memory; a real program sends them with an exporter, and nothing else changes.
import assert from 'node:assert/strict';
import { trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { Orchestrator } from 'orchestrator';
import { startTelemetry } from 'orchestrator/telemetry';

// The program sets up the SDK: `new NodeSDK({ traceExporter: new OTLPTraceExporter() }).start()` to send spans.
const exporter = new InMemorySpanExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();

// One call for the whole program. Spans contain no arguments, results or state, except for the attributes added here.
const telemetry = await startTelemetry({
  attributes: (record, kind) => (kind === 'task' ? { 'shop.item': String(record.args[0]) } : undefined),
});

const orchestrator = new Orchestrator({ name: 'checkout', retry: { retries: 1, minTimeout: 1 } });
let outages = 1;
const reserve = orchestrator.action(async function reserve(item: string) {
  if (item === 'tea' && outages-- > 0) throw new Error('the warehouse does not answer');
  return item;
});
const charge = orchestrator.action(
  async function charge(_items: readonly string[]) {
    throw new RangeError('declined');
  },
  { retry: 0 },
);

// Spans of libraries (HTTP servers, databases) and of the orchestrator nest in each other.
await trace.getTracer('shop').startActiveSpan('POST /checkout', async (request) => {
  const checkout = orchestrator.run(async () => charge(await orchestrator.map(['tea', 'milk'], reserve)));
  await assert.rejects(checkout, { message: 'declined' });
  request.end();
});
telemetry.stop();

const spans = exporter.getFinishedSpans();
const lines = print(spans.find(({ parentSpanContext }) => parentSpanContext === undefined));
console.log(lines.join('\n'));
assert.deepEqual(lines, [
  'POST /checkout',
  '  checkout failed, RangeError: declined',
  '    map reserve completed',
  '      reserve completed, tea, 2 attempts, retry: the warehouse does not answer',
  '      reserve completed, milk, 1 attempts',
  '    charge failed, tea,milk, 1 attempts, RangeError: declined',
]);

/** A span with its descendants. */
function print(span: ReadableSpan | undefined, depth = 0): string[] {
  if (span === undefined) return [];
  const { name, attributes, events, status } = span;
  const parts = [
    attributes['orchestrator.status'] === undefined ? name : `${name} ${attributes['orchestrator.status']}`,
    attributes['shop.item'],
    attributes['orchestrator.task.attempts'] && `${attributes['orchestrator.task.attempts']} attempts`,
    ...events
      .filter((event) => event.name === 'orchestrator.task.retry')
      .map((event) => `retry: ${event.attributes?.['exception.message']}`),
    attributes['error.type'] && `${attributes['error.type']}: ${status.message}`,
  ];
  const id = span.spanContext().spanId;
  const children = spans.filter(({ parentSpanContext }) => parentSpanContext?.spanId === id);
  // Spans end in a different order than they start.
  children.sort((one, other) => number(one) - number(other));
  const line = '  '.repeat(depth) + parts.filter((part) => part !== undefined).join(', ');
  return [line, ...children.flatMap((child) => print(child, depth + 1))];
}

function number({ attributes }: ReadableSpan): number {
  return Number(attributes['orchestrator.task.number'] ?? 0);
}
