import { types } from 'node:util';
import { kindOf } from '../shared/errors.js';
import { isPlainObject } from '../shared/validate.js';

/**
 * Identities of records. A call is found again in the next life by the branch in which it was made, its name, its
 * arguments, and its number among equal calls of the branch:
 *
 *     / charge [NmKOvEMR2]#0                a task of the run itself
 *     /map:charge#1[17] charge [XBBMnyoq5]#0     a task of item 17 in the second map of charge
 *     /run:day#3                            a nested run, and the beginning of the branches inside it
 */

/** Characters that structure identities and are escaped in names. */
const structural = /[\s/#[\]%]/g;

/** Escapes a name, so that it can be part of an identity. */
export function escaped(name: string): string {
  // Most calls of a run have the same name as the call before.
  if (name !== last.name) last = { name, escaped: name.replace(structural, encodeURIComponent) };
  return last.escaped;
}

let last = { name: '', escaped: '' };

/** Returns the path of the branch to which an identity belongs. */
export function branchOf(identity: string): string {
  const end = identity.indexOf(' ');
  return end === -1 ? identity.slice(0, identity.lastIndexOf('/')) || '/' : identity.slice(0, end);
}

/**
 * Returns the groups and nested runs around a record, outermost first.
 *
 * @returns the paths of each one, and of the branch in which it was begun
 */
export function groupsAround(identity: string): readonly { readonly group: string; readonly branch: string }[] {
  const path = branchOf(identity);
  if (path === '/') return [];
  const found = [];
  let branch = '/';
  for (let at = 0; at !== -1; ) {
    const next = path.indexOf('/', at + 1);
    const member = next === -1 ? path : path.slice(0, next);
    const key = member.indexOf('[', at);
    found.push({ group: key === -1 ? member : member.slice(0, key), branch });
    branch = member;
    at = next;
  }
  return found;
}

/** Returns the identity of the time limit of a group or a nested run. */
export function limitOf(group: string): string {
  return `${group} !timeout`;
}

export function isLimit(identity: string): boolean {
  return identity.endsWith(' !timeout');
}

/** Returns the identities of the nested runs around a record, outermost first. */
export function runsAround(identity: string): readonly string[] {
  // Most runs have no nested runs.
  if (!identity.includes('/run:')) return [];
  const groups = groupsAround(identity).map(({ group }) => group);
  return groups.filter((group) => group.startsWith('/run:', group.lastIndexOf('/')));
}

/** Maximum length of the text of arguments that is compared, in characters. */
const longest = 65_536;
const deepest = 50;

/**
 * Returns a short hash of values. Equal values have equal hashes, independent of the order of properties. Functions,
 * signals and instances of classes count as their kind, and errors as their names and messages. Never throws.
 */
export function fingerprint(values: readonly unknown[]): string {
  if (values.length === 0) return '';
  const writer = new Writer();
  for (const value of values) {
    writer.write(value, 0);
    writer.add(',');
  }
  return hash(writer.text.slice(0, longest));
}

class Writer {
  text = '';

  add(text: string): void {
    this.text += text;
  }

  write(value: unknown, depth: number): void {
    if (this.text.length >= longest) return;
    try {
      this.#write(value, depth);
    } catch {
      this.add('?');
    }
  }

  #write(value: unknown, depth: number): void {
    if (typeof value === 'string') this.add(`"${value.length}:${value.slice(0, longest)}`);
    else if (typeof value === 'object' && value !== null) this.#writeObject(value, depth);
    else if (typeof value === 'bigint') this.add(`${value}n`);
    else if (typeof value === 'function' || typeof value === 'symbol') this.add(`<${typeof value}>`);
    else this.add(Object.is(value, -0) ? '-0' : String(value));
  }

  #writeObject(value: object, depth: number): void {
    if (depth > deepest) this.add('…');
    else if (types.isDate(value)) this.add(`@${value.getTime()}`);
    else if (types.isRegExp(value)) this.add(String(value));
    else if (types.isNativeError(value)) this.#writeFields(value, ['name', 'message'], depth);
    else if (Array.isArray(value)) this.#writeItems('[', value, depth);
    else if (types.isMap(value)) this.#writeItems('M[', value, depth);
    else if (types.isSet(value)) this.#writeItems('S[', value, depth);
    else if (types.isTypedArray(value)) this.#writeBytes(value);
    else if (value instanceof URL) this.add(`<URL ${value.href}>`);
    else if (isPlainObject(value)) this.#writeFields(value, Object.keys(value).sort(), depth);
    else this.add(`<${kindOf(value)}>`);
  }

  #writeItems(open: string, items: Iterable<unknown>, depth: number): void {
    this.add(open);
    for (const item of items) {
      if (this.text.length >= longest) return;
      this.write(item, depth + 1);
      this.add(',');
    }
    this.add(']');
  }

  #writeFields(value: object, keys: readonly string[], depth: number): void {
    this.add('{');
    for (const key of keys) {
      if (this.text.length >= longest) return;
      this.add(`${key.length}:${key}=`);
      this.write((value as Record<string, unknown>)[key], depth + 1);
      this.add(',');
    }
    this.add('}');
  }

  #writeBytes(view: NodeJS.TypedArray): void {
    const bytes = Buffer.from(view.buffer, view.byteOffset, Math.min(view.byteLength, longest / 2));
    this.add(`<${kindOf(view)} ${view.byteLength} ${bytes.toString('hex')}>`);
  }
}

/** The digits of hashes. */
const digits = Array.from('0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_', (digit) =>
  digit.charCodeAt(0),
);

/** Returns the digit for six bits of a number, from the given bit on. */
function digit(number: number, bit: number): number {
  return digits[(number >>> bit) & 63] as number;
}

/** Returns a hash of 53 bits, as 9 digits. The algorithm is cyrb53, which is public domain. */
function hash(text: string): string {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 2_654_435_761);
    low = Math.imul(low ^ code, 1_597_334_677);
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  const upper = low & 2_097_151;
  // `toString` with a radix would take longer than everything before.
  const middle = ((upper & 7) << 3) | (high >>> 29);
  return String.fromCharCode(
    digit(upper, 15),
    digit(upper, 9),
    digit(upper, 3),
    digit(middle, 0),
    digit(high, 23),
    digit(high, 17),
    digit(high, 11),
    digit(high, 5),
    digit(high & 31, 0),
  );
}
