import pTimeout from 'p-timeout';

/** Settles like `work`, unless the signal aborts before that: then it rejects with the signal's reason. */
export function unless<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  return pTimeout(work, { milliseconds: Number.POSITIVE_INFINITY, signal });
}
