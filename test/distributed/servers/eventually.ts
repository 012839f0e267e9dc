import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  /** Maximum time in milliseconds. Default: 30000, for busy machines. */
  readonly timeout?: number;
  /** Milliseconds between two checks. Default: 25. */
  readonly interval?: number;
}

/**
 * Repeats a check until it neither throws nor returns `false`, and returns its value. After the timeout, rejects with
 * the last failure.
 */
export async function eventually<Value>(
  check: () => Value | Promise<Value>,
  { timeout = 30_000, interval = 25 }: EventuallyOptions = {},
): Promise<Exclude<Value, false>> {
  const deadline = performance.now() + timeout;
  let failure: unknown = new Error(`a check did not end within ${timeout} ms`);
  do {
    try {
      const value = await within(deadline - performance.now(), check, () => failure);
      if (value !== false) return value as Exclude<Value, false>;
      failure = new Error(`a condition did not hold within ${timeout} ms`);
    } catch (error) {
      failure = error;
    }
    await sleep(interval);
  } while (performance.now() < deadline);
  throw failure;
}

/** Returns the value of a check, unless it takes longer than the given time. */
async function within<Value>(time: number, check: () => Value | Promise<Value>, late: () => unknown): Promise<Value> {
  const timer = new AbortController();
  const tooLate = sleep(Math.max(time, 1), undefined, { signal: timer.signal }).then(() => Promise.reject(late()));
  tooLate.catch(() => undefined);
  try {
    return await Promise.race([check(), tooLate]);
  } finally {
    timer.abort();
  }
}
