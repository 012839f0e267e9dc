import { Codec } from '../shared/codec.js';
import { DefaultSerializer } from '../shared/serializer.js';
import { PayloadError } from './errors.js';

/** Maximum length of a recorded value, in characters of its text. */
const longestValue = 2 ** 20;

const codec = new Codec(new DefaultSerializer());

/** A value in a record: `j` as part of the record's own JSON, `s` as text of the serializer, neither for `undefined`. */
export interface SavedValue {
  readonly j?: unknown;
  readonly s?: string;
}

/**
 * Writes a value as fields of a record's JSON, each with a comma in front.
 *
 * @param subject - names the value, for messages
 * @throws {SerializationError} if the value cannot be saved; the message names its path
 * @throws {PayloadError} if the value is too large
 */
export function writeValue(value: unknown, subject: string): string {
  if (value === undefined) return '';
  if (typeof value === 'number' && isItself(value)) return `,"j":${value}`;
  const text = codec.encode(value, subject);
  if (text.length > longestValue) throw new PayloadError(subject, text.length, longestValue);
  return text.startsWith('j') ? `,"j":${text.slice(1)}` : `,"s":${JSON.stringify(text.slice(1))}`;
}

/** Reads a value from the fields of a record. */
export function readValue({ j, s }: SavedValue): unknown {
  return s === undefined ? j : codec.decode(`s${s}`);
}

/** Returns true if a value is the same after it was written and read, so that it need not be read. */
export function isItself(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  return value === undefined || value === null || typeof value === 'string' || typeof value === 'boolean';
}

/** Writes a value as text of its own. */
export function textOfValue(value: unknown, subject: string): string {
  return `{${writeValue(value, subject).slice(1)}}`;
}

/** Reads a value that `textOfValue` has written. */
export function valueOfText(text: string): unknown {
  return readValue(JSON.parse(text) as SavedValue);
}
