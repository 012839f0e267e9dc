import { EngineError, type EngineErrorReason } from '../errors.js';

/** Postgres: no disk, no memory. PGlite says the same where it has died of it. */
const fullCodes = /^(53100|53200|ENOSPC)$/;
/** Redis: above `maxmemory`, or it cannot write its snapshot. */
const fullReplies = /^-?(OOM|MISCONF)\b/;

/** Postgres: class 28 is about who one is, 42501 about what one may. */
const rightsCodes = /^(28...|42501)$/;
const rightsReplies = /^-?(NOAUTH|WRONGPASS|NOPERM)\b/;

/** How many causes are looked at. */
const deepest = 5;

/**
 * Why a server, or its driver, has failed, as far as the error or its causes say so.
 *
 * @param otherwise - the reason where they do not
 */
export function reasonOf(error: unknown, otherwise: EngineErrorReason): EngineErrorReason {
  let at = error;
  for (let depth = 0; depth < deepest && at !== undefined && at !== null; depth++) {
    if (at instanceof EngineError) return at.reason;
    const { code, message, cause } = Object(at) as Readonly<Record<'code' | 'message' | 'cause', unknown>>;
    if (fullCodes.test(String(code)) || fullReplies.test(String(message))) return 'full';
    if (rightsCodes.test(String(code)) || rightsReplies.test(String(message))) return 'rights';
    at = cause;
  }
  return otherwise;
}
