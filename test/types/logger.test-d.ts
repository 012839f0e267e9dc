import type { Logger } from 'orchestrator';
import type { Logger as FlowLogger, NodeArgs } from 'orchestrator/flow';
import { FlowRuntime } from 'orchestrator/flow';
import { type Logger as LoopLogger, WorkflowOrchestrator } from 'orchestrator/loops';
import { logTo, type Logger as TelemetryLogger } from 'orchestrator/telemetry';
import pino from 'pino';
import { describe, expectTypeOf, it } from 'vitest';

describe('the type of loggers', () => {
  it('is one in all layers', () => {
    expectTypeOf<FlowLogger>().toEqualTypeOf<Logger>();
    expectTypeOf<LoopLogger>().toEqualTypeOf<Logger>();
    expectTypeOf<TelemetryLogger>().toEqualTypeOf<Logger>();
    expectTypeOf<NodeArgs['logger']>().toEqualTypeOf<Logger>();
  });

  it('takes pino, its children, and console, everywhere', () => {
    for (const logger of [pino(), pino().child({ a: 1 }), console]) {
      new FlowRuntime({ logger });
      new WorkflowOrchestrator({ logger });
      logTo(logger);
    }
  });

  it('takes objects with methods that a message and details can be given to', () => {
    const write = (message: string, details?: object) => [message, details];
    const logger = { debug: write, info: write, warn: write, error: write };
    new FlowRuntime({ logger });
    logTo({ info: write, error: write }, { levels: { begin: false, retry: 'info', cancellation: 'error' } });
    // @ts-expect-error there is no warn
    new WorkflowOrchestrator({ logger: { debug: write, info: write, error: write } });
  });
});
