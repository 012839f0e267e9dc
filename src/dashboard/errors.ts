import { OrchestratorError } from '../shared/errors.js';

/**
 * Thrown by `serveDashboard` when its server cannot listen, usually because another process uses the port. Has the
 * `host` and the `port` that were tried; the original error is the `cause`.
 */
export class ListenError extends OrchestratorError {
  override readonly name = 'ListenError';
  readonly code = 'ERR_LISTEN';

  constructor(
    readonly host: string,
    readonly port: number,
    options: { readonly cause: unknown },
  ) {
    const { code, message } = Object(options.cause) as { readonly code?: unknown; readonly message?: unknown };
    const why = code === 'EADDRINUSE' ? 'the port is in use; choose another port, or 0 for any free port' : message;
    super(`cannot listen at ${host}, port ${port}: ${why}`, options);
  }
}
