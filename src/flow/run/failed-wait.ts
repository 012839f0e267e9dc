const failedWaits = new WeakSet<object>();

/**
 * Marks an error as the consequence of a failed wait, which would wait anew if it were retried. Saved failures keep the
 * mark (see `savedError`).
 */
export function asFailedWait<Failure>(error: Failure): Failure {
  if (typeof error === 'object' && error !== null) failedWaits.add(error);
  return error;
}

/** Returns true if an error is the consequence of a failed wait: one that has expired, or whose payload was refused. */
export function isFailedWait(error: unknown): boolean {
  return typeof error === 'object' && error !== null && failedWaits.has(error);
}
