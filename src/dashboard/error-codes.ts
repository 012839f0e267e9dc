import { OrchestratorError } from '../shared/errors.js';

/**
 * The `code` of an error of this package; `undefined` for any other value. The dashboard distinguishes errors by their
 * codes, because their classes would load the layers that it shows.
 */
export function codeOf(error: unknown): string | undefined {
  return error instanceof OrchestratorError ? error.code : undefined;
}
