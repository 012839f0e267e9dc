import { cut } from '../../shared/text.js';

/** Maximum length of a key that is quoted in a message, in characters. */
const longestKey = 100;

/** Returns the name of a context key in messages: `context.total`, or `context["a.b"]` for an unusual key. */
export function fieldOf(key: string): string {
  const name = cut(key, longestKey);
  return /[.[\]]/.test(name) ? `context["${name}"]` : `context.${name}`;
}

/** Sets an own property under any name, even `__proto__`. */
export function setOwn(object: object, key: string, value: unknown): true {
  if (key in Object.prototype) {
    Object.defineProperty(object, key, { value, configurable: true, enumerable: true, writable: true });
  } else (object as Record<string, unknown>)[key] = value;
  return true;
}
