/**
 * Codes of transient errors: the server is restarting, the connection was lost, two transactions conflict, or a
 * statement was cancelled or exceeded the role's `statement_timeout` or `lock_timeout`.
 */
const transient =
  /^(08...|57014|57P0[1235]|25P03|53300|40001|40P01|55P03|ECONN(REFUSED|RESET|ABORTED)|E(HOST|NET)(UNREACH|DOWN)|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)$/;

/**
 * Codes of permanent errors (classes 22 and 54): the content of the text cannot be stored, or the text is too large.
 */
const final = /^(22|54)...$/;
/** The server failed to allocate memory for a single value. The failure does not depend on the server's load. */
const tooLarge = /invalid memory alloc request size/;

/** Messages of driver errors without a code. */
const lost =
  /connection (terminated|ended|closed)|timeout (expired|exceeded when trying to connect)|query read timeout|client (has encountered a connection error|was closed and is not queryable)/i;

/**
 * Classifies an error of a database or its driver. `passes`: the same statement may succeed in a moment. `final`: a text
 * was refused for its content or size. `refused`: any other failure.
 */
export function judgeSql(error: unknown): 'passes' | 'refused' | 'final' {
  const { code, message } = Object(error) as { code?: unknown; message?: unknown };
  if (transient.test(String(code)) || lost.test(String(message))) return 'passes';
  return final.test(String(code)) || tooLarge.test(String(message)) ? 'final' : 'refused';
}
