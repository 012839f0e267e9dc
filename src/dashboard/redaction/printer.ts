import { cut } from '../../shared/text.js';
import type { Redactor } from './redactor.js';
import { redacted } from './secret-keys.js';

/** Maximum number and depth of printed values; anything beyond is left out. */
const mostValues = 100_000;
const deepest = 64;

/**
 * Number of characters that are redacted beyond the displayed part, because a cut could hide that text is a secret.
 */
export const beyond = 1_024;

/**
 * Prints a value as text, without secrets and up to a limit, and counts the length of the whole text. JSON values are
 * printed as JSON, other values (dates, maps, errors) in a readable form. Neither `toJSON` nor `toString` of an object
 * is called.
 */
export class Printer {
  length = 0;
  readonly #parts: string[] = [];
  #kept = 0;
  #seen = 0;
  readonly #open = new Set<object>();

  constructor(
    private readonly limit: number,
    private readonly redactor: Redactor,
  ) {}

  get text(): string {
    return cut(this.#parts.join(''), this.limit);
  }

  get isTruncated(): boolean {
    return this.length > this.limit || this.#isExhausted;
  }

  print(value: unknown, indent = ''): void {
    this.#seen++;
    if (typeof value === 'string') this.#string(value);
    else if (typeof value === 'object' && value !== null) this.#object(value, indent);
    else this.#write(plainText(value));
  }

  get #isExhausted(): boolean {
    return this.#seen > mostValues;
  }

  #write(text: string): void {
    this.length += text.length;
    if (this.#kept >= this.limit) return;
    this.#parts.push(text);
    this.#kept += text.length;
  }

  /** Prints a string. The part beyond the limit is only counted. */
  #string(value: string): void {
    const room = Math.max(0, this.limit - this.#kept);
    const shown = room === 0 ? '' : cut(value, room + beyond);
    this.#write(JSON.stringify(this.redactor.text(shown)));
    this.length += value.length - shown.length;
  }

  #object(value: object, indent: string): void {
    if (this.#open.has(value) || this.#open.size >= deepest) {
      this.#write(this.#open.has(value) ? '[circular]' : '[…]');
      return;
    }
    this.#open.add(value);
    try {
      this.#contents(value, indent);
    } catch {
      this.#write('[unreadable]');
    } finally {
      this.#open.delete(value);
    }
  }

  #contents(value: object, indent: string): void {
    if (Array.isArray(value)) this.#array(value, indent);
    else if (value instanceof Set) this.#set(value, indent);
    else if (value instanceof Map) this.#fields(`Map(${value.size}) `, value, indent);
    else if (value instanceof Error) this.#error(value, indent);
    else {
      const text = this.#wholeText(value);
      if (text === undefined) this.#fields(nameOf(value, 'Object'), entriesOf(value), indent, value);
      else this.#write(text);
    }
  }

  /** Text for objects that are printed as a whole, without their fields. */
  #wholeText(value: object): string | undefined {
    if (value instanceof Date) return Number.isNaN(+value) ? 'Invalid Date' : value.toISOString();
    if (value instanceof RegExp) return `/${value.source}/${value.flags}`;
    if (value instanceof URL) return this.redactor.text(value.href);
    if (ArrayBuffer.isView(value)) return `${nameOf(value)}(${value.byteLength} bytes)`;
    return undefined;
  }

  #error(error: Error, indent: string): void {
    const { name, message, cause } = error;
    this.#write(`${String(name)}: ${this.redactor.text(String(message))}`);
    if (cause === undefined) return;
    this.#write(', caused by ');
    this.print(cause, indent);
  }

  #array(values: readonly unknown[], indent: string): void {
    let index = 0;
    this.#enclosed('[', ']', values, indent, (value, inner) => this.#part(String(index++), value, inner, values));
  }

  #set(values: ReadonlySet<unknown>, indent: string): void {
    this.#enclosed(`Set(${values.size}) [`, ']', values, indent, (value, inner) => this.print(value, inner));
  }

  #fields(name: string, entries: Iterable<readonly [unknown, unknown]>, indent: string, holder?: object): void {
    this.#enclosed(`${name}{`, '}', entries, indent, ([key, value], inner) => {
      this.print(key, inner);
      this.#write(': ');
      if (typeof key === 'string') this.#part(key, value, inner, holder);
      else this.print(value, inner);
    });
  }

  #part(key: string, value: unknown, indent: string, holder: object | undefined): void {
    if (this.redactor.hides(key, value, holder)) this.#write(redacted);
    else this.print(value, indent);
  }

  #enclosed<Item>(
    begin: string,
    end: string,
    items: Iterable<Item>,
    indent: string,
    print: (item: Item, inner: string) => void,
  ): void {
    const inner = `${indent}  `;
    let any = false;
    this.#write(begin);
    for (const item of items) {
      this.#write(`${any ? ',' : ''}\n${inner}`);
      any = true;
      if (this.#isExhausted) {
        this.#write('…');
        break;
      }
      print(item, inner);
    }
    this.#write(any ? `\n${indent}${end}` : end);
  }
}

function* entriesOf(value: object): Generator<readonly [string, unknown]> {
  for (const key of Object.keys(value)) yield [key, (value as Record<string, unknown>)[key]];
}

/** The class name of a value followed by a space, or an empty string if the name is `unsaid`. */
function nameOf(value: object, unsaid = ''): string {
  const name: unknown = Object(Object.getPrototypeOf(value)).constructor?.name;
  return typeof name !== 'string' || name === unsaid ? '' : `${name} `;
}

function plainText(value: unknown): string {
  if (typeof value === 'function') return '[function]';
  if (Object.is(value, -0)) return '-0';
  return typeof value === 'bigint' ? `${value}n` : String(value);
}
