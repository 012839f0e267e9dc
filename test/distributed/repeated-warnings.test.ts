import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RepeatedWarnings } from '../../src/distributed/worker/repeated-warnings.js';

let passed: [string, Readonly<Record<string, unknown>>][] = [];
let warnings: RepeatedWarnings;

beforeEach(() => {
  vi.useFakeTimers();
  passed = [];
  warnings = new RepeatedWarnings((error, details) => passed.push([error.message, details]));
});
afterEach(() => vi.useRealTimers());

const warn = (message: string, details = {}) => warnings.warn(new Error(message), details);

it('passes the first of each kind on at once, and counts what is equal', () => {
  for (let time = 0; time < 5_000; time++) warn('full');
  warn('away', { runId: 'r' });
  expect(passed).toEqual([
    ['full', {}],
    ['away', { runId: 'r' }],
  ]);
  vi.advanceTimersByTime(10_000);
  expect(passed.slice(2)).toEqual([['full', { repeated: 4_999 }]]);
});

it('tells of what goes on once an interval, and anew of what comes again after a while', () => {
  for (let second = 0; second < 35; second++) {
    warn('full');
    vi.advanceTimersByTime(1_000);
  }
  expect(passed.map(([, { repeated = 1 }]) => repeated)).toEqual([1, 9, 10, 10]);
  vi.advanceTimersByTime(60_000);
  passed = [];
  warn('full');
  expect(passed).toEqual([['full', {}]]);
});

it('passes on what was counted when it ends, and has no timer then', () => {
  warn('full');
  warn('full');
  warnings.close();
  expect(passed).toEqual([
    ['full', {}],
    ['full', { repeated: 1 }],
  ]);
  expect(vi.getTimerCount()).toBe(0);
});

it('keeps no more than some hundred kinds in mind', () => {
  for (let kind = 0; kind < 5_000; kind++) warn(`kind ${kind}`);
  expect(passed).toHaveLength(5_000);
  expect(vi.getTimerCount()).toBeLessThanOrEqual(200);
});
