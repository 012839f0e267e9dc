import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../src/cli/exit-codes.js';
import { errorData } from '../../src/cli/output/error-data.js';
import { jsonOf } from '../../src/cli/output/json.js';
import { Output } from '../../src/cli/output/output.js';
import { type Column, writeFields, writeTable } from '../../src/cli/output/table.js';
import { harmless, oneLine, versionText } from '../../src/cli/output/text.js';
import { agoOf, readTime, timeOf } from '../../src/cli/output/times.js';
import { cut, widthOf } from '../../src/shared/terminal-text.js';

describe('text for a terminal', () => {
  it('contains nothing that a terminal acts on', () => {
    const hostile = '\u001b[2J\u009b31m\u0007\u0000\r\u202e\u2028\ud800\ufeff';
    expect(harmless(hostile)).toBe('\\u001b[2J\\u009b31m\\u0007\\u0000\\r\\u202e\\u2028\\ud800\\ufeff');
    expect(harmless('tab\tline\n')).toBe('tab\tline\n');
    expect(oneLine('tab\tline\n')).toBe('tab\\tline\\n');
  });

  it('has shortened hashes of versions', () => {
    const hash = '-CY098hfZvxwExMnqylvYAzGjjnZijiMvT40VcyIdu0';
    expect(versionText(hash)).toBe('-CY098hf…');
    expect(versionText(`order@${hash}`)).toBe('order@-CY098hf…');
    expect(versionText('order@1.0.0')).toBe('order@1.0.0');
    expect(versionText('a\nb@1')).toBe('a\\nb@1');
  });

  it('is measured in columns of a terminal', () => {
    expect(['abc', '日本', 'e\u0301', '👩‍👩‍👧', '한'].map(widthOf)).toEqual([3, 4, 1, 6, 2]);
  });

  it('is cut to a number of columns, between characters', () => {
    expect(cut('abcdef', 6)).toBe('abcdef');
    expect(cut('abcdef', 4)).toBe('abc…');
    expect(cut('日本語', 4)).toBe('日…');
  });
});

