import type * as Pg from 'pg';

type ClientClass = new (config?: string | Pg.ClientConfig) => Pg.Client;

/** What a client of `pg` has below it, and does not show. One of `pg-native` has none. */
interface Connected {
  readonly connection?: {
    readonly stream: { destroy(): void };
    once(event: 'end', listener: () => void): void;
  };
}

/**
 * A class of clients that are known for as long as they have a connection, those that are connecting among them, and
 * listened to: a connection that is lost is replaced by the next that is needed, and whoever uses it is told of the loss by
 * the query.
 *
 * @param clients - holds them
 */
export function tracked(Client: ClientClass, clients: Set<Pg.Client>): ClientClass {
  return class extends Client {
    constructor(config?: string | Pg.ClientConfig) {
      super(config);
      this.on('error', () => undefined);
      clients.add(this);
      // BullMQ takes all listeners from a client, so the end is heard of below it.
      void ended(this).then(() => clients.delete(this));
    }
  };
}

/** Resolves when the connection of a client has ended. */
export function ended(client: Pg.Client): Promise<void> {
  const { connection } = client as Connected;
  return new Promise((resolve) => {
    if (connection === undefined) client.once('end', resolve);
    else connection.once('end', resolve);
  });
}

/** Ends a connection at once: what is under way on it fails, and its pool drops it. */
export function cut(client: Pg.Client): void {
  const { connection } = client as Connected;
  if (connection === undefined) void client.end().catch(() => undefined);
  else connection.stream.destroy();
}
