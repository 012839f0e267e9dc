import { invalid, type Reader } from './validate.js';

/**
 * Names of a logger's methods, ordered by severity, from the least to the most severe. `trace` is optional in a
 * `Logger`; the other four levels are required.
 */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

/**
 * Writes log lines: a message, and an object of details. `console`, winston and custom objects are called in this
 * order. pino and bunyan, which take the details first, are recognised and called in their own order. Errors are passed
 * in the details as `err`.
 *
 * Every layer accepts a logger as its option `logger`. Nodes of flows receive it as `args.logger`.
 */
export interface Logger {
  trace?(message: string, details?: object): void;
  debug(message: string, details?: object): void;
  info(message: string, details?: object): void;
  warn(message: string, details?: object): void;
  error(message: string, details?: object): void;
}

/** Order of a logger's arguments: `pino` takes the details first, `console` takes the message first. */
export type LogStyle = 'pino' | 'console';

/**
 * A logger that writes nothing. It is the default of every `logger` option, so the package stays silent unless a logger
 * is given. Use it to switch logging off explicitly.
 */
export class NullLogger implements Logger {
  debug(_message: string, _details?: object): void {}
  info(_message: string, _details?: object): void {}
  warn(_message: string, _details?: object): void {}
  error(_message: string, _details?: object): void {}
}

const levels = ['trace', 'debug', 'info', 'warn', 'error'] as const;
const needed = levels.filter((level) => level !== 'trace');

/** Validates a logger of any style. Returns a logger that takes the message first. */
export const aLogger: Reader<Logger> = (value, field) => {
  if (!needed.every((level) => typeof Object(value)[level] === 'function')) {
    throw invalid(field, `an object with ${needed.join(', ')}`, value);
  }
  return messageFirst(value as Logger);
};

const turned = new WeakMap<object, Logger>();
const results = new WeakSet<object>();

/**
 * Returns a logger that takes the message first. A logger that already does so is returned unchanged. For any other
 * logger, the result inherits from that logger and therefore has all its other members, such as `child` and `level`.
 * Methods are looked up at each call, because pino replaces them when its level changes.
 *
 * @param style - order of the logger's arguments. Default: `pino` for loggers made by pino or bunyan, else `console`
 */
export function messageFirst(logger: Logger, style: LogStyle = styleOf(logger)): Logger {
  if (style === 'console' || results.has(logger)) return logger;
  const known = turned.get(logger);
  if (known !== undefined) return known;
  const own = levels.filter((level) => typeof logger[level] === 'function');
  const methods = own.map((level) => [level, { value: turnedMethod(logger, level), writable: true }] as const);
  const result = Object.create(logger, Object.fromEntries(methods)) as Logger;
  turned.set(logger, result);
  results.add(result);
  return result;
}

// biome-ignore lint/suspicious/noExplicitAny: the methods of foreign loggers take arguments of any type
type Foreign = Record<LogLevel, (...args: any[]) => void>;

/**
 * Creates a method that swaps a message and an object of details. Other arguments, such as pino's own order, are passed
 * on unchanged.
 */
function turnedMethod(logger: Logger, level: LogLevel) {
  return function (this: unknown, message: unknown, ...rest: readonly unknown[]): void {
    // A child that pino derives from the result has to write its own bindings.
    const self = this === undefined || results.has(this as Logger) ? logger : this;
    const [details] = rest;
    const isTurned = rest.length === 1 && typeof message === 'string' && typeof details === 'object';
    if (!isTurned || details === null) (logger as Foreign)[level].call(self, message, ...rest);
    else (logger as Foreign)[level].call(self, readable(details, logger), message);
  };
}

type Serializers = Readonly<Record<string, (value: unknown) => unknown>>;

/**
 * Serializes errors in the details that pino would write as `{}`, because their keys have no serializer. They are
 * written in the same form as pino's `err`.
 */
function readable(details: object, logger: Logger): object {
  const serializers = (logger as unknown as Record<symbol, unknown>)[Symbol.for('pino.serializers')] as
    | Serializers
    | undefined;
  if (serializers?.err === undefined || details instanceof Error) return details;
  const lost = Object.entries(details).filter(([key, value]) => value instanceof Error && !(key in serializers));
  if (lost.length === 0) return details;
  return { ...details, ...Object.fromEntries(lost.map(([key, error]) => [key, serializers.err?.(error)])) };
}

/** Detects the style of a logger: only pino has the method `bindings`, only bunyan has `addStream`. */
function styleOf(logger: Logger): LogStyle {
  const { bindings, addStream } = logger as { readonly bindings?: unknown; readonly addStream?: unknown };
  return typeof bindings === 'function' || typeof addStream === 'function' ? 'pino' : 'console';
}
