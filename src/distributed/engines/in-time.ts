import { longestDelay } from '../../shared/validate.js';

/** Somebody has not answered in time; asked again, they may. */
export class SilenceError extends Error {
  readonly code = 'ETIMEDOUT';

  constructor(milliseconds: number) {
    super(`no answer within ${Math.max(0, Math.round(milliseconds))} ms`);
  }
}

/** How long something may take. */
export interface Limit {
  /** From its beginning. */
  readonly milliseconds: number;
  /** Calls a function when the time is over. @returns what keeps it from that */
  onOver(act: () => void): () => void;
}

/** So many milliseconds from now. */
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
 * Settles like `work`, unless that takes longer than its limit.
 *
 * @param limit - `undefined` for none
 * @param onLate - called before it rejects for that
 * @throws {SilenceError} for work that is late
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
