import { describe, expect, it } from 'vitest';
import { redactorOf } from '../../src/dashboard/redaction/index.js';
import { errorView, maybeView, valueView } from '../../src/dashboard/redaction/views.js';
import fc from '../properties.js';

const redactor = redactorOf();
const shown = (value: unknown, limit?: number) => valueView(value, redactor, limit).text;

describe('keys', () => {
  it.each([
    'password',
    'PASSWORD',
    'dbPassword',
    'db_password',
    'passwd',
    'passphrase',
    'token',
    'access_token',
    'refreshTokens',
    'apiKey',
    'api-key',
    'x-api-key',
    'X_API_KEY',
    'apikey',
    'authorization',
    'Proxy-Authorization',
    'cookie',
    'set-cookie',
    'secret',
    'clientSecret',
    'AWS_SECRET_ACCESS_KEY',
    'awsAccessKeyId',
    'privateKey',
    'private_key',
    'credentials',
    'sessionId',
    'connectionString',
    'auth',
    'pin',
    'userPin',
    'user_pin',
    'jwt',
    'OTP',
    'pwd',
    'pass',
    'password2',
    'passwordHash',
    'password_confirmation',
    'tokenValue',
    'AccountKey',
    'mnemonic',
  ])('hides the value of "%s"', (key) => {
    expect(shown({ [key]: 'hunter2' })).toBe(`{\n  ${JSON.stringify(key)}: [redacted]\n}`);
    expect(shown({ deep: [{ [key]: { inner: 'hunter2' } }] })).not.toContain('hunter2');
    expect(shown(new Map([[key, 'hunter2']]))).not.toContain('hunter2');
    expect(redactor.text(`${key}=hunter2 and more`)).toBe(
      `${key}=[redacted] and more`.replace(/(cookie.*|authorization.*)=.*/i, '$1=[redacted]'),
    );
  });

  it.each(['tokenizer', 'passenger', 'spin', 'mapping', 'shipping', 'monkey', 'key', 'secretary', 'author', 'compass'])(
    'shows the value of "%s"',
    (key) => {
      expect(shown({ [key]: 'plain' })).toContain('plain');
    },
  );

  it('shows flags and counts about secrets, but no secret numbers', () => {
    const value = { hasPassword: true, token: null, maxTokens: 500, secret: undefined, pin: 1234, pass: 1234 };
    expect(shown(value)).toBe(
      '{\n  "hasPassword": true,\n  "token": null,\n  "maxTokens": 500,\n  "secret": undefined,\n' +
        '  "pin": [redacted],\n  "pass": [redacted]\n}',
    );
  });

  it('are hidden by additional words, in any spelling, and by patterns', () => {
    const own = redactorOf(['iban', 'Card Number', /^x-internal-/gi]);
    const value = { customerIban: 'a', card_number: 'b', 'X-Internal-Id': 'c', 'x-internal-b': 'd', other: 'e' };
    expect(valueView(value, own).text.match(/\[redacted\]/g)).toHaveLength(4);
    expect(valueView({ password: 'x' }, own).text).toContain('[redacted]');
  });

  it.each<[what: string, value: unknown]>([
    [
      'entries',
      [
        ['user', 'me'],
        ['password', 'hunter2'],
      ],
    ],
    ['headers as they came', ['Host', 'x', 'Authorization', 'hunter2', 'Cookie', 'hunter2']],
    [
      'names and values',
      [
        { name: 'Authorization', value: 'hunter2' },
        { Key: 'apiKey', Value: 'hunter2' },
      ],
    ],
    ['arguments of a command', ['psql', '--host', 'x', '--password', 'hunter2']],
    ['a set of entries', new Set([['token', 'hunter2']])],
  ])('may stand beside their values: %s', (_, value) => {
    expect(shown(value)).not.toContain('hunter2');
    expect(shown({ log: JSON.stringify({ value }) })).not.toContain('hunter2');
  });

  it('beside their values hide nothing else', () => {
    const value = [
      ['user', 'me'],
      ['a list of odd length', 'token', 'me'],
      { name: 'user', value: 'me' },
      { name: 'password', note: 'me' },
      { name: 7, value: 'me' },
      ['password', null],
      [['password'], 'me'],
    ];
    expect(shown(value)).toBe(JSON.stringify(value, undefined, 2));
  });

  it('are hidden if the key itself is "value"', () => {
    expect(valueView({ name: 'user', value: 'hunter2' }, redactorOf(['value'])).text).not.toContain('hunter2');
  });

  it('are all shown with false', () => {
    const open = redactorOf(false);
    expect(valueView({ password: 'hunter2', url: 'redis://u:p@h' }, open).text).toContain('hunter2');
    expect(open.text('redis://u:p@h')).toBe('redis://u:p@h');
  });
});

