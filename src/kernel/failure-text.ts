import { inspect } from 'node:util';
import { kindOf, OrchestratorError } from '../shared/errors.js';
import { fieldOf } from '../shared/failures.js';

/** Maximum number of causes, and of failures in an aggregate, in the text. */
const most = { causes: 5, failures: 9 } as const;

/**
 * Returns the text of a failure for a terminal: the stacks of the failure and its causes. Other fields of errors are
 * left out, because they may hold sensitive values, such as the headers of a request or the parameters of a query.
 */
export function failureText(failure: unknown): string {
  const texts: string[] = [];
  const seen = new Set<unknown>();
  let at = failure;
  while (at !== undefined && at !== null && !seen.has(at) && seen.size <= most.causes) {
    texts.push((seen.size === 0 ? '' : 'Caused by: ') + own(at));
    seen.add(at);
    at = fieldOf(at, 'cause');
  }
  return texts.join('\n');
}

/** Returns the text of one failure, without its causes but with the failures that an aggregate holds. */
function own(failure: unknown): string {
  const stack = fieldOf(failure, 'stack');
  if (typeof stack !== 'string') return headOf(failure);
  const errors = fieldOf(failure, 'errors');
  if (!Array.isArray(errors)) return stack;
  if (failure instanceof OrchestratorError) return inspect(failure);
  const listed = errors.slice(0, most.failures).map((error) => `  - ${headOf(error)}`);
  if (errors.length > listed.length) listed.push(`  - and ${errors.length - listed.length} more`);
  return [stack, ...listed].join('\n');
}

/** Returns the name and the message of an error, or the kind of any other value. */
function headOf(error: unknown): string {
  const name = fieldOf(error, 'name');
  const message = fieldOf(error, 'message');
  if (typeof message === 'string' && (typeof fieldOf(error, 'stack') === 'string' || typeof name === 'string')) {
    return message === '' ? `${name}` : `${name}: ${message}`;
  }
  return `a value that is not an error: ${kindOf(error)}`;
}
