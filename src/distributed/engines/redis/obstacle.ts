import type { Cluster, Redis } from 'ioredis';
import type { Connection } from './scripts.js';

/** Messages of a server that refuses a connection and then closes it. They are not answers to commands. */
const turnedAway = /^-((ERR max number of clients reached|DENIED )[^\r\n]*)/;

/** Messages and codes for a connection that ended with commands in flight. They do not say why the connection ended. */
const lost = /^(Reached the max retries|Connection is closed|None of startup nodes|Failed to refresh slots)/;
const lostCodes = /^(ECONNRESET|EPIPE)$/;

/**
 * The reason why an engine cannot reach its server. `ioredis` does not report it: a failed command shows only the
 * number of attempts, the message with which the server refuses a connection is dropped, and a command simply waits if
 * the next attempt to connect is still to come.
 */
export class Obstacle {
  #failure: unknown = undefined;
  /** If true, `#failure` is a message that the server sent. */
  #isSaid = false;
  #isMade = false;

  /** @param read - returns the cause of an error of a connection */
  constructor(private readonly read: (error: unknown) => unknown) {}

  /** The reason why no connection can be made at the moment, if known. `undefined` if connections can be made. */
  get failure(): unknown {
    if (this.#failure !== undefined || this.#isMade) return this.#failure;
    return new Error('no connection has been made yet');
  }

  follow(connection: Connection): void {
    connection.on('error', (error: unknown) => this.#failed(this.read(error)));
    if (connection.isCluster) (connection as Cluster).on('+node', (node: Redis) => this.follow(node));
    else connection.on('connect', () => this.#connected(connection as Redis));
  }

  /** Returns the cause of an error. */
  explain(error: unknown): unknown {
    const { code, message } = Object(error) as { code?: unknown; message?: unknown };
    if (!lost.test(String(message)) && !(this.#isSaid && lostCodes.test(String(code)))) return error;
    if (this.#failure !== undefined) return this.#failure;
    if (!String(message).startsWith('Reached')) return error;
    return Object.assign(new Error('the connection was lost before an answer arrived'), { code: 'ECONNRESET' });
  }

  #failed(error: unknown): void {
    const { code, message } = Object(error) as { code?: unknown; message?: unknown };
    const isLost = lostCodes.test(String(code)) || lost.test(String(message));
    if (isLost && (this.#isSaid || (this.#failure !== undefined && code === undefined))) return;
    this.#failure = error;
    this.#isSaid = false;
  }

  #connected({ stream }: Redis): void {
    this.#isMade = true;
    if (!this.#isSaid) this.#failure = undefined;
    stream?.once('data', (data: Buffer) => {
      const [, said] = turnedAway.exec(data.toString('latin1', 0, 500)) ?? [];
      this.#isSaid = said !== undefined;
      this.#failure = said === undefined ? undefined : new Error(said);
    });
  }
}
