import { cut } from '../../shared/text.js';
import type { ErrorView, ValueView } from '../api/index.js';
import { beyond, Printer } from './printer.js';
import type { Redactor } from './redactor.js';

/** Maximum length of a displayed value, in characters. */
const longestValue = 65_536;

/** Maximum length of a message or stack, in characters, and maximum number of errors including all causes. */
const longestMessage = 8_192;
const mostErrors = 50;

/** Converts a value to text, without secrets. */
export function valueView(value: unknown, redactor: Redactor, limit = longestValue): ValueView {
  const printer = new Printer(limit, redactor);
  printer.print(value);
  const { text, length, isTruncated } = printer;
  return { text, length, isTruncated };
}

/** Like `valueView`, but keeps `undefined`. */
export function maybeView(value: unknown, redactor: Redactor, limit?: number): ValueView | undefined {
  return value === undefined ? undefined : valueView(value, redactor, limit);
}

/** Converts a thrown value and its causes, without secrets. */
export function errorView(thrown: unknown, redactor: Redactor): ErrorView {
  return viewOf(thrown, redactor, { left: mostErrors });
}

/**
 * Converts an error within a budget. Errors may be causes of each other, or share a cause many times, so their total
 * number is limited.
 */
function viewOf(thrown: unknown, redactor: Redactor, budget: { left: number }): ErrorView {
  budget.left--;
  try {
    if (thrown instanceof Error) return partsOf(thrown, redactor, budget);
    return { name: 'thrown', message: valueView(thrown, redactor, longestMessage).text };
  } catch {
    // Anything can be thrown, even an object whose properties throw when they are read.
    return { name: 'thrown', message: '[unreadable]' };
  }
}

function partsOf(error: Error, redactor: Redactor, budget: { left: number }): ErrorView {
  const { name, message, stack, code, cause, errors } = error as Error & { readonly [key: string]: unknown };
  const text = (given: unknown) => shortened(String(given), redactor);
  const isCode = typeof code === 'string' || typeof code === 'number';
  const inner = (one: unknown) => (budget.left > 0 ? [viewOf(one, redactor, budget)] : []);
  const [because] = cause === undefined ? [] : inner(cause);
  return {
    name: text(name),
    message: text(message),
    ...(isCode ? { code: text(code) } : {}),
    ...(typeof stack === 'string' ? { stack: text(stack) } : {}),
    ...(because === undefined ? {} : { cause: because }),
    ...(Array.isArray(errors) ? { errors: errors.flatMap(inner) } : {}),
  };
}

/** Shortens text. Secrets are masked first, because half a secret might not be recognised. */
function shortened(text: string, redactor: Redactor): string {
  return cut(redactor.text(cut(text, longestMessage + beyond)), longestMessage);
}
