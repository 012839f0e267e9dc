import type { Redactor } from '../../dashboard/index.js';

/** JSON of any value, in one line or indented. What JSON does not have is written as what comes nearest. */
export function jsonOf(value: unknown, indent?: number): string {
  const text = JSON.stringify(plainData(value), undefined, indent) ?? 'null';
  // JSON lets these through; terminals act on some of them. Escaped they are the same value.
  return text.replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** An error as data: class, message, code, causes. Its stack is for who asks. */
export function errorData(error: unknown, { stack = false }: { readonly stack?: boolean } = {}): unknown {
  if (!(error instanceof Error)) return { name: 'Error', message: typeof error === 'string' ? error : jsonOf(error) };
  const { name, message, code, cause } = error as Error & { readonly code?: unknown };
  const inner = cause === undefined ? {} : { cause: errorData(cause, { stack }) };
  const known = typeof code === 'string' ? { code } : {};
  return { name, message, ...known, ...inner, ...(stack ? { stack: error.stack } : {}) };
}

const noSecrets: Redactor = { hides: () => false, text: (text) => text };
const hidden = '[redacted]';

/** Any value as data that JSON has, without secrets. */
export function plainData(value: unknown, secrets: Redactor = noSecrets): unknown {
  return dataOf(value, secrets, []);
}

function dataOf(value: unknown, secrets: Redactor, above: readonly unknown[]): unknown {
  if (typeof value === 'string') return secrets.text(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
  if (typeof value !== 'object' || value === null) return value;
  if (above.includes(value)) return '[circular]';
  const inside = [...above, value];
  const entry = ([key, item]: readonly [unknown, unknown]) =>
    typeof key === 'string' && secrets.hides(key, item) ? hidden : dataOf(item, secrets, inside);
  if (value instanceof Error) return dataOf(errorData(value), secrets, inside);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Map) return [...value].map((pair) => [dataOf(pair[0], secrets, inside), entry(pair)]);
  if (Array.isArray(value) || value instanceof Set) return [...value].map((item) => dataOf(item, secrets, inside));
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  return Object.fromEntries(Object.entries(value).map((pair) => [pair[0], entry(pair)]));
}
