import { setTimeout as wait } from 'node:timers/promises';
import type * as Pg from 'pg';
import { inTime, type Limit, within } from '../in-time.js';
import { type Connections, cut } from './connections.js';

/** Milliseconds before the first attempt to reconnect, and maximum pause before later attempts. */
const firstPause = 100;
const longestPause = 10_000;

/** Maximum interval between two probes of the connection, in milliseconds. */
const longestInterval = 10_000;

/** A subscriber of a channel. */
export interface Subscriber {
  readonly channel: string;
  onNotification(payload: string): void;
  /** Called when the connection was lost and is being replaced. Notifications sent in the meantime are lost. */
  onLoss?(error: Error): void;
}

/**
 * Listens to channels on a single connection that all subscribers share. The connection may be silent for hours, so it
 * is probed at intervals, and cut if a probe is not answered in time. A lost connection is replaced, with one attempt
 * at a time. The pauses between attempts double up to ten seconds, and are randomised so that many programs do not
 * reconnect at the same moment.
 */
export class Listener {
  readonly #subscribers = new Set<Subscriber>();
  readonly #end = new AbortController();
  #connected: Promise<Pg.PoolClient> | undefined = undefined;
  /** The preceding statement. Statements run one at a time. */
  #before: Promise<unknown> = Promise.resolve();

  /** @param patience - milliseconds that an answer may take */
  constructor(
    private readonly connections: Connections,
    private readonly patience: number,
  ) {}

  /** Starts to listen to the subscriber's channel. Resolves with a function that ends the subscription. */
  async listen(subscriber: Subscriber, limit?: Limit): Promise<() => void> {
    const { channel } = subscriber;
    this.#subscribers.add(subscriber);
    const end = () => void this.#subscribers.delete(subscriber);
    this.#connected ??= this.#connect(0);
    const listening = this.#connected.then((client) => this.#ask(client, listenTo(channel)));
    try {
      await inTime(listening, limit);
      return end;
    } catch (error) {
      end();
      throw error;
    }
  }

  stop(): void {
    this.#end.abort();
    this.#subscribers.clear();
    void this.#connected?.then(cut).catch(() => undefined);
  }

  /** Connects. Retries until a connection is made or the listener is stopped. */
  async #connect(firstAfter: number): Promise<Pg.PoolClient> {
    const { signal } = this.#end;
    let last: unknown;
    for (let pause = firstAfter; !signal.aborted; pause = Math.min(Math.max(2 * pause, firstPause), longestPause)) {
      await wait(pause * (0.5 + Math.random() / 2), undefined, { ref: false, signal }).catch(() => undefined);
      try {
        return await this.#open();
      } catch (error) {
        last = error;
      }
    }
    throw last ?? signal.reason;
  }

  async #open(): Promise<Pg.PoolClient> {
    const { signal } = this.#end;
    signal.throwIfAborted();
    const client = await this.connections.take(within(this.patience));
    const channels = new Set([...this.#subscribers].map(({ channel }) => channel));
    try {
      client.on('error', this.#onError);
      for (const channel of channels) await this.#ask(client, listenTo(channel));
      signal.throwIfAborted();
    } catch (error) {
      client.release(true);
      throw error;
    }
    this.#watch(client);
    return client;
  }

  #watch(client: Pg.PoolClient): void {
    client.on('notification', ({ channel, payload = '' }) => {
      for (const subscriber of this.#subscribers)
        if (subscriber.channel === channel) subscriber.onNotification(payload);
    });
    const probe = setInterval(
      () => void this.#ask(client, 'select 1').catch(() => cut(client)),
      // The interval is short enough that the connection is replaced before dependent calls time out.
      Math.min(longestInterval, this.patience),
    );
    probe.unref();
    client.once('end', () => {
      clearInterval(probe);
      client.release(true);
      if (this.#end.signal.aborted) return;
      this.#connected = this.#connect(firstPause);
      this.#connected.catch(() => undefined);
      const lost = new Error('the connection that listens to the server was lost');
      for (const { onLoss } of [...this.#subscribers]) onLoss?.(lost);
    });
  }

  #ask(client: Pg.PoolClient, text: string): Promise<unknown> {
    const asked = this.#before.then(() => inTime(client.query(text), within(this.patience), () => cut(client)));
    this.#before = asked.catch(() => undefined);
    return asked;
  }

  readonly #onError = (): void => {};
}

function listenTo(channel: string): string {
  return `listen "${channel}"`;
}
