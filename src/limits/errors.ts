import { discreet } from '../shared/discretion.js';
import { OrchestratorError, textOf } from '../shared/errors.js';

/**
 * Thrown when the store of a shared limit cannot be used: if the limit has `onStoreError: 'fail'`, or if waiting does
 * not help, because the store was closed or the server refuses the program. `limit` is the name of the limit, and
 * `cause` the error of the store. The message names the server and says what to do.
 */
export class LimitStoreError extends OrchestratorError {
  override readonly name = 'LimitStoreError';
  readonly code = 'ERR_LIMIT_STORE';

  constructor(
    readonly limit: string,
    options?: ErrorOptions,
  ) {
    const { message } = Object(options?.cause) as { readonly message?: unknown };
    super(`the limit "${limit}" cannot use its store: ${message || 'try again when it can be reached'}`, options);
  }
}

/** A reason why a server cannot be used, for messages. */
export interface Obstacle {
  /** Matches the message or the code of an error. */
  readonly pattern: RegExp;
  readonly remedy: string;
  /** If true, waiting does not help. */
  readonly isFinal?: boolean;
}

/** The error of a store. */
export class StoreError extends Error {
  override readonly name = 'StoreError';

  /** @param isFinal - if true, waiting does not help */
  constructor(
    message: string,
    readonly isFinal: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /**
   * Explains an error of a client.
   *
   * @param server - the kind and the address of the server, without user and password
   */
  static from(error: unknown, server: string, obstacles: readonly Obstacle[]): StoreError {
    if (error instanceof StoreError) return error;
    const { message, code } = Object(discreet(error)) as { readonly message?: unknown; readonly code?: unknown };
    const obstacle = obstacles.find(({ pattern }) => pattern.test(String(code)) || pattern.test(String(message)));
    const { remedy = 'try again when the server can be reached', isFinal = false } = obstacle ?? {};
    const text = [message, code].find((part) => typeof part === 'string' && part !== '') ?? textOf(error);
    return new StoreError(`${server}: ${text}: ${remedy}`, isFinal, { cause: error });
  }
}
