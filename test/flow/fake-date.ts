import { afterEach, beforeEach, vi } from 'vitest';

/** The time at which each test of a file that calls `useFakeDate` begins, in epoch milliseconds. */
export const start = 1_000_000;

export const day = 86_400_000;

/** Lets the tests of a file set the date. Timers are real. */
export function useFakeDate(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: start });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
}

export function later(milliseconds: number): void {
  vi.setSystemTime(Date.now() + milliseconds);
}
