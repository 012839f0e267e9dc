import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { callAfter, longestLook } from '../../src/shared/long-timer.js';

const day = 86_400_000;

/** Simulates a machine that sleeps: the wall clock advances, timers do not. */
function suspend(milliseconds: number): void {
  vi.setSystemTime(Date.now() + milliseconds);
}

describe('callAfter', () => {
  const warnings: string[] = [];
  const note = ({ name }: Error) => void warnings.push(name);

  beforeEach(() => {
    vi.useFakeTimers();
    warnings.length = 0;
    process.on('warning', note);
  });

  afterEach(() => {
    process.off('warning', note);
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it.each([1, 1.5, 29_999.5, 30_000, 30_001, 90_000, 30 * day])(
    'calls once, after %d ms and not before',
    (milliseconds) => {
      const work = vi.fn();
      const began = Date.now();
      callAfter(milliseconds, work);
      vi.advanceTimersByTime(Math.ceil(milliseconds) - 1);
      expect(work).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      expect(work).toHaveBeenCalledTimes(1);
      expect(Date.now() - began).toBeGreaterThanOrEqual(milliseconds);
      vi.advanceTimersByTime(day);
      expect(work).toHaveBeenCalledTimes(1);
      expect(warnings).toEqual([]);
    },
  );

  it.each([0, -1, Number.NaN, -Infinity])('calls soon if the time is %d', (milliseconds) => {
    const work = vi.fn();
    const set = vi.spyOn(globalThis, 'setTimeout');
    callAfter(milliseconds, work);
    // Later versions of Node warn of negative delays.
    expect(set.mock.calls.filter(([, delay = 0]) => delay < 0)).toEqual([]);
    set.mockRestore();
    expect(work).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(work).toHaveBeenCalledTimes(1);
  });

  it('never calls if the time is Infinity, and checks the clock twice a minute', () => {
    const work = vi.fn();
    const set = vi.spyOn(globalThis, 'setTimeout');
    const timer = callAfter(Infinity, work);
    vi.advanceTimersByTime(60 * 60_000);
    expect(set).toHaveBeenCalledTimes(121);
    timer.cancel();
    expect(work).not.toHaveBeenCalled();
    set.mockRestore();
  });

  it('calls within half a minute after the machine has slept past the time', () => {
    const work = vi.fn();
    callAfter(8 * 3_600_000, work);
    vi.advanceTimersByTime(100);
    suspend(9 * 3_600_000);
    vi.advanceTimersByTime(longestLook);
    expect(work).toHaveBeenCalledTimes(1);
  });

  it('counts the time that the machine has slept', () => {
    const work = vi.fn();
    callAfter(8 * 3_600_000, work);
    vi.advanceTimersByTime(45_000);
    suspend(8 * 3_600_000 - 50_000);
    vi.advanceTimersByTime(4_999);
    expect(work).not.toHaveBeenCalled();
    vi.advanceTimersByTime(longestLook);
    expect(work).toHaveBeenCalledTimes(1);
  });

  it.each([0, 1, 3])('does not call after it is cancelled, %d checks later', (looks) => {
    const work = vi.fn();
    const timer = callAfter(100_000, work);
    vi.advanceTimersByTime(looks * longestLook);
    timer.cancel();
    timer.cancel();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(200_000);
    expect(work).not.toHaveBeenCalled();
  });

  it('may be set and cancelled by the function that it calls', () => {
    const calls: number[] = [];
    const again = () => {
      calls.push(Date.now());
      timer.cancel();
      if (calls.length < 3) timer = callAfter(60_000, again);
    };
    let timer = callAfter(60_000, again);
    vi.advanceTimersByTime(200_000);
    expect(calls).toHaveLength(3);
  });
});

describe('a wall clock that is set back', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('does not delay the call', () => {
    const work = vi.fn();
    callAfter(120_000, work);
    vi.advanceTimersByTime(45_000);
    suspend(-3_600_000);
    vi.advanceTimersByTime(74_999);
    expect(work).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(work).toHaveBeenCalledTimes(1);
  });
});

describe('unref', () => {
  it.each([1, 100_000])('lets a program exit that waits for nothing else, %d ms before the time', (milliseconds) => {
    vi.useFakeTimers();
    const refs: boolean[] = [];
    const set = globalThis.setTimeout;
    const spy = vi.spyOn(globalThis, 'setTimeout').mockImplementation(((work: () => void, delay: number) => {
      const timer = set(work, delay);
      const unref = timer.unref.bind(timer);
      refs.push(true);
      const at = refs.length - 1;
      timer.unref = () => {
        refs[at] = false;
        return unref();
      };
      return timer;
    }) as never);
    callAfter(milliseconds, () => {}).unref();
    vi.advanceTimersByTime(milliseconds);
    expect(refs).toEqual(milliseconds === 1 ? [false] : [false, false, false, false]);
    spy.mockRestore();
    vi.useRealTimers();
  });
});
