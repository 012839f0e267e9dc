import type { Cluster, Redis } from 'ioredis';
import type { Connection } from './scripts.js';

/** Number of consecutive intervals without data, while a ping is in flight, after which a connection is reset. */
const mostSilent = 2;

/** State of a connection while a ping is in flight. */
interface Asked {
  silent: number;
  bytesRead: number;
}

/**
 * Detects half-open connections. A half-open connection swallows commands, and would otherwise close only after many
 * minutes. The pulse sends a ping, and resets the connection if no byte arrives for two intervals. A blocked event loop
 * is not mistaken for silence: after a late check, data that has already arrived is read before the next check.
 */
export class Pulse {
  readonly #timer: NodeJS.Timeout;
  readonly #asked = new WeakMap<Redis, Asked>();

  constructor(connection: Connection, interval: number) {
    this.#timer = setInterval(() => {
      for (const one of socketsOf(connection)) this.#feel(one);
    }, interval).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #feel(connection: Redis): void {
    const { status } = connection;
    if (status !== 'ready' && status !== 'connect') {
      this.#asked.delete(connection);
      return;
    }
    const bytesRead = connection.stream?.bytesRead ?? 0;
    const asked = this.#asked.get(connection);
    if (asked === undefined) this.#ask(connection, bytesRead);
    else if (asked.bytesRead !== bytesRead) {
      asked.bytesRead = bytesRead;
      asked.silent = 0;
    } else if (++asked.silent === mostSilent) {
      this.#asked.delete(connection);
      connection.disconnect(true);
    }
  }

  #ask(connection: Redis, bytesRead: number): void {
    this.#asked.set(connection, { silent: 0, bytesRead });
    const answered = () => void this.#asked.delete(connection);
    connection.ping().then(answered, answered);
  }
}

/** Returns the connections of a cluster that `ioredis` exposes: to its nodes, and for its subscriptions. */
function socketsOf(connection: Connection): readonly Redis[] {
  if (!connection.isCluster) return [connection as Redis];
  const { subscriber } = connection as unknown as { readonly subscriber?: { getInstance(): Redis | null } };
  const listening = subscriber?.getInstance();
  return [...(connection as Cluster).nodes(), ...(listening ? [listening] : [])];
}
