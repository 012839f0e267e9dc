import * as api from '@opentelemetry/api';
import { context, createContextKey, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { Orchestrator } from 'orchestrator';
import { describe, expect, it } from 'vitest';
import type { ProcessRecord, TaskRecord } from '../../src/index.js';
import { WorkContexts } from '../../src/telemetry/work-context.js';
import { spanOf, started, tracingSdk } from './support.js';

const key = createContextKey('of the program');
const span = trace.wrapSpanContext({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 });
const other = trace.wrapSpanContext({ traceId: '3'.repeat(32), spanId: '4'.repeat(16), traceFlags: 1 });
const task = { name: 'task' } as TaskRecord;
const process = { name: 'process' } as ProcessRecord;

describe('the context of work', () => {
  const contexts = new WorkContexts(api);

  it('has the span, the work and all values of the surrounding context', () => {
    const outer = contexts.ofProcess(ROOT_CONTEXT.setValue(key, 'value'), other, process);
    const inner = contexts.ofTask(outer, span, task);
    expect(trace.getSpan(inner)).toBe(span);
    expect(trace.getSpan(outer)).toBe(other);
    expect(contexts.taskOf(inner)).toEqual({ span, record: task });
    expect(contexts.processOf(inner)).toEqual({ span: other, record: process });
    expect(contexts.taskOf(outer)).toBeUndefined();
    expect(inner.getValue(key)).toBe('value');
  });

  it('is unchanged by contexts that are derived from it', () => {
    const inner = contexts.ofTask(ROOT_CONTEXT, span, task);
    const derived = trace.setSpan(inner.setValue(key, 'value'), other);
    expect(trace.getSpan(derived)).toBe(other);
    expect(derived.getValue(key)).toBe('value');
    expect(contexts.taskOf(derived)?.record).toBe(task);
    expect(trace.getSpan(inner)).toBe(span);
    expect(inner.getValue(key)).toBeUndefined();
  });

  it('loses only the values that are deleted', () => {
    const surrounding = trace.setSpan(ROOT_CONTEXT.setValue(key, 'value'), other);
    const inner = contexts.ofTask(surrounding, span, task);
    expect(trace.getSpan(trace.deleteSpan(inner))).toBeUndefined();
    expect(contexts.taskOf(trace.deleteSpan(inner))?.record).toBe(task);
    expect(inner.deleteValue(key).getValue(key)).toBeUndefined();
    expect(trace.getSpan(inner.deleteValue(key))).toBe(span);
  });

  it('keeps no context of the work around it', () => {
    let inner = contexts.ofTask(ROOT_CONTEXT, span, task);
    for (let depth = 0; depth < 10; depth++) inner = contexts.ofTask(inner, other, task);
    expect(Object.values(inner)).toContain(ROOT_CONTEXT);
    expect(Object.values(inner).filter((value) => value instanceof inner.constructor)).toEqual([]);
  });

  it('carries baggage and spans of the program into tasks', async () => {
    const { spans } = tracingSdk();
    await started({ metrics: false });
    const orchestrator = new Orchestrator({ name: 'run' });
    const read = orchestrator.action(() => propagation.getActiveBaggage()?.getEntry('tenant')?.value, { name: 'read' });
    const tracer = trace.getTracer('program');
    const found = await orchestrator.run(() => {
      const baggage = propagation.createBaggage({ tenant: { value: 'eu' } });
      return context.with(propagation.setBaggage(context.active(), baggage), () =>
        tracer.startActiveSpan('own', async (own) => {
          const value = await read();
          own.end();
          return value;
        }),
      );
    });
    expect(found).toBe('eu');
    expect(spanOf(spans(), 'read').parentSpanContext?.spanId).toBe(spanOf(spans(), 'own').spanContext().spanId);
    expect(spanOf(spans(), 'own').parentSpanContext?.spanId).toBe(spanOf(spans(), 'run').spanContext().spanId);
  });
});
