import { cut } from '../../shared/text.js';
import { jsonOf } from './json.js';

/** An error as data. */
export interface ErrorData {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly cause?: ErrorData;
  /** Of an `AggregateError`. */
  readonly errors?: readonly ErrorData[];
  readonly stack?: string;
}

/** Errors may be each other's causes: so many are told of, and no more. */
const mostErrors = 50;

/** How much is told of what was thrown and is no error, in characters. */
const longestThrown = 1_000;

/** What was thrown, as data: class, message, code, causes. Stacks are for who asks. */
export function errorData(thrown: unknown, { stack = false }: { readonly stack?: boolean } = {}): ErrorData {
  return dataOf(thrown, stack, { left: mostErrors });
}

/** A text for anything, also for what says so itself and fails at it. */
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
