// A trace follows its work: from a request into a queue, into a loop in a separate process, and back into a loop here.
// Each iteration is part of the trace in which its message was pushed.
import assert from 'node:assert/strict';
import { trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { Loop, WorkflowOrchestrator } from 'orchestrator/loops';
import { startTelemetry } from 'orchestrator/telemetry';
import type { Resized } from './telemetry-loops/resize.js';

const exporter = new InMemorySpanExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
const telemetry = await startTelemetry();

const seen: { readonly image: string; readonly inProcess: string; readonly here: string | undefined }[] = [];
const orchestrator = new WorkflowOrchestrator().load({
  queues: { images: {}, thumbnails: {} },
  loops: [
    // Each thread and process has its own telemetry: the module starts it.
    {
      id: 'resize',
      module: new URL('./telemetry-loops/resize.ts', import.meta.url), // '.js' in a program that is built
      options: { from: 'images', to: 'thumbnails' },
      pool: 'process',
    },
    new Loop('store').read('take', 'thumbnails').blocking('save', ({ image, traceId }: Resized) => {
      seen.push({ image, inProcess: traceId, here: trace.getActiveSpan()?.spanContext().traceId });
    }),
  ],
});
await orchestrator.start();

const requests = new Map<string, string>();
for (const image of ['cat.png', 'dog.png']) {
  await trace.getTracer('web').startActiveSpan(`PUT /${image}`, async (request) => {
    requests.set(image, request.spanContext().traceId);
    await orchestrator.queue('images').push(image);
    request.end();
  });
}
await orchestrator.close(); // Drains all queues first.
telemetry.stop();

for (const { image, inProcess, here } of seen) {
  console.log(`${image}: request, process and store are in the trace ${here}`);
  assert.equal(inProcess, requests.get(image));
  assert.equal(here, requests.get(image));
}
assert.equal(seen.length, 2);
const saved = exporter.getFinishedSpans().filter(({ name }) => name === 'save');
assert.deepEqual(
  saved.map(({ attributes }) => attributes['messaging.destination.name']),
  ['thumbnails', 'thumbnails'],
);
