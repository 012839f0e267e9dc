import { setTimeout as wait } from 'node:timers/promises';
import type * as Pg from 'pg';

/** Milliseconds before the first attempt to connect again, and at most before a later one. */
const firstPause = 100;
const longestPause = 10_000;

/**
 * Listens to a channel on a connection of its own. A connection that ends is replaced: one attempt at a time, after pauses
 * that double, up to ten seconds, and vary, so that many programs do not come back to a server at the same moment.
 */
export class Listener {
  #client: Pg.Client | undefined = undefined;
  readonly #end = new AbortController();

  private constructor(
    private readonly newClient: () => Pg.Client,
    private readonly channel: string,
    private readonly onNotification: (payload: string) => void,
  ) {}

  /** Resolves when the channel is listened to; rejects if the first connection cannot be made. */
  static async start(
    newClient: () => Pg.Client,
    channel: string,
    onNotification: (payload: string) => void,
  ): Promise<Listener> {
    const listener = new Listener(newClient, channel, onNotification);
    await listener.#connect();
    return listener;
  }

  stop(): void {
    this.#end.abort();
    void this.#client?.end().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    const client = this.newClient();
    client.on('error', () => undefined);
    client.on('notification', ({ payload = '' }) => this.onNotification(payload));
    try {
      await client.connect();
      await client.query(`listen "${this.channel}"`);
      this.#end.signal.throwIfAborted();
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    }
    this.#client = client;
    client.once('end', () => void this.#reconnect());
  }

  async #reconnect(): Promise<void> {
    const { signal } = this.#end;
    for (let pause = firstPause; !signal.aborted; pause = Math.min(2 * pause, longestPause)) {
      await wait(pause * (0.5 + Math.random() / 2), undefined, { ref: false, signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        return await this.#connect();
      } catch {
        // The next attempt may succeed.
      }
    }
  }
}
