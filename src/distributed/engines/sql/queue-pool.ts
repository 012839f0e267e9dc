import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../in-time.js';
import type { Connections } from './connections.js';
import type { Listener, Subscriber } from './listener.js';

/** Error codes of a deadlock and of a serialisation failure. */
const rolledBack = /^(40P01|40001)$/;

/**
 * Maximum number of attempts for a statement that is rolled back, and maximum pause between two attempts in
 * milliseconds.
 */
const mostTries = 5;
const longestPause = 50;

/** Matches a `listen` statement of BullMQ, including comments before it. */
const listens = /^\s*(?:--[^\n]*\n\s*)*listen\s+"?(\w+)"?/i;

/**
 * The members of a `pg` pool that BullMQ uses. Each BullMQ worker takes a connection for its whole life to listen on
 * it, so this pool lets all workers share one connection. No statement is awaited for longer than `patience`.
 */
export class QueuePool extends EventEmitter {
  /** Makes BullMQ trust its connection. Without this option, BullMQ would look for new jobs every ten seconds. */
  readonly options = { keepAlive: true };

  constructor(
    private readonly connections: Connections,
    private readonly listener: Listener,
    private readonly patience: number,
  ) {
    super();
    // Each worker of the queue adds a listener.
    this.setMaxListeners(0);
  }

  /**
   * Runs a statement. A statement that was rolled back because of a conflict is repeated here, because BullMQ would
   * wait first, or would count a failure of the job.
   */
  async query(text: string, values: readonly unknown[] = []) {
    for (let tries = 1; ; tries++) {
      try {
        return await this.connections.use((client) => client.query(text, [...values]), within(this.patience));
      } catch (error) {
        if (tries >= mostTries || !rolledBack.test(String(Object(error).code))) throw error;
        await sleep(Math.random() * longestPause);
      }
    }
  }

  listen(subscriber: Subscriber): Promise<() => void> {
    return this.listener.listen(subscriber, within(this.patience));
  }

  async connect(): Promise<QueueClient> {
    return new QueueClient(this);
  }

  async end(): Promise<void> {}
}

/** A client that BullMQ takes for listening or for checking the schema. */
class QueueClient extends EventEmitter {
  readonly #ends: (() => void)[] = [];
  #isReleased = false;

  constructor(private readonly pool: QueuePool) {
    super();
  }

  async query(text: string, values?: readonly unknown[]) {
    const channel = listens.exec(text)?.[1];
    if (channel !== undefined) {
      await this.#listen(channel);
      return { rows: [] };
    }
    // BullMQ names its connection so that its workers can be found. This connection is shared, so it keeps its name.
    if (text.includes('application_name')) return { rows: [] };
    return this.pool.query(text, values);
  }

  release(): void {
    this.#isReleased = true;
    for (const end of this.#ends) end();
    this.removeAllListeners();
  }

  async #listen(channel: string): Promise<void> {
    const end = await this.pool.listen({
      channel,
      onNotification: (payload) => this.emit('notification', { channel, payload }),
      // After this error, BullMQ takes another client and looks for jobs that it has missed.
      onLoss: (error) => this.listenerCount('error') > 0 && this.emit('error', error),
    });
    this.#ends.push(end);
    if (this.#isReleased) end();
  }
}
