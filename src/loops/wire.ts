import { deserializeError } from 'serialize-error';
import { failureOf, TimeoutError } from '../kernel/errors.js';
import { ValidationError } from '../shared/errors.js';
import { MissingPeerError } from '../shared/peers.js';
import {
  DeliveryLimitError,
  InFlightError,
  LoopCrashError,
  LoopDefinitionError,
  LoopModuleError,
  LoopStateError,
  LoopStoreError,
  NotFoundError,
  QueueFullError,
  RouteError,
} from './errors.js';

/**
 * An error as plain data that can always be sent to another thread or process. Keeps class name, message, code, cause,
 * stack and all other fields that can be sent. Unreadable values are replaced with text, and large values are
 * truncated.
 */
export interface WireError {
  readonly name?: string;
  readonly message?: string;
  readonly stack?: string;
  readonly cause?: unknown;
  readonly code?: unknown;
  readonly [field: string]: unknown;
}

/**
 * Converts anything that was thrown into a `WireError`.
 *
 * @param subject - name of the failed node or loop, for the message if the thrown value is not an error
 */
export function toWire(thrown: unknown, subject: string): WireError {
  return copyOfError(failureOf(thrown, subject), { left: mostValues, path: new Set() }) as WireError;
}

/** Error classes that are restored as instances of their class on the other side. */
const classes = new Map<string, { readonly prototype: Error }>(
  [
    DeliveryLimitError,
    InFlightError,
    LoopCrashError,
    LoopDefinitionError,
    LoopModuleError,
    LoopStateError,
    LoopStoreError,
    MissingPeerError,
    NotFoundError,
    QueueFullError,
    RouteError,
    TimeoutError,
    ValidationError,
  ].map((Class) => [Class.name, Class]),
);

export function fromWire(wire: WireError): Error {
  const error = deserializeError(wire);
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const known = classes.get(at.name);
    if (known !== undefined) Object.setPrototypeOf(at, known.prototype);
  }
  return error;
}

/** Limits for copying an error: levels of nesting, and number of values. */
const deepest = 8;
const mostValues = 2_000;

interface Copying {
  /** Number of values that may still be copied. */
  left: number;
  /** The objects that contain the current value, to detect cycles. */
  readonly path: Set<object>;
}

function copyOfError(error: object, copying: Copying): object {
  const copy: Record<string, unknown> = {};
  copying.path.add(error);
  for (const key of ['name', 'message', 'stack', 'code', 'cause', 'errors']) {
    const value = copyOf(read(error, key), copying);
    if (value !== undefined && value !== null) copy[key] = value;
  }
  // An error class without a `name` of its own is named after its constructor.
  if (copy.name === 'Error') copy.name = read(Object(read(error, 'constructor')), 'name');
  if (typeof copy.name !== 'string') copy.name = 'Error';
  if (typeof copy.message !== 'string') copy.message = '';
  if (typeof copy.stack !== 'string') copy.stack = `${copy.name}: ${copy.message}`;
  copyFields(error, copy, copying);
  copying.path.delete(error);
  return copy;
}

function copyFields(from: object, copy: Record<string, unknown>, copying: Copying): void {
  for (const key of keysOf(from)) {
    if (key === '__proto__' || Object.hasOwn(copy, key)) continue;
    const value = copyOf(read(from, key), copying);
    if (value !== undefined) copy[key] = value;
  }
}

/** Copies a value. Returns undefined for a function. */
function copyOf(value: unknown, copying: Copying): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'symbol') return String(value);
  if (typeof value === 'function') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  try {
    if (copying.path.has(value)) return '[Circular]';
    if (copying.left-- <= 0 || copying.path.size >= deepest) return '[cut]';
    if (ArrayBuffer.isView(value)) return `[object ${value.constructor.name}]`;
    if (value instanceof Date) return value.toISOString();
    if (value instanceof Error) return copyOfError(value, copying);
    if (isStream(value)) return '[object Stream]';
    return copyOfObject(value, copying);
  } catch {
    // For example a revoked proxy.
    return '[unreadable]';
  }
}

function copyOfObject(value: object, copying: Copying): unknown {
  copying.path.add(value);
  try {
    if (Array.isArray(value)) {
      return value.slice(0, Math.max(copying.left, 0)).map((item) => copyOf(item, copying) ?? null);
    }
    const copy: Record<string, unknown> = {};
    copyFields(value, copy, copying);
    return copy;
  } finally {
    copying.path.delete(value);
  }
}

function isStream(value: object): boolean {
  return typeof read(value, 'pipe') === 'function' && typeof read(value, 'on') === 'function';
}

function keysOf(value: object): string[] {
  try {
    return Object.keys(value);
  } catch {
    return [];
  }
}

/** Reads a property. Returns undefined if the property throws. */
function read(from: object, key: string): unknown {
  try {
    return (from as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}