describe('texts', () => {
  it.each([
    ['connect to postgres://app:hunter2@db:5432/x failed', 'connect to postgres://app:[redacted]@db:5432/x failed'],
    ['redis://:hunter2@cache', 'redis://:[redacted]@cache'],
    ['https://u:p@ss:hunter2@host/path', 'https://u:[redacted]@host/path'],
    ['GET /x?access_token=hunter2&page=2', 'GET /x?access_token=[redacted]&page=2'],
    ["{ password: 'hunter2', user: 'me' }", "{ password: '[redacted]', user: 'me' }"],
    ['said {"apiKey": "hunter 2"} twice', 'said {"apiKey": "[redacted]"} twice'],
    ['said {\\"apiKey\\": \\"hunter2\\"}', 'said {\\"apiKey\\": \\"[redacted]\\"}'],
    ['said {"apiKey": "hunter\\"2"} twice', 'said {"apiKey": "[redacted]"} twice'],
    [`{ password: "it's hunter2", user: 'me' }`, `{ password: "[redacted]", user: 'me' }`],
    ['said {"credentials": {"of": "}", "is": ["hunter2"]}, "user": 1}', 'said {"credentials": [redacted], "user": 1}'],
    ["tokens: [ 'hunter2', 'hunter3' ] for me", 'tokens: [redacted] for me'],
    ["set-cookie: ['a=hunter2; path=/'] for me", 'set-cookie: [redacted] for me'],
    ['credentials: { cut: "hunter2", ', 'credentials: [redacted]'],
    ['password="cut, hunter2', 'password="[redacted]'],
    ['token=abc=hunter2== x', 'token=[redacted] x'],
    ['context.token == "hunter2"', 'context.token == "[redacted]"'],
    ['Command failed: mysql --password hunter2 -h x', 'Command failed: mysql --password [redacted] -h x'],
    ['<a:Password type="text">hunter2</a:Password>', '<a:Password type="text">[redacted]</a:Password>'],
    ['the API key: sk_hunter2 is wrong', 'the API key: [redacted] is wrong'],
    ['jwt malformed: eyJhbGciOi.eyJzdWIi.hunter2', 'jwt malformed: [redacted]'],
    ['cloned https://ghp_abcdefghijklmnopqrstuvwx@github.com', 'cloned https://[redacted]@github.com'],
    ['note: password=hunter2', 'note: password=[redacted]'],
    ['password: hunter2', 'password: [redacted]'],
    ['password => hunter2', 'password => [redacted]'],
    ['sent Bearer eyJhbGciOi.J9.x', 'sent Bearer [redacted]'],
    ['sent basic dXNlcjpwYXNz0g==', 'sent basic [redacted]'],
    ['Authorization: Digest a="b", c', 'Authorization: [redacted]'],
    ['cookie: a=1; b=2\nhost: x', 'cookie: [redacted]\nhost: x'],
    ['-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY----- end', '[redacted] end'],
    ['-----BEGIN PRIVATE KEY-----\nProc-Type: 4\nabc', '[redacted]'],
  ])('hides the secret in %j', (text, expected) => {
    expect(redactor.text(text)).toBe(expected);
  });

  it.each([
    'password: must be at least 8 characters',
    'token is missing',
    'see https://example.com:8080/a@b',
    'basic authentication is not supported',
    'a = b: c => d',
    '--token is missing',
    '--verbose --port 80',
    '<name>plain</name>',
    'token:',
    '{"plain": [1, 2, {"a": "b"}]}',
    '{ not json at all',
    '',
  ])('leaves %j as it is', (text) => {
    expect(redactor.text(text)).toBe(text);
  });

  it('are searched as JSON if they are JSON', () => {
    const text = JSON.stringify({ user: 'me', credentials: { a: 'hunter2' }, log: 'token=hunter2', list: [1] });
    expect(JSON.parse(redactor.text(text))).toEqual({
      user: 'me',
      credentials: '[redacted]',
      log: 'token=[redacted]',
      list: [1],
    });
    expect(shown({ body: text })).not.toContain('hunter2');
  });

  it('are masked completely, even if they are long', () => {
    const long = 'x1'.repeat(40_000);
    for (const text of [`password=${long}`, `password: "${long}"`, `cookie: ${long}`, `redis://u:${long}@h`]) {
      expect(redactor.text(`${text} end`)).not.toContain('x1');
    }
    expect(redactor.text(`{"a": "${'y'.repeat(70_000)}", "credentials": {"is": "hunter2"}}`)).not.toContain('hunter2');
  });

  it('never show a secret after its key, in any surrounding text', () => {
    const word = fc.stringMatching(/^[a-z ,;{}()[\]&?]{0,20}$/);
    const key = fc.constantFrom('password', 'api_key', 'accessToken', 'x-secret');
    const joint = fc.constantFrom('=', ': ', '": "', "': '", ' => ', '="');
    fc.assert(
      fc.property(word, key, joint, word, (before, name, sign, behind) => {
        expect(redactor.text(`${before} ${name}${sign}s3cr3tXYZ" ${behind}`)).not.toContain('s3cr3tXYZ');
      }),
    );
  });

  it.each([
    'a.'.repeat(32_768),
    'a'.repeat(65_536),
    '://'.repeat(20_000),
    '://a:'.repeat(13_000),
    'password='.repeat(7_000),
    'bearer '.repeat(9_000),
    '-----BEGIN PRIVATE KEY-----'.repeat(2_400),
    `a${'\\"'.repeat(30_000)}=`,
    `password="${'\\"'.repeat(30_000)}`,
    `password=${'{'.repeat(60_000)}`,
    'password={"'.repeat(6_000),
    '--a'.repeat(20_000),
    '-eyJaaaaaaaa'.repeat(5_000),
    '<a '.repeat(20_000),
    '['.repeat(60_000),
  ])('are searched in bounded steps (%#)', (text) => {
    const begin = performance.now();
    redactor.text(text);
    // Not a benchmark: an unbounded search would take minutes.
    expect(performance.now() - begin).toBeLessThan(30_000);
  });
});

