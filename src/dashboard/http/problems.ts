import {
  EngineError,
  PayloadError,
  RunExistsError,
  RunNotFoundError,
  RunStateError,
  WorkerAliveError,
  WorkflowNotFoundError,
} from '../../distributed/index.js';
import { SerializationError } from '../../flow/index.js';
import { ValidationError } from '../../index.js';
import {
  LoopDefinitionError,
  LoopModuleError,
  LoopStateError,
  LoopStoreError,
  NotFoundError,
  QueueFullError,
} from '../../loops/index.js';
import { type ProblemCode, Refusal } from './refusal.js';

// biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant, no other type takes every class
type ErrorClass = new (...args: any[]) => Error;

/** Problem codes for the error classes of the layers below. */
const codes: readonly (readonly [code: ProblemCode, classes: readonly ErrorClass[]])[] = [
  ['not-found', [RunNotFoundError, WorkflowNotFoundError, NotFoundError]],
  [
    'conflict',
    [
      RunStateError,
      RunExistsError,
      WorkerAliveError,
      LoopStateError,
      LoopDefinitionError,
      LoopModuleError,
      QueueFullError,
    ],
  ],
  ['invalid', [ValidationError, PayloadError, SerializationError]],
  ['unavailable', [EngineError, LoopStoreError]],
];

/**
 * Converts an error into a refusal. Returns `undefined` for an unexpected error, because its message may reveal
 * anything.
 */
export function refusalOf(error: unknown, redact: (text: string) => string): Refusal | undefined {
  if (error instanceof Refusal) return error;
  for (const [code, classes] of codes) {
    if (classes.some((known) => error instanceof known)) return new Refusal(code, redact((error as Error).message));
  }
  return undefined;
}
