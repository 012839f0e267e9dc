import { codeOf } from '../error-codes.js';
import { type ProblemCode, Refusal } from './refusal.js';

/** Problem codes for the errors of the layers below, by the `code` of the error. */
const problems: ReadonlyMap<string, ProblemCode> = new Map<string, ProblemCode>([
  ['ERR_RUN_NOT_FOUND', 'not-found'],
  ['ERR_WORKFLOW_NOT_FOUND', 'not-found'],
  ['ERR_NOT_FOUND', 'not-found'],
  ['ERR_RUN_STATE', 'conflict'],
  ['ERR_RUN_EXISTS', 'conflict'],
  ['ERR_WORKER_ALIVE', 'conflict'],
  ['ERR_LOOP_STATE', 'conflict'],
  ['ERR_LOOP_DEFINITION', 'conflict'],
  ['ERR_LOOP_MODULE', 'conflict'],
  ['ERR_QUEUE_FULL', 'conflict'],
  ['ERR_VALIDATION', 'invalid'],
  ['ERR_PAYLOAD', 'invalid'],
  ['ERR_SERIALIZATION', 'invalid'],
  ['ERR_ENGINE', 'unavailable'],
  ['ERR_LOOP_STORE', 'unavailable'],
]);

/**
 * Converts an error into a refusal. Returns `undefined` for an unexpected error, because its message may reveal
 * anything.
 */
export function refusalOf(error: unknown, redact: (text: string) => string): Refusal | undefined {
  if (error instanceof Refusal) return error;
  const problem = problems.get(codeOf(error) ?? '');
  return problem === undefined ? undefined : new Refusal(problem, redact((error as Error).message));
}
