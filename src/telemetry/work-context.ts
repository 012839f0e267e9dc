import type { Context, Span } from '@opentelemetry/api';
import type { ProcessRecord, TaskRecord } from '../index.js';
import type { Api } from './api.js';

/** An open span and its record. */
export interface Open<Record> {
  readonly span: Span;
  readonly record: Record;
}

/** Keys of the values that a context of work holds itself. */
interface Keys {
  /** Key of OpenTelemetry for the active span. */
  readonly span: symbol;
  readonly task: symbol;
  readonly process: symbol;
}

/** Creates the contexts of work, and finds the open work of a context. */
export class WorkContexts {
  readonly #keys: Keys;

  constructor(api: Api) {
    this.#keys = {
      span: spanKeyOf(api),
      task: api.createContextKey('orchestrator.task'),
      process: api.createContextKey('orchestrator.process'),
    };
  }

  ofProcess(outer: Context, span: Span, record: ProcessRecord): Context {
    const around = this.#around(outer);
    return new WorkContext(this.#keys, around.rest, span, around.task, { span, record });
  }

  ofTask(outer: Context, span: Span, record: TaskRecord): Context {
    const around = this.#around(outer);
    return new WorkContext(this.#keys, around.rest, span, { span, record }, around.process);
  }

  /** Returns the innermost task of a context. */
  taskOf(context: Context): Open<TaskRecord> | undefined {
    return context.getValue(this.#keys.task) as Open<TaskRecord> | undefined;
  }

  /** Returns the innermost process of a context. */
  processOf(context: Context): Open<ProcessRecord> | undefined {
    return context.getValue(this.#keys.process) as Open<ProcessRecord> | undefined;
  }

  #around(outer: Context): Pick<WorkContext, 'rest' | 'task' | 'process'> {
    if (outer instanceof WorkContext) return outer;
    const { task, process } = this.#keys;
    return { rest: outer, task: outer.getValue(task), process: outer.getValue(process) };
  }
}

/**
 * Context in which work runs. Equal to the surrounding context with a span, a task and a process set, but created
 * without copying the surrounding values. Contexts do not form a chain: a context holds the values of the surrounding
 * one that it does not replace, and no context of other work.
 */
class WorkContext implements Context {
  constructor(
    readonly keys: Keys,
    readonly rest: Context,
    readonly span: unknown,
    readonly task: unknown,
    readonly process: unknown,
  ) {}

  getValue(key: symbol): unknown {
    if (key === this.keys.span) return this.span;
    if (key === this.keys.task) return this.task;
    if (key === this.keys.process) return this.process;
    return this.rest.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    const { keys, rest, span, task, process } = this;
    if (key === keys.span) return new WorkContext(keys, rest, value, task, process);
    if (key === keys.task) return new WorkContext(keys, rest, span, value, process);
    if (key === keys.process) return new WorkContext(keys, rest, span, task, value);
    return new WorkContext(keys, rest.setValue(key, value), span, task, process);
  }

  deleteValue(key: symbol): Context {
    const { keys, rest, span, task, process } = this;
    if (key === keys.span || key === keys.task || key === keys.process) return this.setValue(key, undefined);
    return new WorkContext(keys, rest.deleteValue(key), span, task, process);
  }
}

/** Returns the key under which OpenTelemetry keeps the active span. The key itself is not part of its API. */
function spanKeyOf({ trace, INVALID_SPAN_CONTEXT }: Api): symbol {
  let found: symbol | undefined;
  const probe: Context = {
    getValue: () => undefined,
    setValue: (key) => {
      found = key;
      return probe;
    },
    deleteValue: () => probe,
  };
  trace.setSpan(probe, trace.wrapSpanContext(INVALID_SPAN_CONTEXT));
  return found as symbol;
}
