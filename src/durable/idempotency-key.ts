import { createHash } from 'node:crypto';
import { ownScope } from '../kernel/scope/process.js';
import { ValidationError } from '../shared/errors.js';
import { taskAround } from './task.js';

/**
 * Returns a key that identifies the surrounding task of a run with a journal: the same in every attempt and every life,
 * and different for every other task. Send it with a request, so that the server recognises a repetition. An action with
 * `share` has no key, because its work belongs to several calls.
 *
 * @returns 43 characters of `A-Z a-z 0-9 - _`
 * @throws {ValidationError} if the code does not belong to a task of a run with a journal, or to an action with `share`
 * @example
 * const charge = orchestrator.action('charge', (order: Order) =>
 *   stripe.charges.create({ amount: order.amount }, { idempotencyKey: idempotencyKey() }));
 */
export function idempotencyKey(): string {
  const task = taskAround(ownScope());
  if (task === undefined) {
    throw new ValidationError(
      'idempotencyKey() must be called inside a task of a run with a journal: call it in an action, and give the run a ' +
        'journal. The work of an action with share belongs to no single call: pass it a key as an argument, or leave share out',
    );
  }
  const { created, host } = task.branch.recording;
  return createHash('sha256')
    .update(JSON.stringify([host.runId, created, task.identity]))
    .digest('base64url');
}
