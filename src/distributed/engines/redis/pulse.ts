import type { Cluster, Redis } from 'ioredis';
import type { Connection } from './scripts.js';

/** How often a connection may be found silent one after the other, while a question is under way. */
const mostSilent = 2;

/** What is known of a connection that was asked and has not answered. */
interface Asked {
  silent: number;
  bytesRead: number;
}

/**
 * Feels the pulse of a connection: asks for a sign of life, and resets a connection on which nothing has come for two
 * intervals. A half-open connection swallows what is sent, and ends by itself after many minutes only. An event loop that
 * was blocked is no silence: what has arrived is read between two looks.
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

/** Connections of a cluster, as far as `ioredis` shows them: to its nodes, and that of its subscriptions. */
function socketsOf(connection: Connection): readonly Redis[] {
  if (!connection.isCluster) return [connection as Redis];
  const { subscriber } = connection as unknown as { readonly subscriber?: { getInstance(): Redis | null } };
  const listening = subscriber?.getInstance();
  return [...(connection as Cluster).nodes(), ...(listening ? [listening] : [])];
}
