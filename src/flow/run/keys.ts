import { cut } from '../../shared/text.js';

/** The maximum number of characters of a key that a message quotes. */
const longestKey = 100;

/** The name of a context key in messages: `context.total`, or `context["a.b"]` for an unusual key. */
export function fieldOf(key: string): string {
  const name = cut(key, longestKey);
  return /[.[\]]/.test(name) ? `context["${name}"]` : `context.${name}`;
}

/** Sets an own property under any name, also `__proto__`. */
export function setOwn(object: object, key: string, value: unknown): true {
  if (key in Object.prototype) {
    Object.defineProperty(object, key, { value, configurable: true, enumerable: true, writable: true });
  } else (object as Record<string, unknown>)[key] = value;
  return true;
}
