import { OrchestratorError } from '../shared/errors.js';

/** A server cannot listen where it is to. The reason is the `cause`. */
export class ListenError extends OrchestratorError {
  override readonly name = 'ListenError';
  readonly code = 'ERR_LISTEN';

  constructor(
    readonly host: string,
    readonly port: number,
    options: { readonly cause: unknown },
  ) {
    const { code, message } = Object(options.cause) as { readonly code?: unknown; readonly message?: unknown };
    const why =
      code === 'EADDRINUSE' ? 'something else listens there; choose another port, or 0 for any that is free' : message;
    super(`cannot listen at ${host}, port ${port}: ${why}`, options);
  }
}
