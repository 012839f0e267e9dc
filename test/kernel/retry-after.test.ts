import { Orchestrator } from 'orchestrator';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { millisecondsOf } from '../../src/kernel/policies/retry.js';

const now = Date.UTC(2026, 10, 8, 8, 49, 37);

beforeEach(() => vi.useFakeTimers({ now }));
afterEach(() => vi.useRealTimers());

describe('a Retry-After field', () => {
  it.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['2.0', 2_000],
    ['1.5', 1_500],
    ['2, 2', 2_000],
    ['2,7 , 3', 7_000],
    ['Sun, 08 Nov 2026 08:49:39 GMT', 2_000],
    ['Sun, 08 Nov 2026 08:49:39 UTC', 2_000],
    ['Sun, 08 Nov 2026 08:49:39 +0000', 2_000],
    ['Sun, 08 Nov 2026 08:49:39 -00:00', 2_000],
    ['Sun, 8 Nov 2026 08:49:39 GMT', 2_000],
    ['Sunday, 08-Nov-26 08:49:39 GMT', 2_000],
    ['Sun Nov  8 08:49:39 2026', 2_000],
    ['Mon Nov 16 08:49:37 2026', 8 * 86_400_000],
    ['Sun, 08 Nov 2026 08:49:39 GMT, Sun, 08 Nov 2026 08:49:40 GMT', 3_000],
    ['Sun, 08 Nov 2026 08:49:39 GMT, 5', 5_000],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
    ['Thursday, 01-Jan-70 00:00:00 GMT', 0],
    ['99999999999999999999', 1e23],
  ])('of %j asks for %d ms', (text, milliseconds) => {
    expect(millisecondsOf(text, 'field')).toBe(milliseconds);
  });

  it.each([
    '',
    ' ',
    '-5',
    '+5',
    '1e3',
    '0x10',
    'Infinity',
    'NaN',
    '5 seconds',
    'soon 5',
    '2026-11-22T00:00:00Z',
    'Someday, when GMT',
    '2,',
    ', 2',
    '1.2.3',
    'soon',
    'GMT',
    'Sun, 08 Nov 2026',
    'Sun, 08 Nov 2026 08:49:39',
    'Sun, 08 Nov 2026 08:49:39 +0200',
    'Sun, 31 Feb 2027 08:49:39 GMT',
    'Sun, 08 Nov 2026 25:49:39 GMT',
    'Sun, 08 Abc 2026 08:49:39 GMT',
    'x Sun Nov  8 08:49:39 2026 x',
    '2,'.repeat(100_000),
  ])('of %j is ignored', (text) => {
    expect(millisecondsOf(text, 'field')).toBeUndefined();
  });

  it('may be a number or a Date, which may be in the past or invalid', () => {
    expect(millisecondsOf(-1, 'field')).toBe(0);
    expect(millisecondsOf(Number.NaN, 'field')).toBeUndefined();
    expect(millisecondsOf(new Date(now + 5), 'field')).toBe(5);
    expect(millisecondsOf(new Date(0), 'field')).toBe(0);
    expect(millisecondsOf(new Date(Number.NaN), 'field')).toBeUndefined();
    expect(millisecondsOf(false, 'field')).toBeUndefined();
  });

  it.each([true, 5n, {}, Promise.resolve(5), Symbol('5')])('of %s is refused', (asked) => {
    expect(() => millisecondsOf(asked as never, 'retry.retryAfter')).toThrow(
      'the result of retry.retryAfter must be milliseconds, a Date, the text of a Retry-After field, or undefined, got ',
    );
  });

  it('is never followed for longer than a timer can hold, nor than maxTimeout', async () => {
    for (const [maxTimeout, delay] of [
      [Infinity, 2 ** 31 - 1],
      [70, 70],
    ] as const) {
      const delays: number[] = [];
      const orchestrator = new Orchestrator().onTaskRetry((event) => delays.push(event.delay));
      let calls = 0;
      const flaky = () => (calls++ === 0 ? Promise.reject(new Error('429')) : 'done');
      const retry = { retries: 1, maxTimeout, retryAfter: () => '99999999999999999999' };
      const pending = orchestrator.action(flaky, { retry })();
      await vi.runAllTimersAsync();
      expect(await pending).toBe('done');
      expect(delays).toEqual([delay]);
    }
  });
});
