import { expect, it } from 'vitest';
import { GiveBacks } from '../../../src/distributed/worker/give-backs.js';

const second = 1_000;
const hour = 3_600 * second;

/** The rule for jobs of unknown workflows, without randomness. */
const rule = { least: second, longest: hour, random: () => 0 };

interface Backlog {
  readonly jobs: number;
  /** The time that each job takes, in milliseconds. */
  readonly taken: number;
  readonly most?: number;
}

/**
 * Simulates a worker that is delivered only the due jobs of a backlog, with a clock of its own.
 *
 * @returns the number of jobs given back in each minute
 */
function work({ jobs, taken, most }: Backlog, minutes: number) {
  let now = 0;
  const gives = new GiveBacks({ ...rule, most, now: () => now });
  const due = Array.from({ length: jobs }, (_, n) => ({ id: `${n}`, at: 0 }));
  const perMinute: number[] = Array.from({ length: minutes }, () => 0);
  while (due.length > 0) {
    const next = due.shift() as (typeof due)[number];
    now = Math.max(now, next.at) + taken;
    const minute = Math.floor(now / 60_000);
    if (minute >= minutes) break;
    perMinute[minute] = (perMinute[minute] as number) + 1;
    insert(due, { id: next.id, at: now + gives.delayOf(next.id, taken) });
  }
  return perMinute;
}

/** Inserts a value into a list that is ordered by time. */
function insert<Item extends { readonly at: number }>(list: Item[], item: Item): void {
  let [from, to] = [0, list.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((list[middle] as Item).at <= item.at) from = middle + 1;
    else to = middle;
  }
  list.splice(from, 0, item);
}

it('takes a single job back every second, and each of a few jobs almost as often', () => {
  expect(work({ jobs: 1, taken: 1 }, 2)).toEqual([60, 60]);
  expect(work({ jobs: 5, taken: 1 }, 1)[0]).toBeGreaterThan(5 * 50);
});

it.each([
  { jobs: 150, taken: 10, busyMinutes: 1 },
  { jobs: 300, taken: 10, busyMinutes: 1 },
  { jobs: 5_000, taken: 10, busyMinutes: 10 },
  { jobs: 300, taken: 120, busyMinutes: 8 },
])('spends a small part of its time on $jobs jobs of $taken ms, after $busyMinutes minutes', (backlog) => {
  const { busyMinutes, taken, jobs } = backlog;
  const after = work(backlog, busyMinutes + 30).slice(busyMinutes);
  // Ten jobs per second, or a tenth of the time.
  for (const count of after) expect(count * Math.max(100, 10 * taken)).toBeLessThan(1.2 * 60_000);
  expect(after.reduce((sum, count) => sum + count)).toBeGreaterThan(jobs);
});

it('spends a small part of its time on more jobs than it remembers', () => {
  const after = work({ jobs: 2_000, taken: 5, most: 500 }, 20).slice(5);
  for (const count of after) expect(count).toBeLessThan(700);
});

it('delays no job for longer than twice the time since it was first given back, nor than the maximum', () => {
  let now = 0;
  const gives = new GiveBacks({ ...rule, longest: 60 * second, now: () => now });
  for (let n = 0; n < 1_000; n++) expect(gives.delayOf(`${n}`)).toBe(second);
  expect(gives.delayOf('last')).toBe(second);
  for (const [time, delay] of [
    [second, 3 * second],
    [4 * second, 9 * second],
    [20 * second, 41 * second],
    [100 * second, 60 * second],
  ] as const) {
    now = time;
    for (let n = 0; n < 1_000; n++) gives.delayOf(`${n}`);
    expect(gives.delayOf('last')).toBe(delay);
  }
});

it('forgets jobs that others have taken, so that a new one comes again soon', () => {
  let now = 0;
  const gives = new GiveBacks({ ...rule, most: 100, now: () => now });
  for (let n = 0; n < 100; n++) gives.delayOf(`${n}`);
  for (let n = 100; n < 200; n++) gives.delayOf(`${n}`);
  expect(gives.delayOf('late')).toBeGreaterThan(5 * second);
  now = hour;
  expect(gives.delayOf('new')).toBe(second);
});

it('adds a random part to the delays', () => {
  const gives = new GiveBacks({ least: second, longest: hour, now: () => 0, random: () => 0.5 });
  expect(gives.delayOf('a')).toBe(1_125);
});
