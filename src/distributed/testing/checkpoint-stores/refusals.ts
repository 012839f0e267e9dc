import assert from 'node:assert/strict';
import { CheckpointError, LockedError } from '../../../flow/index.js';

/** Asserts that a call is refused with an error that names the run. */
export async function refused(call: Promise<unknown>, runId: string): Promise<void> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof CheckpointError, `refused with a CheckpointError, not ${String(error)}`);
  assert.equal(error.runId, runId);
}

/**
 * Asserts that a call is refused with a `LockedError`, because the caller does not hold the run.
 *
 * @returns the error
 */
export async function locked(call: Promise<unknown>, runId: string): Promise<LockedError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof LockedError, `refused with a LockedError, not ${String(error)}`);
  assert.equal(error.runId, runId);
  return error;
}
