import type { DashboardOptions } from '../dashboard.js';
import { redacted, secretTest } from './secret-keys.js';
import { maskText } from './text.js';

/** Keeps secrets from being shown: by the keys under which they are, and by how they look in texts. */
export interface Redactor {
  /**
   * Whether what is under a key is not to be shown.
   *
   * @param holder - what it is in; of an array the key is the index. It may say what the key does not: `['password', '…']`
   *   and `{ name: 'password', value: '…' }` hold a password as well
   */
  hides(key: string, value: unknown, holder?: object): boolean;
  /** A text without the secrets in it. */
  text(text: string): string;
}

const open: Redactor = { hides: () => false, text: (text) => text };

/** Up to which length a text is looked at as JSON, in characters. */
const longestJson = 65_536;

/** @param redact - as in `DashboardOptions`. Default: what is known to be secret is hidden */
export function redactorOf(redact: DashboardOptions['redact'] = []): Redactor {
  if (redact === false) return open;
  const isSecret = secretTest(redact);
  const hides = (key: string, value: unknown, holder?: object) =>
    namesOf(key, holder).some((name) => !tellsNothing(name, value) && isSecret(name));
  const text = (given: string): string => maskJson(given, hides, text) ?? maskText(given, isSecret);
  return { hides, text };
}

/** What a value is called: by its key, and by what is beside it. */
function namesOf(key: string, holder: object | undefined): readonly string[] {
  if (Array.isArray(holder)) return namesInList(Number(key), holder);
  if (holder === undefined || !/^value$/i.test(key)) return [key];
  return [key, ...naming.map((field) => Object.getOwnPropertyDescriptor(holder, field)?.value).filter(isText)];
}

const naming = ['name', 'Name', 'key', 'Key', 'header', 'field'];

/** Names and values may take turns, as in entries and in headers as they came; arguments of commands follow their names. */
function namesInList(index: number, list: readonly unknown[]): readonly string[] {
  const before = list[index - 1];
  const isTurn = list.length % 2 === 0 && index % 2 === 1;
  return isText(before) && (isTurn || /^--?[a-z]/i.test(before)) ? [before] : [];
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** Whether there is one (`hasPassword: true`) is no secret, nor is how many there are (`maxTokens: 500`). */
function tellsNothing(key: string, value: unknown): boolean {
  if (value === null || value === undefined || typeof value === 'boolean') return true;
  return typeof value === 'number' && /s$/i.test(key) && !/pass$/i.test(key);
}

/** The same for a text that is JSON: as it was where nothing is to be hidden; `undefined` for what is none. */
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
