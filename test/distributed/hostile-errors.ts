import { runInNewContext } from 'node:vm';

/** Values that nodes throw, with the message that is expected. */
export const thrown: readonly (readonly [name: string, make: () => unknown, message: RegExp])[] = [
  ['a message with NUL', () => new Error('nul \0 in it'), /nul \ufffd in it/],
  ['what a parser says of binary data', () => caught(() => JSON.parse('\0\x01gzip')), /Unexpected token/],
  ['a message that was cut within an emoji', () => new Error(`${'x'.repeat(9)}😀`.slice(0, 10)), /x{9}\ufffd/],
  ['a message whose cut is within an emoji', () => new Error(`${'x'.repeat(499)}😀`), /x{499}$/],
  ['a low half', () => new Error('\ude00 half'), /\ufffd half/],
  ['a message of 20 MB', () => new Error('m'.repeat(20_000_000)), /m{500}/],
  ['texts everywhere', () => withTexts(new Error('m')), /: m$/],
  ['an AggregateError of such errors', () => new AggregateError([withTexts(new Error('\0'))], 'a\0'), /a\ufffd/],
  ['causes 200 deep', () => nested(200), /level 200/],
  ['a cause that is itself', () => Object.assign(circular(), { message: 'in circles' }), /in circles/],
  ['a name that is a symbol', () => Object.assign(new Error('named'), { name: Symbol('\0') }), /named/],
  ['a name that is an object', () => Object.assign(new Error('named'), { name: { toString: fail } }), /named/],
  ['getters that throw', () => withGetters(new Error()), /^node "n" failed/],
  ['an error of another realm', () => runInNewContext(`new TypeError('foreign \\0')`), /foreign \ufffd/],
  ['an object with a stack and a function', () => ({ stack: 'x', message: 'own kind', ask: () => 1 }), /own kind/],
  ['a text', () => 'just \0 text \ud83d', /threw String instead of an Error/],
  ['a proxy that was revoked', revoked, /cannot be inspected/],
];

/** Returns true for an error of this realm whose properties can be read. */
export function isReadable(value: unknown): boolean {
  try {
    return value instanceof Error && value.message !== undefined;
  } catch {
    return false;
  }
}

function caught(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

function withTexts(error: Error): Error {
  const cause = Object.assign(new Error('cause \0\ud800'), { stack: 'stack \0\ud800' });
  return Object.assign(error, { name: 'N\0\ud800', code: 'C\0\ud800', stack: 's\0\ud800', cause });
}

function nested(levels: number): Error {
  let error = new Error('level 0 \0');
  for (let level = 1; level <= levels; level++) error = new Error(`level ${level}`, { cause: error });
  return error;
}

function circular(): Error {
  const error = new Error();
  return Object.assign(error, { cause: error });
}

function withGetters(error: Error): Error {
  for (const field of ['stack', 'name', 'message', 'code', 'cause', 'errors']) {
    Object.defineProperty(error, field, { get: fail, configurable: true });
  }
  return error;
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable(new Error('gone'), {});
  revoke();
  return proxy;
}

function fail(): never {
  throw new Error('looked at');
}
