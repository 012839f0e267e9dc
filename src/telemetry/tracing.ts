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

/**
 * A function that adds attributes to spans. It receives the complete record of a process, task or group, and the kind
 * of the record: `process`, `task` or `group`. Returning `undefined` adds nothing.
 *
 * @example
 * const describe: Describe = (record, kind) => (kind === 'process' ? { 'app.tenant': record.context.tenant } : undefined);
 */
export type Describe = (
  ...args:
    | [record: ProcessRecord<AnyState>, kind: 'process']
    | [record: TaskRecord<AnyState>, kind: 'task']
    | [record: GroupRecord, kind: 'group']
) => Attributes | undefined;

/** The instrumentation and the event handlers that record traces. */
export interface Tracing extends Instrumentation {
  /** Adds a retry to the span of its task. Called in the context of the task. */
  onRetry(event: TaskRetryEvent): void;
  /** Adds the outcome of a fleet's run to the span of the process that ended the run. */
  onRunEnd(event: RunEndEvent): void;
}

/** An open span and its record. */
interface Open<Record> {
  readonly span: Span;
  readonly record: Record;
}

/**
 * Creates a span for each process, task and group. Work runs in the context of its span, so spans created inside become
 * children. A span ends when its work has settled, with any outcome.
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
      const hasItems = record.kind === 'map' || record.kind === 'each';
      const name = hasItems ? `${record.kind} ${record.name}` : record.name;
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

  /**
   * Returns the options of a task's span. A task that handles messages is a consumer. If there are several messages,
   * the span belongs to the trace of one message and links to the traces of the other messages.
   */
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

/**
 * Remembers errors that are recorded on a span. An error that propagates is recorded once per trace, on the innermost
 * span.
 */
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