describe('a value', () => {
  it('is indented JSON if JSON can express it', () => {
    const value = { a: [1, 'two', null, { b: false }], empty: {}, none: [] };
    expect(shown(value)).toBe(JSON.stringify(value, undefined, 2));
    expect(valueView(value, redactor)).toMatchObject({ length: shown(value).length, isTruncated: false });
  });

  it('is readable text otherwise', () => {
    class Point {
      x = 1;
    }
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const error = new TypeError('bad', { cause: new Error('because of token=abc1') });
    const rows: [unknown, string][] = [
      [10n, '10n'],
      [undefined, 'undefined'],
      [Number.NaN, 'NaN'],
      [-0, '-0'],
      [Number.POSITIVE_INFINITY, 'Infinity'],
      [Symbol('s'), 'Symbol(s)'],
      [() => 1, '[function]'],
      [new Date(0), '1970-01-01T00:00:00.000Z'],
      [new Date(Number.NaN), 'Invalid Date'],
      [/a\/b/gi, '/a\\/b/gi'],
      [new URL('http://u:p@h/'), 'http://u:[redacted]@h/'],
      [new Uint8Array(3), 'Uint8Array (3 bytes)'],
      [new Set([1]), 'Set(1) [\n  1\n]'],
      [new Map([[{ k: 1 }, 'v']]), 'Map(1) {\n  {\n    "k": 1\n  }: "v"\n}'],
      [new Point(), 'Point {\n  "x": 1\n}'],
      [Object.create(null), '{}'],
      [circular, '{\n  "self": [circular]\n}'],
      [error, 'TypeError: bad, caused by Error: because of token=[redacted]'],
      [
        {
          get broken() {
            throw new Error('no');
          },
        },
        '{[unreadable]',
      ],
      [{ __proto__: null, '<script>': '</script>' }, '{\n  "<script>": "</script>"\n}'],
      ['\ud800', '"\\ud800"'],
    ];
    for (const [value, text] of rows) expect(shown(value)).toBe(text);
    expect(shown([circular, circular])).toBe(
      '[\n  {\n    "self": [circular]\n  },\n  {\n    "self": [circular]\n  }\n]',
    );
  });

  it('is cut, with its full length', () => {
    const view = valueView({ text: 'x'.repeat(100_000), more: 'y'.repeat(50) }, redactor);
    expect(view.text).toHaveLength(65_536);
    expect(view).toMatchObject({
      length: JSON.stringify({ text: 'x'.repeat(100_000), more: 'y'.repeat(50) }, undefined, 2).length,
      isTruncated: true,
    });
    expect(maybeView(undefined, redactor)).toBeUndefined();
  });

  it('does not show half a secret at the cut', () => {
    const url = `redis://user:${'hunter2'.repeat(10)}@host`;
    for (let limit = 1; limit < 60; limit++) expect(shown(url, limit)).not.toContain('hunter');
  });

  it('is limited in depth and breadth', () => {
    let deep: unknown = 'bottom';
    for (let level = 0; level < 10_000; level++) deep = [deep];
    expect(shown(deep)).toContain('[…]');
    const sparse: unknown[] = [];
    sparse.length = 2 ** 32 - 1;
    expect(valueView(sparse, redactor)).toMatchObject({ isTruncated: true });
    expect(valueView(sparse, redactor, 10 ** 9).text.endsWith(',\n  …\n]')).toBe(true);
  });
});

