import type { Redactor } from '../../dashboard/redaction/index.js';

/**
 * Writes any value as JSON, in one line or indented. Values that JSON cannot express are replaced by the closest
 * equivalent.
 */
export function jsonOf(value: unknown, indent?: number): string {
  const text = JSON.stringify(plainData(value), undefined, indent) ?? 'null';
  // JSON allows these characters, but terminals act on some of them. Escaping does not change the value.
  return text.replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const noSecrets: Redactor = { hides: () => false, text: (text) => text };
const hidden = '[redacted]';

/** Maximum depth of written values. Deeper JSON could be too much for its readers. */
const deepest = 500;

/** Converts any value to data that JSON can express, without secrets. */
export function plainData(value: unknown, secrets: Redactor = noSecrets): unknown {
  return new PlainData(secrets).of(value);
}

class PlainData {
  readonly #open = new Set<object>();

  constructor(private readonly secrets: Redactor) {}

  of(value: unknown): unknown {
    if (typeof value === 'string') return this.secrets.text(value);
    if (typeof value === 'bigint') return String(value);
    if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
    return typeof value === 'object' && value !== null ? this.#object(value) : value;
  }

  #object(value: object): unknown {
    if (this.#open.has(value)) return '[circular]';
    if (this.#open.size >= deepest) return '[…]';
    this.#open.add(value);
    try {
      return this.#contents(value);
    } catch {
      return '[unreadable]';
    } finally {
      this.#open.delete(value);
    }
  }

  #contents(value: object): unknown {
    if (value instanceof Error) return this.#fields(errorFields(value));
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
    if (value instanceof Map) return [...value].map(([key, item]) => [this.of(key), this.#part(key, item)]);
    if (value instanceof Set) return [...value].map((item) => this.of(item));
    if (Array.isArray(value)) return [...value].map((item, index) => this.#part(String(index), item, value));
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    return this.#fields(value);
  }

  #fields(holder: object): Record<string, unknown> {
    const entries = Object.entries(holder).map(([key, value]) => [
      this.secrets.text(key),
      this.#part(key, value, holder),
    ]);
    return Object.fromEntries(entries);
  }

  #part(key: unknown, value: unknown, holder?: object): unknown {
    return typeof key === 'string' && this.secrets.hides(key, value, holder) ? hidden : this.of(value);
  }
}

function errorFields(error: Error): object {
  const { name, message, code, cause } = error as Error & { readonly code?: unknown };
  return { name, message, ...(typeof code === 'string' ? { code } : {}), ...(cause === undefined ? {} : { cause }) };
}
