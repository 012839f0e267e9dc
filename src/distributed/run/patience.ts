import type { Cancellation } from '../../kernel/cancellation.js';
import { EngineError } from '../errors.js';

/** Settings for retrying calls that an engine could not carry out. */
export interface Patience {
  /** Ends the retries when it aborts. The call then fails with the engine's last error. */
  readonly until: Cancellation;
  /** Called with each error that is followed by a retry. Default: errors are not reported. */
  readonly onFailure?: ((error: EngineError) => void) | undefined;
}

/** Milliseconds before the first retry, and maximum pause between two retries. */
const first = 50;
const longest = 2_000;

/** Returns true for an error of the engine that is temporary: the same call may succeed later. */
export function isPassing(error: unknown): error is EngineError {
  return error instanceof EngineError && !error.isFinal;
}

/**
 * Waits before a retry. The pause doubles with each failure, and is randomised so that callers do not all retry at the
 * same time.
 *
 * @param tries - the number of failures so far, at least 1
 * @param until - cancellations, any of which ends the pause
 */
export function pauseAfter(tries: number, until: readonly Cancellation[]): Promise<void> {
  const most = Math.min(longest, first * 2 ** (tries - 1));
  return pause(most * (0.5 + Math.random() / 2), until);
}

/**
 * Waits for the given milliseconds.
 *
 * @param until - cancellations, any of which ends the wait
 */
export function pause(milliseconds: number, until: readonly Cancellation[]): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      for (const one of until) one.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    for (const one of until) one.addEventListener('abort', end);
    if (until.some(({ aborted }) => aborted)) end();
  });
}

/** Retries `work` while the engine cannot carry it out. `work` must be idempotent. */
export async function patiently<Result>({ until, onFailure }: Patience, work: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (until.aborted || !isPassing(error)) throw error;
      onFailure?.(error);
      await pauseAfter(tries, [until]);
      if (until.aborted) throw error;
    }
  }
}
