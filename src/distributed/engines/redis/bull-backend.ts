import type * as Bull from 'bullmq';
import type { Connections } from './connections.js';
import type { ServerInfo } from './server-info.js';
import { WaitingRoom } from './waiting-room.js';

/** What BullMQ asks its connection, and does not show. */
interface Versioned {
  getRedisVersionAndType: () => Promise<{ readonly version: string; readonly databaseType: Bull.DatabaseType }>;
}

/**
 * Makes what BullMQ stands on, on connections of this engine. BullMQ defines commands on its connections, which ioredis takes
 * badly while a pipeline is pending (redis/ioredis#1931), so none is used for anything else. Waiting for jobs is done here:
 * BullMQ's own way waits for connections without end, so that a worker may stay deaf (taskforcesh/bullmq#4585).
 */
export function backendOn(
  bull: typeof Bull,
  connections: Connections,
  server: ServerInfo,
  prefix: string,
): Bull.BackendFactory {
  const { version, databaseType } = server;

  /** BullMQ prints what it thinks of a server. The engine has looked at the server by itself. */
  function connected(use: 'queue' | 'jobs'): Bull.RedisConnection {
    const client = connections.shared(use) as Bull.ConnectionOptions;
    const connection = new bull.RedisConnection(client, { shared: true, blocking: false, skipVersionCheck: true });
    // Asked for when the connection is ready.
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

    /** The other connections are for all. */
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
