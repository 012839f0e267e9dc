import { cut } from '../../shared/text.js';

/** How many characters of a key a message names. */
const longestKey = 100;

/** A key of the context, for messages. */
export function fieldOf(key: string): string {
  const name = cut(key, longestKey);
  return /[.[\]]/.test(name) ? `context["${name}"]` : `context.${name}`;
}

/** Sets a key that may be called anything, `__proto__` too. */
export function setOwn(object: object, key: string, value: unknown): true {
  if (key in Object.prototype) {
    Object.defineProperty(object, key, { value, configurable: true, enumerable: true, writable: true });
  } else (object as Record<string, unknown>)[key] = value;
  return true;
}
