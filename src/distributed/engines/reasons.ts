import { EngineError, type EngineErrorReason } from '../errors.js';

/**
 * Postgres error codes for a full disk and for lack of memory. PGlite reports the same codes when it dies of either.
 */
const fullCodes = /^(53100|53200|ENOSPC)$/;
/** Redis replies that report memory above `maxmemory`, or a snapshot that cannot be written. */
const fullReplies = /^-?(OOM|MISCONF)\b/;

/** Postgres error codes. Class 28 means that authentication failed, 42501 that a right is missing. */
const rightsCodes = /^(28...|42501)$/;
/** Redis replies, the last of which is that of a script. */
const rightsReplies = /^-?(NOAUTH|WRONGPASS|NOPERM)\b|can't run this command or subcommand/;

/** The reply of a Redis server that has too few replicas at the moment to accept writes. */
const awayReplies = /^-?NOREPLICAS\b/;

/** Maximum number of nested causes that are searched. */
const deepest = 5;

/**
 * Returns the reason for a failure, found in the error or its causes.
 *
 * @param otherwise - the reason if none is found
 */
export function reasonOf(error: unknown, otherwise: EngineErrorReason): EngineErrorReason {
  let at = error;
  for (let depth = 0; depth < deepest && at !== undefined && at !== null; depth++) {
    if (at instanceof EngineError) return at.reason;
    const { code, message, cause } = Object(at) as Readonly<Record<'code' | 'message' | 'cause', unknown>>;
    if (fullCodes.test(String(code)) || fullReplies.test(String(message))) return 'full';
    if (rightsCodes.test(String(code)) || rightsReplies.test(String(message))) return 'rights';
    if (awayReplies.test(String(message))) return 'unreachable';
    at = cause;
  }
  return otherwise;
}
