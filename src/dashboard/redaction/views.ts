import { cut } from '../../shared/text.js';
import type { ErrorView, ValueView } from '../api/index.js';
import { beyond, Printer } from './printer.js';
import type { Redactor } from './redactor.js';

/** How much of a value is shown, in characters. */
const longestValue = 65_536;

/** The same of a message or a stack; and how many errors there are in one, with all their causes. */
const longestMessage = 8_192;
const mostErrors = 50;

/** A value as text, without secrets. */
export function valueView(value: unknown, redactor: Redactor, limit = longestValue): ValueView {
  const printer = new Printer(limit, redactor);
  printer.print(value);
  const { text, length, isTruncated } = printer;
  return { text, length, isTruncated };
}

/** The same for one that is not there. */
export function maybeView(value: unknown, redactor: Redactor, limit?: number): ValueView | undefined {
  return value === undefined ? undefined : valueView(value, redactor, limit);
}

/** What was thrown, with its causes, without secrets. */
export function errorView(thrown: unknown, redactor: Redactor): ErrorView {
  return viewOf(thrown, redactor, { left: mostErrors });
}

/** Errors may be each other's causes, and of the same one many times over: there are so many in all, and no more. */
function viewOf(thrown: unknown, redactor: Redactor, budget: { left: number }): ErrorView {
  budget.left--;
  try {
    if (thrown instanceof Error) return partsOf(thrown, redactor, budget);
    return { name: 'thrown', message: valueView(thrown, redactor, longestMessage).text };
  } catch {
    // What is thrown may be anything, such as an object whose parts throw when they are read.
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

/** What is cut may be half a secret, so it is looked at before. */
function shortened(text: string, redactor: Redactor): string {
  return cut(redactor.text(cut(text, longestMessage + beyond)), longestMessage);
}
