import type { Judgement } from '../persistence.js';

/**
 * Codes of errors that pass: the server restarts, the connection is lost, two transactions were in each other's way, a
 * statement was cancelled or took longer than `statement_timeout` or `lock_timeout` of the role allow.
 */
const transient =
  /^(08...|57014|57P0[1235]|25P03|53300|40001|40P01|55P03|ECONN(REFUSED|RESET|ABORTED)|E(HOST|NET)(UNREACH|DOWN)|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)$/;

/** Codes of errors that come again: the text holds what cannot be kept, or is too large (classes 22 and 54). */
const final = /^(22|54)...$/;
/** The server could not get memory for one value, whatever else it does. */
const tooLarge = /invalid memory alloc request size/;

/** What drivers say without a code. */
const lost =
  /connection (terminated|ended|closed)|timeout (expired|exceeded when trying to connect)|client (has encountered a connection error|was closed and is not queryable)/i;

/** Judges an error of a database or its driver. */
export function judgeSql(error: unknown): Judgement {
  const { code, message } = Object(error) as { code?: unknown; message?: unknown };
  if (transient.test(String(code)) || lost.test(String(message))) return 'passes';
  return final.test(String(code)) || tooLarge.test(String(message)) ? 'final' : 'refused';
}
