/**
 * Settles like `work`, unless a signal aborts before: then it rejects with the signal's reason.
 *
 * @param onAbort - called with the abort, once, if it comes before `work` has settled
 */
export async function unlessAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal | undefined,
  onAbort: () => void,
): Promise<Result> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = () => {
      onAbort();
      reject(signal.reason);
    };
    const ended =
      <Value>(settle: (value: Value) => void) =>
      (value: Value) => {
        signal.removeEventListener('abort', abort);
        settle(value);
      };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    work.then(ended(resolve), ended(reject));
  });
}
