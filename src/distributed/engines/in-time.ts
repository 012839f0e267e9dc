import { longestDelay } from '../../shared/validate.js';

/** Thrown when an answer did not arrive in time. The same request may succeed later. */
export class SilenceError extends Error {
  readonly code = 'ETIMEDOUT';

  constructor(milliseconds: number) {
    super(`no answer within ${Math.max(0, Math.round(milliseconds))} ms`);
  }
}

/** A time limit. */
export interface Limit {
  /** Length of the limit in milliseconds, from its start. */
  readonly milliseconds: number;
  /** Calls `act` when the time is up. Returns a function that cancels this. */
  onOver(act: () => void): () => void;
}

/** Creates a limit that starts now. */
export function within(milliseconds: number): Limit {
  const end = performance.now() + milliseconds;
  return {
    milliseconds,
    onOver: (act) => {
      const timer = setTimeout(act, Math.min(Math.max(end - performance.now(), 0), longestDelay));
      return () => clearTimeout(timer);
    },
  };
}

/**
 * Settles like `work`, or rejects when the limit is exceeded.
 *
 * @param limit - `undefined` for no limit
 * @param onLate - called before the rejection
 * @throws {SilenceError} if the limit is exceeded
 */
export function inTime<Result>(
  work: Promise<Result>,
  limit: Limit | undefined,
  onLate: () => void = () => {},
): Promise<Result> {
  if (limit === undefined) return work;
  return new Promise((resolve, reject) => {
    const forget = limit.onOver(() => {
      onLate();
      reject(new SilenceError(limit.milliseconds));
    });
    work.then(
      (result) => {
        forget();
        resolve(result);
      },
      (error) => {
        forget();
        reject(error);
      },
    );
  });
}
