import { deserializeError, serializeError } from 'serialize-error';
import { failureOf, TimeoutError, ValidationError } from '../errors.js';
import { MissingPeerError } from '../peers.js';
import {
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

/** An error as data: it keeps class name, message, code, cause, stack and what else it has that can be sent. */
export type WireError = ReturnType<typeof serializeError>;

export function toWire(thrown: unknown, subject: string): WireError {
  const error = failureOf(thrown, subject);
  const wire = serializeError(error, { maxDepth: 8, useToJSON: false });
  nameAfterClasses(wire, error);
  return wire;
}

/** Classes of errors that are the same on both sides. */
const classes = new Map<string, { readonly prototype: Error }>(
  [
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

/** Errors whose class does not say its name are called after it. */
function nameAfterClasses(wire: unknown, thrown: unknown, depth = 0): void {
  if (!(thrown instanceof Error) || typeof wire !== 'object' || wire === null || depth > 8) return;
  if (thrown.name === 'Error') Object.assign(wire, { name: thrown.constructor.name });
  nameAfterClasses(Object(wire).cause, thrown.cause, depth + 1);
}
