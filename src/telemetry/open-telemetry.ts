/**
 * The part of the OpenTelemetry API that appears in public types. The API is an optional peer, and declarations that
 * import it would not compile without it, even for users who need only `logTo`. Each type is assignable to and from the
 * type of the API with the same name (`test/types/telemetry.test-d.ts`).
 */

/**
 * Attributes of a span or a measurement: values by name. A value is a string, a number, a boolean, or an array of one
 * of these. Compatible with `Attributes` of `@opentelemetry/api`.
 */
export interface Attributes {
  [name: string]: AttributeValue | undefined;
}

type AttributeValue =
  | string
  | number
  | boolean
  | (string | null | undefined)[]
  | (number | null | undefined)[]
  | (boolean | null | undefined)[];

/**
 * A source of tracers, for the option `tracerProvider` of `startTelemetry`. Compatible with `TracerProvider` of
 * `@opentelemetry/api`, so a tracer provider of the OpenTelemetry SDK can be passed.
 */
export interface TracerProvider {
  getTracer(name: string, version?: string, options?: ScopeOptions): Tracer;
}

/**
 * A source of meters, for the option `meterProvider` of `startTelemetry`. Compatible with `MeterProvider` of
 * `@opentelemetry/api`, so a meter provider of the OpenTelemetry SDK can be passed.
 */
export interface MeterProvider {
  getMeter(name: string, version?: string, options?: ScopeOptions): Meter;
}

interface ScopeOptions {
  schemaUrl?: string;
}

interface Context {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): Context;
  deleteValue(key: symbol): Context;
}

interface Tracer {
  startSpan(name: string, options?: SpanOptions, context?: Context): Span;
  startActiveSpan<Work extends (span: Span) => unknown>(name: string, work: Work): ReturnType<Work>;
  startActiveSpan<Work extends (span: Span) => unknown>(
    name: string,
    options: SpanOptions,
    work: Work,
  ): ReturnType<Work>;
  startActiveSpan<Work extends (span: Span) => unknown>(
    name: string,
    options: SpanOptions,
    context: Context,
    work: Work,
  ): ReturnType<Work>;
}

interface SpanOptions {
  /** Numeric `SpanKind`: internal, server, client, producer, consumer. */
  kind?: 0 | 1 | 2 | 3 | 4;
  attributes?: Attributes;
  links?: Link[];
  startTime?: Time;
  root?: boolean;
}

interface Span {
  spanContext(): SpanContext;
  setAttribute(name: string, value: AttributeValue): this;
  setAttributes(attributes: Attributes): this;
  addEvent(name: string, attributesOrTime?: Attributes | Time, time?: Time): this;
  addLink(link: Link): this;
  addLinks(links: Link[]): this;
  setStatus(status: SpanStatus): this;
  updateName(name: string): this;
  end(time?: Time): void;
  isRecording(): boolean;
  recordException(exception: Exception, time?: Time): void;
}

interface SpanContext {
  traceId: string;
  spanId: string;
  isRemote?: boolean;
  traceFlags: number;
  traceState?: TraceState;
}

interface TraceState {
  get(key: string): string | undefined;
  set(key: string, value: string): TraceState;
  unset(key: string): TraceState;
  serialize(): string;
}

interface Link {
  context: SpanContext;
  attributes?: Attributes;
  droppedAttributesCount?: number;
}

interface SpanStatus {
  /** Numeric `SpanStatusCode`: unset, ok, error. */
  code: 0 | 1 | 2;
  message?: string;
}

/** Milliseconds since 1970 or since the program's start, a pair of seconds and nanoseconds, or a date. */
type Time = number | [seconds: number, nanoseconds: number] | Date;

/** An error, or an object with at least a code, a message or a name. */
type Exception =
  | string
  | (ExceptionParts & { code: string | number })
  | (ExceptionParts & { message: string })
  | (ExceptionParts & { name: string });

interface ExceptionParts {
  code?: string | number;
  name?: string;
  message?: string;
  stack?: string;
}

interface Meter {
  createGauge<Own extends Attributes = Attributes>(name: string, options?: MetricOptions): Recorder<Own>;
  createHistogram<Own extends Attributes = Attributes>(name: string, options?: MetricOptions): Recorder<Own>;
  createCounter<Own extends Attributes = Attributes>(name: string, options?: MetricOptions): Adder<Own>;
  createUpDownCounter<Own extends Attributes = Attributes>(name: string, options?: MetricOptions): Adder<Own>;
  createObservableGauge<Own extends Attributes = Attributes>(name: string, options?: MetricOptions): Observable<Own>;
  createObservableCounter<Own extends Attributes = Attributes>(name: string, options?: MetricOptions): Observable<Own>;
  createObservableUpDownCounter<Own extends Attributes = Attributes>(
    name: string,
    options?: MetricOptions,
  ): Observable<Own>;
  addBatchObservableCallback<Own extends Attributes = Attributes>(
    callback: (result: BatchObservableResult<Own>) => void | Promise<void>,
    observables: Observable<Own>[],
  ): void;
  removeBatchObservableCallback<Own extends Attributes = Attributes>(
    callback: (result: BatchObservableResult<Own>) => void | Promise<void>,
    observables: Observable<Own>[],
  ): void;
}

interface MetricOptions {
  description?: string;
  unit?: string;
  /** Numeric `ValueType`: whole numbers, or any numbers. Default: any. */
  valueType?: 0 | 1;
  advice?: { explicitBucketBoundaries?: number[] };
}

/** A counter or an up-down counter. */
interface Adder<Own extends Attributes = Attributes> {
  add(value: number, attributes?: Own, context?: Context): void;
}

/** A histogram or a gauge. */
interface Recorder<Own extends Attributes = Attributes> {
  record(value: number, attributes?: Own, context?: Context): void;
}

/** A gauge or counter whose value is read when metrics are collected. */
interface Observable<Own extends Attributes = Attributes> {
  addCallback(callback: (result: ObservableResult<Own>) => void | Promise<void>): void;
  removeCallback(callback: (result: ObservableResult<Own>) => void | Promise<void>): void;
}

interface ObservableResult<Own extends Attributes = Attributes> {
  observe(this: ObservableResult<Own>, value: number, attributes?: Own): void;
}

interface BatchObservableResult<Own extends Attributes = Attributes> {
  observe(this: BatchObservableResult<Own>, metric: Observable<Own>, value: number, attributes?: Own): void;
}
