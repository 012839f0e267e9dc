import { trace } from '@opentelemetry/api';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { Loop } from 'orchestrator/loops';
import { startTelemetry } from 'orchestrator/telemetry';

export interface Resized {
  readonly image: string;
  readonly traceId: string;
}

/** A loop in a process. It first sets up its own SDK (here one without an exporter). */
export default async function resize({ from, to }: { from: string; to: string }): Promise<Loop> {
  new NodeTracerProvider().register();
  await startTelemetry();
  return new Loop('resize')
    .read('images', from)
    .blocking(
      'shrink',
      (image: string): Resized => ({ image, traceId: String(trace.getActiveSpan()?.spanContext().traceId) }),
    )
    .push('give', to);
}
