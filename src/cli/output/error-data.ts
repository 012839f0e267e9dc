import { cut } from '../../shared/text.js';
import { jsonOf } from './json.js';

/** An error as plain data. */
export interface ErrorData {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly cause?: ErrorData;
  /** The errors inside an `AggregateError`. */
  readonly errors?: readonly ErrorData[];
  readonly stack?: string;
}

/** Maximum number of errors including all causes, because errors may be causes of each other. */
const mostErrors = 50;

/** Maximum length of a thrown value that is not an error, in characters. */
const longestThrown = 1_000;

/** Converts a thrown value to data: class, message, code and causes, and the stacks if requested. */
export function errorData(thrown: unknown, { stack = false }: { readonly stack?: boolean } = {}): ErrorData {
  return dataOf(thrown, stack, { left: mostErrors });
}

/** Converts anything to text, even if its own conversion throws. */
export function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return '[unreadable]';
  }
}

function dataOf(thrown: unknown, hasStack: boolean, budget: { left: number }): ErrorData {
  budget.left--;
  try {
    if (thrown instanceof Error) return partsOf(thrown, hasStack, budget);
    return { name: 'Error', message: typeof thrown === 'string' ? thrown : cut(jsonOf(thrown), longestThrown) };
  } catch {
    return { name: 'Error', message: '[unreadable]' };
  }
}

function partsOf(error: Error, hasStack: boolean, budget: { left: number }): ErrorData {
  const { name, message, code, stack, cause, errors } = error as Error & { readonly [key: string]: unknown };
  const inner = (one: unknown) => (budget.left > 0 ? [dataOf(one, hasStack, budget)] : []);
  const [because] = cause === undefined ? [] : inner(cause);
  return {
    name: textOf(name),
    message: textOf(message),
    ...(typeof code === 'string' ? { code } : {}),
    ...(because === undefined ? {} : { cause: because }),
    ...(Array.isArray(errors) ? { errors: errors.flatMap(inner) } : {}),
    ...(hasStack && typeof stack === 'string' ? { stack } : {}),
  };
}
