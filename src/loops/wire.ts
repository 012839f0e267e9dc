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
 * An error as data: it keeps class name, message, code, cause, stack and what else it has that can be sent. It can always be
 * sent, whatever was thrown: what cannot be read or sent is left out or named, and what is large is cut.
 */
export interface WireError {
  readonly name?: string;
  readonly message?: string;
  readonly stack?: string;
  readonly cause?: unknown;
  readonly code?: unknown;
  readonly [field: string]: unknown;
}

/** @param subject - what has failed, for what was thrown and is no error */
export function toWire(thrown: unknown, subject: string): WireError {
  return copyOfError(failureOf(thrown, subject), { left: mostValues, path: new Set() }) as WireError;
}

/** Classes of errors that are the same on both sides. */
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

/** How deep an error is looked into, and how many values are copied. */
const deepest = 8;
const mostValues = 2_000;

interface Copying {
  /** How many values more may be copied. */
  left: number;
  /** The objects that the current one is within. */
  readonly path: Set<object>;
}

function copyOfError(error: object, copying: Copying): object {
  const copy: Record<string, unknown> = {};
  copying.path.add(error);
  for (const key of ['name', 'message', 'stack', 'code', 'cause', 'errors']) {
    const value = copyOf(read(error, key), copying);
    if (value !== undefined && value !== null) copy[key] = value;
  }
  // Errors whose class does not say its name are called after it.
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

/** @returns a copy that can be sent; nothing for a function */
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
    // A proxy that was revoked, say.
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

/** @returns nothing where it throws when it is looked at */
function read(from: object, key: string): unknown {
  try {
    return (from as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}
