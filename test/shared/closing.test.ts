import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Closing, readCloseOptions } from '../../src/shared/closing.js';
import { deferred } from '../support.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a resource that closes gracefully until a deadline', () => {
  it('closes once, even if close is called several times', async () => {
    const work = vi.fn(async () => {});
    const closing = new Closing(work);
    expect(closing.hasBegun).toBe(false);
    await Promise.all([closing.close(), closing.close({ timeout: 1 })]);
    await closing.close({ timeout: 0 });
    expect(work).toHaveBeenCalledOnce();
    expect(closing.hasBegun).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([
    ['its timeout', [{ timeout: 500 }], 500],
    ['10 seconds, where none is given', [{}], 10_000],
    ['the shorter timeout of a later call', [{ timeout: 60_000 }, { timeout: 300 }], 300],
    ['the timeout of an earlier call, where that ends sooner', [{ timeout: 300 }, { timeout: 60_000 }], 300],
    ['no wait at all', [{ timeout: 0 }], 0],
  ])('is cut off after %s', async (_name, calls, after) => {
    const ended = vi.fn();
    const closing = new Closing(async (deadline) => {
      await deadline.bound(new Promise(() => {}));
    });
    for (const options of calls) void closing.close(options).then(ended);
    await vi.advanceTimersByTimeAsync(Math.max(after - 1, 0));
    if (after > 0) expect(ended).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(ended).toHaveBeenCalledTimes(calls.length);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits forever with an infinite timeout', async () => {
    const work = deferred();
    const closing = new Closing(async (deadline) => {
      await deadline.bound(work.promise);
    });
    const closed = closing.close({ timeout: Infinity });
    expect(vi.getTimerCount()).toBe(0);
    work.resolve();
    await closed;
  });

  it('rejects with an error of the closing in time, and ignores later errors', async () => {
    const soon = new Closing(async (deadline) => {
      await deadline.bound(Promise.reject(new Error('in use')));
    });
    await expect(soon.close()).rejects.toThrow('in use');
    const work = deferred();
    const late = new Closing(async (deadline) => {
      await deadline.bound(work.promise);
    });
    const closed = late.close({ timeout: 10 });
    await vi.advanceTimersByTimeAsync(10);
    await closed;
    work.reject(new Error('in use'));
  });

  it.each([
    [{ timeout: -1 }, 'timeout must be a whole number of at least 0, or Infinity, got -1'],
    [{ timeout: '1s' }, 'timeout must be a whole number of at least 0, or Infinity, got String'],
    [{ timeout: 1.5 }, 'timeout must be a whole number of at least 0, or Infinity, got 1.5'],
    [{ deadline: 1 }, 'deadline is unknown, expected timeout'],
    [5, 'options must be an object, got 5'],
    [null, 'options must be an object, got null'],
  ])('does not begin with options such as %j', async (options, message) => {
    const closing = new Closing(async () => {});
    await expect(closing.close(options as never)).rejects.toThrow(message);
    expect(closing.hasBegun).toBe(false);
    expect(() => readCloseOptions(options as never)).toThrow(message);
  });
});
