import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { jobIdOf, keyOf, lookJobIdOf, timeoutJobIdOf } from '../../../src/distributed/journal/job-id.js';
import { RepeatedWarnings } from '../../../src/distributed/worker/repeated-warnings.js';

let passed: [string, Readonly<Record<string, unknown>>][] = [];
let warnings: RepeatedWarnings;

beforeEach(() => {
  vi.useFakeTimers();
  passed = [];
  warnings = new RepeatedWarnings((error, details) => passed.push([error.message, details]));
});
afterEach(() => vi.useRealTimers());

const warn = (message: string, details = {}) => warnings.warn(new Error(message), details);

it('passes on the first of each kind at once, and counts equal ones', () => {
  for (let time = 0; time < 5_000; time++) warn('full');
  warn('away', { runId: 'r' });
  expect(passed).toEqual([
    ['full', {}],
    ['away', { runId: 'r' }],
  ]);
  vi.advanceTimersByTime(10_000);
  expect(passed.slice(2)).toEqual([['full', { repeated: 4_999 }]]);
});

it('treats warnings as equal that differ only in the ids of runs and jobs, and keeps the first', () => {
  const runIds = Array.from({ length: 97 }, (_, index) => (index % 2 === 0 ? `order-${index}` : `order "${index}" ü`));
  const ids = runIds.flatMap((runId, index) => [
    jobIdOf(keyOf(runId), index, 1, 2, 164_102_568_525_415 + index),
    lookJobIdOf({ runId, incarnation: 164_102_568_525_415 + index }, index),
    lookJobIdOf({ runId, incarnation: undefined }, index),
    timeoutJobIdOf({ runId, incarnation: 164_102_568_525_415 + index }),
    timeoutJobIdOf({ runId, incarnation: undefined }),
  ]);
  const messages = [
    (id: string) => `job ${id} was taken back: its lock could not be renewed`,
    (id: string) => `Missing lock for job ${id}. moveToDelayed`,
    (id: string) => `Missing lock for job ${id}. moveToFinished`,
    (id: string) => `Lock mismatch for job ${id}. Cmd moveToFinished from active`,
    (id: string) => `Missing key for job ${id}. moveToDelayed`,
  ];
  for (const message of messages) for (const id of ids) warn(message(id));
  for (const runId of runIds) warn(`node "a" of "${runId}" cannot be read`, { runId });
  for (let run = 0; run < 97; run++) warn(`run "order-${run}" cannot be read`);
  const first = [
    ...messages.map((message) => [message(ids[0] as string), {}]),
    ['node "a" of "order-0" cannot be read', { runId: 'order-0' }],
    ['run "order-0" cannot be read', {}],
  ];
  expect(passed).toEqual(first);
  passed = [];
  vi.advanceTimersByTime(10_000);
  expect(passed.map(([message, { repeated, ...details }]) => [message, details])).toEqual(first);
  expect(passed.map(([, { repeated }]) => repeated)).toEqual([...messages.map(() => ids.length - 1), 96, 96]);
});

it('treats warnings as different that differ in more than ids', () => {
  const different = [
    'connect ECONNREFUSED 127.0.0.1:6379',
    'connect ECONNREFUSED 127.0.0.2:6379',
    'redis at 10.0.0.1:6379 is of version 6.0.16',
    'redis at 10.0.0.1:6379 is of version 6.0.17',
    'cannot look up shop.example.look',
    'cannot look up shop.example.timeouts',
  ];
  for (const message of different) warn(message);
  expect(passed.map(([message]) => message)).toEqual(different);
});

it('takes no long time over a long word', () => {
  const began = performance.now();
  warn(`${'a.'.repeat(500_000)}${'b'.repeat(500_000)} run "${'c'.repeat(500_000)}`);
  expect(passed).toHaveLength(1);
  expect(performance.now() - began).toBeLessThan(60_000);
});

it('passes on a repeated warning once per interval, and a new one after a pause', () => {
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

it('passes on counted warnings when it is closed, and leaves no timer', () => {
  warn('full');
  warn('full');
  warnings.close();
  expect(passed).toEqual([
    ['full', {}],
    ['full', { repeated: 1 }],
  ]);
  expect(vi.getTimerCount()).toBe(0);
});

it('remembers no more than some hundred kinds', () => {
  for (let kind = 0; kind < 5_000; kind++) warn(`kind ${kind}`);
  expect(passed).toHaveLength(5_000);
  expect(vi.getTimerCount()).toBeLessThanOrEqual(200);
});
