import type { Context, Link, Span, SpanOptions, Tracer } from '@opentelemetry/api';
import type { LifeBeginEvent } from '../durable/index.js';
import type { RunEndEvent } from '../flow/index.js';
import type { Carrier, GroupRecord, Instrumentation, ProcessRecord, TaskRecord, TaskRetryEvent } from '../index.js';
import type { Api } from './api.js';
import { ofGroup, ofGroupEnd, ofProcess, ofProcessEnd, ofRetry, ofTask, ofTaskEnd } from './attributes.js';
import { cut, exceptionOf, messageOf } from './errors.js';
import { nodeDataOf } from './node-data.js';
import type { Attributes } from './open-telemetry.js';
import { WorkContexts } from './work-context.js';

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
  /** Links the span of a durable run to the span of the run's life before. Called in the context of the process. */
  onLife(event: LifeBeginEvent): void;
}

/**
 * Creates a span for each process, task and group. Work runs in the context of its span, so spans created inside become
 * children. A span ends when its work has settled, with any outcome.
 */
export function tracing(api: Api, tracer: Tracer, describe: Describe | undefined): Tracing {
  const { context, propagation, trace, ROOT_CONTEXT, SpanKind, SpanStatusCode } = api;
  const contexts = new WorkContexts(api);
  const recorded = new Recorded();
  const arrivedWith = api.createContextKey('orchestrator.carrier');

  return {
    process: (record, work) => {
      const parent = context.active();
      const span = tracer.startSpan(record.name, { attributes: ofProcess(record) }, parent);
      settle('process', record, span, context.with(contexts.ofProcess(parent, span, record), work), ofProcessEnd);
    },
    task: (record, work) => {
      const parent = context.active();
      const span = tracer.startSpan(record.name, taskOptions(record, parent), parent);
      settle('task', record, span, context.with(contexts.ofTask(parent, span, record), work), ofTaskEnd);
    },
    group: (record, work) => {
      const hasItems = record.kind === 'map' || record.kind === 'each';
      const name = hasItems ? `${record.kind} ${record.name}` : record.name;
      const span = tracer.startSpan(name, { attributes: ofGroup(record) });
      settle('group', record, span, context.with(trace.setSpan(context.active(), span), work), ofGroupEnd);
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
      const open = contexts.taskOf(context.active());
      if (open?.record.processId !== event.processId || open.record.number !== event.number) return;
      if (open.span.isRecording()) open.span.addEvent('orchestrator.task.retry', ofRetry(event));
    },
    onRunEnd: ({ runId, status, error = status }) => {
      const open = contexts.processOf(context.active());
      if (open?.record.id !== runId || !open.span.isRecording()) return;
      open.span.setAttribute('orchestrator.run.status', status);
      if (status === 'failed') open.span.setStatus({ code: SpanStatusCode.ERROR, message: cut(error) });
    },
    onLife: ({ former }) => {
      trace.getActiveSpan()?.addLinks(linkTo(former));
    },
  };

  /**
   * Returns the options of a task's span. A task that handles messages is a consumer. If there are several messages,
   * the span belongs to the trace of one message and links to the traces of the other messages.
   */
  function taskOptions(record: TaskRecord, parent: Context): SpanOptions {
    const data = nodeDataOf(record);
    const attributes = ofTask(record, data);
    if (data === undefined) return { attributes };
    const carrier = parent.getValue(arrivedWith) as Carrier | undefined;
    if (!data.messages.some((message) => message.carrier === carrier && carrier !== undefined)) return { attributes };
    attributes['messaging.operation.name'] = 'process';
    attributes['messaging.operation.type'] = 'process';
    const others = data.messages.filter((message) => message.carrier !== carrier);
    return { attributes, kind: SpanKind.CONSUMER, links: others.flatMap((message) => linkTo(message.carrier)) };
  }

  function linkTo(carrier: Carrier | undefined): Link[] {
    if (carrier === undefined) return [];
    const context = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, carrier));
    return context === undefined ? [] : [{ context }];
  }

  /** Ends the span when the work has settled. Errors of the user's function and of the SDK are ignored. */
  function settle<Record extends AnyRecord>(
    kind: Kind,
    record: Record,
    span: Span,
    pending: Promise<unknown>,
    attributesOf: (record: Record) => Attributes,
  ): void {
    const settled = () => {
      try {
        end(kind, record, span, attributesOf);
      } catch {}
    };
    pending.then(settled, settled);
  }

  function end<Record extends AnyRecord>(
    kind: Kind,
    record: Record,
    span: Span,
    attributesOf: (record: Record) => Attributes,
  ): void {
    try {
      if (span.isRecording()) tell(kind, record, span, attributesOf(record));
    } finally {
      span.end();
    }
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
