import { textOf } from '../../shared/errors.js';
import { cleaned } from '../../shared/text.js';
import { messageOf } from '../errors.js';

/** How many characters of each are kept. */
const longestName = 100;
const longestMessage = 1_000;
const longestStack = 8_000;

/**
 * What was thrown as an error of short, clean texts, for where it cannot be kept as it is: too large, refused by a
 * serializer or an engine, or unreadable. It has name, message, code and stack, and nothing else.
 */
export function plainError(thrown: unknown): Error {
  const { name, stack, code } = fieldsOf(thrown);
  const error = new Error(cleaned(messageOf(thrown), longestMessage));
  const fields = {
    name: name === undefined ? 'Error' : cleaned(textOf(name), longestName),
    stack: typeof stack === 'string' ? cleaned(stack, longestStack) : undefined,
    code: typeof code === 'string' ? cleaned(code, longestName) : typeof code === 'number' ? code : undefined,
  };
  for (const [field, value] of Object.entries(fields)) {
    Object.defineProperty(error, field, { value, configurable: true, writable: true });
  }
  return error;
}

function fieldsOf(thrown: unknown): { readonly name?: unknown; readonly stack?: unknown; readonly code?: unknown } {
  try {
    const { name, stack, code } = Object(thrown) as { name?: unknown; stack?: unknown; code?: unknown };
    return { name, stack, code };
  } catch {
    return {};
  }
}
