import { OrchestratorError } from '../shared/errors.js';

/**
 * Thrown when the store of a shared limit cannot be used and the limit has `onStoreError: 'fail'`. `limit` is the name
 * of the limit, and `cause` the error of the store.
 */
export class LimitStoreError extends OrchestratorError {
  override readonly name = 'LimitStoreError';
  readonly code = 'ERR_LIMIT_STORE';

  constructor(
    readonly limit: string,
    options?: ErrorOptions,
  ) {
    super(`the store of the limit "${limit}" cannot be used: try again when it can be reached`, options);
  }
}