describe('an error', () => {
  it('has its causes, code and inner errors, without secrets', () => {
    const cause = Object.assign(new Error('password=hunter2'), { code: 'ECONNREFUSED' });
    const error = new AggregateError([new RangeError('one'), 'text'], 'both failed', { cause });
    expect(errorView(error, redactor)).toMatchObject({
      name: 'AggregateError',
      message: 'both failed',
      stack: expect.stringContaining('both failed'),
      cause: { name: 'Error', message: 'password=[redacted]', code: 'ECONNREFUSED' },
      errors: [
        { name: 'RangeError', message: 'one' },
        { name: 'thrown', message: '"text"' },
      ],
    });
    expect(JSON.stringify(errorView(error, redactor))).not.toContain('hunter2');
    const bare = Object.assign(new Error('x'), { stack: undefined, code: {} });
    expect(errorView(bare, redactor)).toEqual({ name: 'Error', message: 'x' });
  });

  it('is shown even if its parts cannot be read', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const nameless = Object.assign(new Error('x'), { name: Object.create(null) });
    for (const thrown of [proxy, nameless]) {
      expect(errorView(thrown, redactor).message).toBe('[unreadable]');
      expect(errorView(new Error('outer', { cause: thrown }), redactor).cause?.message).toBe('[unreadable]');
    }
  });

  it('is limited in length and in number of causes', () => {
    const shared = new AggregateError([], 'x'.repeat(20_000));
    const first = new AggregateError([shared, shared, shared], 'first', { cause: shared });
    shared.errors.push(first, first, shared);
    shared.cause = first;
    const text = JSON.stringify(errorView(first, redactor));
    expect(text.length).toBeLessThan(1_000_000);
    expect(errorView(shared, redactor).message).toHaveLength(8_192);
  });
});