describe('times', () => {
  it('are written relative to now', () => {
    expect(agoOf(1_000, 4_000)).toBe('3.0 s ago');
    expect(agoOf(64_000, 4_000)).toBe('in 1 min 00 s');
    expect(timeOf(new Date(2026, 0, 2, 3, 4, 5).getTime())).toBe('2026-01-02 03:04:05');
  });

  it('are read as ages or dates', () => {
    expect(readTime('30m', 10_000_000)).toBe(8_200_000);
    expect(readTime('2026-11-21T19:00:00Z', 0)).toBe(Date.UTC(2026, 10, 21, 19));
    expect(['yesterday', '2026-99-99', '17'].map((text) => readTime(text, 0))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('JSON', () => {
  it('is written for any value', () => {
    const circular: Record<string, unknown> = { at: new Date(0), bad: new Date(Number.NaN) };
    circular.self = circular;
    const value = [1n, new Map([['a', new Set([1])]]), circular, Buffer.from('ab'), () => 1, Symbol('s'), undefined];
    expect(JSON.parse(jsonOf(value))).toEqual([
      '1',
      [['a', [1]]],
      { at: '1970-01-01T00:00:00.000Z', bad: null, self: '[circular]' },
      '[2 bytes]',
      '[function]',
      '[symbol]',
      null,
    ]);
    expect(jsonOf(undefined)).toBe('null');
    expect(jsonOf({ error: new TypeError('no') })).toBe('{"error":{"name":"TypeError","message":"no"}}');
  });

  it('contains nothing that a terminal acts on, and parses to the same value', () => {
    const text = '\u009b31m\u202e\u001b';
    expect(jsonOf(text)).toBe('"\\u009b31m\\u202e\\u001b"');
    expect(JSON.parse(jsonOf(text))).toBe(text);
  });

  it('has the class, message, code and causes of an error, and its stack if requested', () => {
    const error = Object.assign(new Error('outer', { cause: 'why' }), { code: 'E_X' });
    expect(errorData(error)).toEqual({
      name: 'Error',
      message: 'outer',
      code: 'E_X',
      cause: { name: 'Error', message: 'why' },
    });
    expect(errorData(error, { stack: true })).toHaveProperty('stack');
    expect(errorData({ a: 1 })).toEqual({ name: 'Error', message: '{"a":1}' });
    const many = new AggregateError([new RangeError('one'), 'two'], 'both');
    expect(errorData(many).errors).toEqual([
      { name: 'RangeError', message: 'one' },
      { name: 'Error', message: 'two' },
    ]);
  });

  it('is finite for errors that are causes of each other', () => {
    const error = new AggregateError([], 'round');
    error.cause = error;
    error.errors.push(error, error);
    expect(JSON.stringify(errorData(error)).match(/round/g)).toHaveLength(50);
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(errorData(proxy).message).toBe('[unreadable]');
    expect(errorData(Object.assign(new Error('x'), { message: Object.create(null) })).message).toBe('[unreadable]');
    expect(errorData({ much: 'x'.repeat(5_000) }).message).toHaveLength(1_000);
  });

  it('is finite for circular and unreadable values', () => {
    let deep: unknown = 'bottom';
    for (let level = 0; level < 10_000; level++) deep = [deep];
    expect(jsonOf(deep)).toContain('["[…]"]');
    const unreadable = {
      get broken() {
        throw new Error('no');
      },
    };
    expect(jsonOf({ unreadable, next: 1 })).toBe('{"unreadable":"[unreadable]","next":1}');
    const round = new Error('round');
    round.cause = round;
    expect(jsonOf({ round })).toBe('{"round":{"name":"Error","message":"round","cause":"[circular]"}}');
  });
});

describe('tables', () => {
  const columns: Column<{ readonly id: string; readonly count?: number; readonly note: string }>[] = [
    { title: 'ID', value: ({ id }) => id, style: () => 'green' },
    { title: 'COUNT', value: ({ count }) => count, align: 'right' },
    { title: 'NOTE', value: ({ note }) => note, least: 6 },
  ];
  const rows = [
    { id: 'short', count: 5, note: 'a note that is long' },
    { id: 'longer id', note: 'line\nend' },
  ];

  it('have columns that are aligned, and no spaces at their ends', () => {
    expect(tableOf(rows)).toBe(
      ['ID         COUNT  NOTE', 'short          5  a note that is long', 'longer id         line\\nend', ''].join(
        '\n',
      ),
    );
  });

  it('are at most as wide as the terminal', () => {
    const text = tableOf(rows, 24);
    expect(text).toBe(
      ['ID         COUNT  NOTE', 'short          5  a not…', 'longer id         line…', '']
        .join('\n')
        .replace('line…', 'line\\…'),
    );
    expect(Math.max(...text.split('\n').map(widthOf))).toBeLessThanOrEqual(24);
  });

  it('keep columns that may not be narrowed, even on a narrow terminal', () => {
    expect(tableOf(rows, 5)).toContain('longer id         line\\…');
  });

  it('are aligned with characters that are two columns wide', () => {
    expect(tableOf([{ id: '日本', count: 1, note: 'x' }])).toBe('ID    COUNT  NOTE\n日本      1  x\n');
  });

  it('have colours that take no space', () => {
    const text = tableOf(rows, 60, true);
    expect(text).toContain('\u001b[32mshort\u001b[39m');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed
    expect(text.replace(/\u001b\[\d+m/g, '')).toBe(tableOf(rows, 60));
  });

  it('may have any number of rows', () => {
    const many = Array.from({ length: 200_000 }, () => ({ id: 'x', note: 'y' }));
    expect(tableOf(many).split('\n')).toHaveLength(200_002);
  });

  it('of names and values leave out missing values', () => {
    const { output, text } = outputOf();
    writeFields(output, [
      ['a', 'one'],
      ['gone', undefined],
      ['longer', 'two'],
    ]);
    expect(text()).toBe('a       one\nlonger  two\n');
  });

  function tableOf(given: typeof rows, width?: number, isColoured = false): string {
    const { output, text } = outputOf(width);
    output.isColoured = isColoured;
    writeTable(output, given, columns);
    return text();
  }
});

describe('a stream', () => {
  it('waits for a slow reader, but not for one that has gone', async () => {
    let release = () => {};
    const stream = new Writable({
      highWaterMark: 1,
      write: (_chunk, _encoding, done) => {
        release = done;
      },
    });
    let closed = 0;
    const output = new Output(stream, () => closed++);
    output.line('full');
    const drained = output.drained();
    release();
    await drained;
    stream.destroy(Object.assign(new Error('gone'), { code: 'EPIPE' }));
    await new Promise((resolve) => setImmediate(resolve));
    output.line('nobody');
    await output.drained();
    expect(closed).toBe(1);
  });
});

describe('exit codes', () => {
  it.each([
    ['ERR_VALIDATION', 2],
    ['ERR_RUN_NOT_FOUND', 3],
    ['ERR_RUN_STATE', 4],
    ['ERR_ENGINE', 5],
    ['ERR_ELSE', 1],
    ['constructor', 1],
  ])('are derived from the code of an error: %s is %i', (code, exitCode) => {
    expect(exitCodeOf(Object.assign(new Error('x'), { code }))).toBe(exitCode);
  });

  it('are 1 for any other thrown value', () => {
    expect([undefined, null, 'text'].map(exitCodeOf)).toEqual([1, 1, 1]);
  });
});

function outputOf(width?: number) {
  let written = '';
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk, _encoding, done) => {
      written += chunk;
      done();
    },
  });
  const output = new Output(Object.assign(stream, { isTTY: width !== undefined, columns: width }), () => undefined);
  return { output, text: () => written };
}
