import type { Judgement } from '../persistence.js';

/** Error codes of a connection that was lost or cannot be made at the moment. */
const codes = /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|E(HOST|NET)(UNREACH|DOWN))$/;

/**
 * Replies of a server that is starting, has lost its scripts by a restart, has become a replica, is running a script, or
 * belongs to a changing cluster.
 */
const replies =
  /^((-?(LOADING|NOSCRIPT|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|BUSY|UNBLOCKED)\b)|ERR max number of clients reached)/;

/** The reply to a command with a text above the server's `proto-max-bulk-len`. The server then closes the connection. */
const tooLong = /Protocol error: invalid bulk length/;

/** Messages of `ioredis` for a command that found no connection or lost it. */
const lost =
  /^(Connection is closed|Connection is (aborted|discarded)|Command timed out|Command aborted|Reached the max retries|Stream isn't writ|Socket (timeout|closed)|Too many Cluster redirections|None of startup nodes|Failed to refresh slots|Cluster is |Cluster isn't ready|No subscriber for the cluster)/;

/** Classifies an error of a Redis server or `ioredis`. */
export function judgeRedis(error: unknown): Judgement {
  const { code, message } = Object(error) as { code?: unknown; message?: unknown };
  const text = String(message);
  if (tooLong.test(text)) return 'final';
  return codes.test(String(code)) || replies.test(text) || lost.test(text) ? 'passes' : 'refused';
}
