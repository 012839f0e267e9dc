import { longestDelay } from '../validate.js';

/** Somebody has not answered in time; asked again, they may. */
export class SilenceError extends Error {
  readonly code = 'ETIMEDOUT';

  constructor(milliseconds: number) {
    super(`no answer within ${Math.max(0, Math.round(milliseconds))} ms`);
  }
}

/**
 * Settles like `work`, unless that takes longer than the given milliseconds.
 *
 * @param onLate - called before it rejects for that
 * @param whole - for the message: the limit that the given milliseconds are what is left of. Default: they are all
 * @throws {SilenceError} for work that is late
 */
export function inTime<Result>(
  work: Promise<Result>,
  milliseconds: number,
  onLate: () => void,
  whole = milliseconds,
): Promise<Result> {
  if (milliseconds === Infinity) return work;
  return new Promise((resolve, reject) => {
    const late = () => {
      onLate();
      reject(new SilenceError(whole));
    };
    const timer = setTimeout(late, Math.min(Math.max(milliseconds, 0), longestDelay));
    work.then(
      (result) => {
        clearTimeout(timer);
        resolve(result);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
