import { Cancellation, cancellationOf, limit, untilAborted } from '../../kernel/cancellation.js';
import { currentScope } from '../../kernel/scope/process.js';
import { isPromiseLike } from '../../shared/promise-like.js';

/** The limits of a check: those of the run that it belongs to. */
interface Limits {
  readonly signal?: AbortSignal | undefined;
  /** In milliseconds. Default: none. */
  readonly timeout?: number | null | undefined;
}

/**
 * Waits for the check of a value that comes from outside, but no longer than the run may take, because a schema may never
 * answer. A check that answers at once needs no limits.
 *
 * @param name - the name of the run, for the error of the time limit
 * @throws the reason of the abort: that of the signal or of the surrounding run, or a `TimeoutError`
 */
export async function checkedInTime<Value>(
  name: string,
  limits: Limits,
  pending: Value | Promise<Value>,
): Promise<Value> {
  const { signal, timeout } = limits;
  if (!isPromiseLike(pending)) return pending;
  const most = timeout || Infinity;
  const cancellation = new Cancellation(
    [currentScope()?.cancellation, signal && cancellationOf(signal)],
    most < Infinity,
  );
  limit(cancellation, name, most);
  try {
    return (await untilAborted(cancellation, pending, () => {})) as Value;
  } finally {
    cancellation.close();
  }
}
