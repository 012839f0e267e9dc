import type { Cancellation } from '../../kernel/cancellation.js';
import { EngineError } from '../errors.js';

/** Tries again what an engine could not do, until it can. */
export interface Patience {
  /** Ends it: then the engine's last failure is the answer. */
  readonly until: Cancellation;
  /** Called with each failure after which it is tried again. Default: nobody is told. */
  readonly onFailure?: ((error: EngineError) => void) | undefined;
}

/** Milliseconds before the first try again, and the most before any. */
const first = 50;
const longest = 2_000;

/** If true, the engine could not do it, and may be able to later. */
export function isPassing(error: unknown): error is EngineError {
  return error instanceof EngineError && !error.isFinal;
}

/**
 * Waits before something is tried again: longer each time, and by chance, so that not all come at once.
 *
 * @param tries - how often it has failed, of at least 1
 * @param until - each of them ends the wait
 */
export function pauseAfter(tries: number, until: readonly Cancellation[]): Promise<void> {
  const most = Math.min(longest, first * 2 ** (tries - 1));
  return pause(most * (0.5 + Math.random() / 2), until);
}

/** Waits so many milliseconds. @param until - each of them ends the wait */
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

/** Does something that may be done twice, again and again while the engine cannot do it. */
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
