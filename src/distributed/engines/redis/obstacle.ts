import type { Cluster, Redis } from 'ioredis';
import type { Connection } from './scripts.js';

/** What a server says to whoever it does not take, before it closes the connection. It is no answer to any command. */
const turnedAway = /^-((ERR max number of clients reached|DENIED )[^\r\n]*)/;

/** Of a connection that ends while something is under way; what `ioredis` says of it does not say why. */
const lost = /^(Reached the max retries|Connection is closed|None of startup nodes|Failed to refresh slots)/;
const lostCodes = /^(ECONNRESET|EPIPE)$/;

/**
 * What keeps an engine from its server. `ioredis` fails a command with its own count of attempts, drops what a server says
 * as it turns a connection away, and lets a command wait where the next attempt to connect is still to come.
 */
export class Obstacle {
  #failure: unknown = undefined;
  /** If true, the failure is what the server has said. */
  #isSaid = false;
  #isMade = false;

  /** @param read - gives what is behind an error of a connection */
  constructor(private readonly read: (error: unknown) => unknown) {}

  /** Why no connection can be made at the moment, as far as is known; undefined where connections are made. */
  get failure(): unknown {
    if (this.#failure !== undefined || this.#isMade) return this.#failure;
    return new Error('no connection was made so far');
  }

  follow(connection: Connection): void {
    connection.on('error', (error: unknown) => this.#failed(this.read(error)));
    if (connection.isCluster) (connection as Cluster).on('+node', (node: Redis) => this.follow(node));
    else connection.on('connect', () => this.#connected(connection as Redis));
  }

  /** What is behind an error. */
  explain(error: unknown): unknown {
    const { code, message } = Object(error) as { code?: unknown; message?: unknown };
    if (!lost.test(String(message)) && !(this.#isSaid && lostCodes.test(String(code)))) return error;
    if (this.#failure !== undefined) return this.#failure;
    if (!String(message).startsWith('Reached')) return error;
    return Object.assign(new Error('the connection was lost before there was an answer'), { code: 'ECONNRESET' });
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
