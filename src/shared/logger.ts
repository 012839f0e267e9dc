import { invalid, type Reader } from './validate.js';

/** The methods that a logger has, by how much a line matters. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

/**
 * Writes lines: a message, and an object of details. Console, winston, and objects of your own are called this way. pino
 * and bunyan, which take the details first, are recognised and called their way. Errors are in details as `err`.
 *
 * Each layer takes one as `logger`; nodes of flows get it as `args.logger`.
 */
export interface Logger {
  trace?(message: string, details?: object): void;
  debug(message: string, details?: object): void;
  info(message: string, details?: object): void;
  warn(message: string, details?: object): void;
  error(message: string, details?: object): void;
}

/** Order of a logger's arguments: `pino` takes the details first, `console` the message. */
export type LogStyle = 'pino' | 'console';

/** A logger that writes nothing: the default. */
export class NullLogger implements Logger {
  debug(_message: string, _details?: object): void {}
  info(_message: string, _details?: object): void {}
  warn(_message: string, _details?: object): void {}
  error(_message: string, _details?: object): void {}
}

const levels = ['trace', 'debug', 'info', 'warn', 'error'] as const;
const needed = levels.filter((level) => level !== 'trace');

/** Reads a logger, of whatever style; gives one that takes the message first. */
export const aLogger: Reader<Logger> = (value, field) => {
  if (!needed.every((level) => typeof Object(value)[level] === 'function')) {
    throw invalid(field, `an object with ${needed.join(', ')}`, value);
  }
  return messageFirst(value as Logger);
};

const turned = new WeakMap<object, Logger>();
const results = new WeakSet<object>();

/**
 * Gives a logger that takes the message first. One that does already is given back as it is; any other is the prototype of
 * what is given, which has all else that it has: `child`, `level`. Methods are looked up at each call, because pino replaces
 * them when its level changes.
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

// biome-ignore lint/suspicious/noExplicitAny: foreign methods are called as they want to be
type Foreign = Record<LogLevel, (...args: any[]) => void>;

/** Turns a message and an object of details round; passes all else on, such as pino's own order. */
function turnedMethod(logger: Logger, level: LogLevel) {
  return function (this: unknown, message: unknown, ...rest: readonly unknown[]): void {
    // A child that pino derives from what was given writes its own bindings.
    const self = this === undefined || results.has(this as Logger) ? logger : this;
    const [details] = rest;
    const isTurned = rest.length === 1 && typeof message === 'string' && typeof details === 'object';
    if (!isTurned || details === null) (logger as Foreign)[level].call(self, message, ...rest);
    else (logger as Foreign)[level].call(self, readable(details, logger), message);
  };
}

type Serializers = Readonly<Record<string, (value: unknown) => unknown>>;

/** pino writes an error as `{}` where its key has no serializer: then it is written as `err` would be. */
function readable(details: object, logger: Logger): object {
  const serializers = (logger as unknown as Record<symbol, unknown>)[Symbol.for('pino.serializers')] as
    | Serializers
    | undefined;
  if (serializers?.err === undefined || details instanceof Error) return details;
  const lost = Object.entries(details).filter(([key, value]) => value instanceof Error && !(key in serializers));
  if (lost.length === 0) return details;
  return { ...details, ...Object.fromEntries(lost.map(([key, error]) => [key, serializers.err?.(error)])) };
}

/** `bindings` is pino's own method, `addStream` is bunyan's. */
function styleOf(logger: Logger): LogStyle {
  const { bindings, addStream } = logger as { readonly bindings?: unknown; readonly addStream?: unknown };
  return typeof bindings === 'function' || typeof addStream === 'function' ? 'pino' : 'console';
}
