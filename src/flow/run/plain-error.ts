import { textOf } from '../../shared/errors.js';
import { cleaned } from '../../shared/text.js';
import { messageOf } from '../errors.js';

/** Maximum length of each field, in characters. */
const longestName = 100;
const longestMessage = 1_000;
const longestStack = 8_000;

/**
 * Copies a thrown value as an error with short, clean texts: name, message, code and stack. The copy is used if the
 * original is too large or unreadable, or if a serializer or an engine refuses it.
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
