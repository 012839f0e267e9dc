import type { Context, Link, Span, Tracer } from '@opentelemetry/api';
import type { RunEndEvent } from '../flow/index.js';
import type { Carrier, GroupRecord, Instrumentation, ProcessRecord, TaskRecord, TaskRetryEvent } from '../index.js';
import type { Api } from './api.js';
import { ofEnd, ofGroup, ofGroupEnd, ofProcess, ofRetry, ofTask, ofTaskEnd } from './attributes.js';
import { cut, exceptionOf, messageOf } from './errors.js';
import { nodeDataOf } from './node-data.js';
import type { Attributes } from './open-telemetry.js';

type AnyRecord = ProcessRecord | TaskRecord | GroupRecord;

type Kind = 'process' | 'task' | 'group';

// biome-ignore lint/suspicious/noExplicitAny: only the user knows the type of the state
type AnyState = any;

/** What users may add to spans, from the record when it is complete; the kind says which record it is. */
export type Describe = (
  ...args:
    | [record: ProcessRecord<AnyState>, kind: 'process']
    | [record: TaskRecord<AnyState>, kind: 'task']
    | [record: GroupRecord, kind: 'group']
) => Attributes | undefined;

/** What traces are made with. */
export interface Tracing extends Instrumentation {
  /** Adds a retry to the span of its task, which this is called inside. */
  onRetry(event: TaskRetryEvent): void;
  /** Says on the span of the process in which a run of a fleet ended how it did. */
  onRunEnd(event: RunEndEvent): void;
}

/** A span, and what it is of. */
interface Open<Record> {
  readonly span: Span;
  readonly record: Record;
}

/**
 * A span for each process, task and group. The work is called in the context of its span, so that spans of whatever it
 * uses are children; it ends when the work has settled, however that was.
 */
export function tracing(api: Api, tracer: Tracer, describe: Describe | undefined): Tracing {
  const { context, propagation, trace, ROOT_CONTEXT, SpanKind, SpanStatusCode } = api;
  const openTask = api.createContextKey('orchestrator.task');
  const openProcess = api.createContextKey('orchestrator.process');
  const recorded = new Recorded();
  const arrivedWith = api.createContextKey('orchestrator.carrier');

  return {
    process: (record, work) => {
      const span = tracer.startSpan(record.name, { attributes: ofProcess(record) });
      const inside = trace.setSpan(context.active(), span).setValue(openProcess, { span, record });
      return settle('process', record, span, context.with(inside, work), ofEnd);
    },
    task: (record, work) => {
      const parent = context.active();
      const span = tracer.startSpan(record.name, taskOptions(record, parent), parent);
      const inside = trace.setSpan(parent, span).setValue(openTask, { span, record });
      return settle('task', record, span, context.with(inside, work), ofTaskEnd);
    },
    group: (record, work) => {
      const name = record.kind === 'map' ? `map ${record.name}` : record.name;
      const span = tracer.startSpan(name, { attributes: ofGroup(record) });
      return settle('group', record, span, inSpan(span, work), ofGroupEnd);
    },
    capture: () => {
      const carrier: Record<string, string> = {};
      propagation.inject(context.active(), carrier);
      return Object.keys(carrier).length === 0 ? undefined : carrier;
    },
    restore: (carrier, work) => {
      const arrived = propagation.extract(ROOT_CONTEXT, carrier).setValue(arrivedWith, carrier);
      return context.with(arrived, work);
    },
    onRetry: (event) => {
      const open = context.active().getValue(openTask) as Open<TaskRecord> | undefined;
      if (open?.record.processId !== event.processId || open.record.number !== event.number) return;
      if (open.span.isRecording()) open.span.addEvent('orchestrator.task.retry', ofRetry(event));
    },
    onRunEnd: ({ runId, status, error = status }) => {
      const open = context.active().getValue(openProcess) as Open<ProcessRecord> | undefined;
      if (open?.record.id !== runId || !open.span.isRecording()) return;
      open.span.setAttribute('orchestrator.run.status', status);
      if (status === 'failed') open.span.setStatus({ code: SpanStatusCode.ERROR, message: cut(error) });
    },
  };

  function inSpan<Result>(span: Span, work: () => Result): Result {
    return context.with(trace.setSpan(context.active(), span), work);
  }

  /** The task that has taken a message is its consumer. Where there are several, it is part of the trace of one. */
  function taskOptions(record: TaskRecord, parent: Context) {
    const attributes = ofTask(record);
    const carrier = parent.getValue(arrivedWith) as Carrier | undefined;
    const messages = nodeDataOf(record)?.messages ?? [];
    if (!messages.some((message) => message.carrier === carrier && carrier !== undefined)) return { attributes };
    attributes['messaging.operation.name'] = 'process';
    attributes['messaging.operation.type'] = 'process';
    const others = messages.filter((message) => message.carrier !== carrier);
    return { attributes, kind: SpanKind.CONSUMER, links: others.flatMap((message) => linkTo(message.carrier)) };
  }

  function linkTo(carrier: Carrier | undefined): Link[] {
    if (carrier === undefined) return [];
    const context = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, carrier));
    return context === undefined ? [] : [{ context }];
  }

  /** Ends the span when the work has settled. */
  function settle<Record extends AnyRecord>(
    kind: Kind,
    record: Record,
    span: Span,
    pending: Promise<unknown>,
    attributesOf: (record: Record) => Attributes,
  ): Promise<void> {
    const end = () => {
      try {
        if (span.isRecording()) tell(kind, record, span, attributesOf(record));
      } finally {
        span.end();
      }
    };
    return pending.then(end, end);
  }

  function tell(kind: Kind, record: AnyRecord, span: Span, attributes: Attributes): void {
    span.setAttributes(attributes);
    if (record.status === 'failed') {
      span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(record.error) });
      if (recorded.isNew(record.error, span)) span.recordException(exceptionOf(record.error));
    }
    const own = describe?.(...([record, kind] as Parameters<Describe>));
    if (own !== undefined) span.setAttributes(own);
  }
}

/** Errors that are on a span already: what goes up is recorded where it arose, once in a trace. */
class Recorded {
  readonly #traces = new WeakMap<object, string>();

  isNew(error: unknown, span: Span): boolean {
    if (typeof error !== 'object' || error === null) return true;
    const { traceId } = span.spanContext();
    if (this.#traces.get(error) === traceId) return false;
    this.#traces.set(error, traceId);
    return true;
  }
}
