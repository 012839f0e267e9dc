import type * as Bull from 'bullmq';
import type { Connections } from './connections.js';
import type { ServerInfo } from './server-info.js';
import { WaitingRoom } from './waiting-room.js';

/** The private method of BullMQ's connection that reads the version of the server. */
interface Versioned {
  getRedisVersionAndType: () => Promise<{ readonly version: string; readonly databaseType: Bull.DatabaseType }>;
}

/**
 * Creates the backend of a BullMQ queue or worker on connections of this engine. BullMQ defines commands on its
 * connections, which therefore have no pipelines and are used for nothing else.
 *
 * The backend has its own implementation of waiting for jobs. BullMQ's implementation may wait for a connection
 * forever, so that the worker gets no more jobs (taskforcesh/bullmq#4585).
 */
export function backendOn(
  bull: typeof Bull,
  connections: Connections,
  server: ServerInfo,
  prefix: string,
): Bull.BackendFactory {
  const { version, databaseType } = server;

  /**
   * Creates a connection without BullMQ's check of the server, which prints warnings. The engine has already checked
   * the server.
   */
  function connected(use: 'queue' | 'jobs'): Bull.RedisConnection {
    const client = connections.shared(use) as Bull.ConnectionOptions;
    const connection = new bull.RedisConnection(client, { shared: true, blocking: false, skipVersionCheck: true });
    // BullMQ calls this method when the connection is ready.
    (connection as unknown as Versioned).getRedisVersionAndType = async () => ({ version, databaseType });
    return connection;
  }

  class Backend extends bull.RedisQueueBackend {
    readonly #room = new WaitingRoom(connections);

    override async waitForJob(seconds: number) {
      const rounded = this.connection.capabilities.canDoubleTimeout ? seconds : Math.ceil(seconds);
      return (await this.#room.wait(this.keys.marker as string, rounded)) ?? null;
    }

    override async disconnectBlocking(): Promise<void> {
      this.#room.leave();
    }

    override async reconnectBlocking(): Promise<void> {}

    override async close(force?: boolean): Promise<void> {
      this.#room.leave();
      await super.close(force);
    }

    /** Leaves the waiting room, but keeps the other connections, because they are shared. */
    override async disconnect(): Promise<void> {
      this.#room.leave();
    }
  }

  return (name, options, { withBlockingConnection = false } = {}) => {
    const keys = new bull.QueueKeys(prefix);
    const connection = connected(withBlockingConnection ? 'jobs' : 'queue');
    return new Backend(connection, name, keys.getKeys(name), (type) => keys.toKey(name, type), {
      ...options,
      prefix,
    } as Bull.QueueBaseOptions);
  };
}
