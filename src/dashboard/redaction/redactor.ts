import type { DashboardOptions } from '../dashboard.js';
import { redacted, secretTest } from './secret-keys.js';
import { maskText } from './text.js';

/** Hides secrets. Recognises them by their keys, and in texts by their form. */
export interface Redactor {
  /**
   * Returns true if the value of this key must not be shown.
   *
   * @param holder - the object or array that contains the value; in an array, the key is the index. The name of a
   *   secret may stand beside it in the holder: `['password', '…']`, `{ name: 'password', value: '…' }`
   */
  hides(key: string, value: unknown, holder?: object): boolean;
  /** The text with its secrets masked. */
  text(text: string): string;
}

const open: Redactor = { hides: () => false, text: (text) => text };

/** Maximum length of text that is parsed as JSON, in characters. */
const longestJson = 65_536;

/** @param redact - as in `DashboardOptions`. Default: only the well-known keys are hidden */
export function redactorOf(redact: DashboardOptions['redact'] = []): Redactor {
  if (redact === false) return open;
  const isSecret = secretTest(redact);
  const hides = (key: string, value: unknown, holder?: object) =>
    namesOf(key, holder).some((name) => !tellsNothing(name, value) && isSecret(name));
  const text = (given: string): string => maskJson(given, hides, text) ?? maskText(given, isSecret);
  return { hides, text };
}

/** Possible names of a value: its key, and names beside it in its holder. */
function namesOf(key: string, holder: object | undefined): readonly string[] {
  if (Array.isArray(holder)) return namesInList(Number(key), holder);
  if (holder === undefined || !/^value$/i.test(key)) return [key];
  return [key, ...naming.map((field) => Object.getOwnPropertyDescriptor(holder, field)?.value).filter(isText)];
}

const naming = ['name', 'Name', 'key', 'Key', 'header', 'field'];

/**
 * Names of a value in an array. Names and values may alternate, as in entries and raw headers; a command-line option
 * (`--token`) precedes its value.
 */
function namesInList(index: number, list: readonly unknown[]): readonly string[] {
  const before = list[index - 1];
  const isTurn = list.length % 2 === 0 && index % 2 === 1;
  return isText(before) && (isTurn || /^--?[a-z]/i.test(before)) ? [before] : [];
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** Returns true if the value reveals nothing secret: a flag (`hasPassword: true`) or a count (`maxTokens: 500`). */
function tellsNothing(key: string, value: unknown): boolean {
  if (value === null || value === undefined || typeof value === 'boolean') return true;
  return typeof value === 'number' && /s$/i.test(key) && !/pass$/i.test(key);
}

/** Masks text that contains JSON. Returns it unchanged if nothing is secret, and `undefined` if it is not JSON. */
function maskJson(given: string, hides: Redactor['hides'], text: Redactor['text']): string | undefined {
  if (given.length > longestJson || !/^\s*[[{]/.test(given)) return undefined;
  let isChanged = false;
  function mask(this: object, key: string, value: unknown): unknown {
    const shown = hides(key, value, this) ? redacted : typeof value === 'string' ? text(value) : value;
    isChanged ||= shown !== value;
    return shown;
  }
  try {
    const masked: unknown = JSON.parse(given, mask);
    return isChanged ? JSON.stringify(masked) : given;
  } catch {
    return undefined;
  }
}
