import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../in-time.js';
import type { Connections } from './connections.js';
import type { Listener, Subscriber } from './listener.js';

/** Codes of a deadlock, and of a transaction that cannot be put in order with others. */
const rolledBack = /^(40P01|40001)$/;

/** How often a statement that was rolled back is tried, and how long it waits in between at most, in milliseconds. */
const mostTries = 5;
const longestPause = 50;

/** What a statement of BullMQ subscribes to, behind comments. */
const listens = /^\s*(?:--[^\n]*\n\s*)*listen\s+"?(\w+)"?/i;

/**
 * The part of a pool of `pg` that BullMQ uses. Each of its workers takes a connection to listen on, for as long as it lives;
 * here all of them listen on one. No statement is waited for longer than the given milliseconds.
 */
export class QueuePool extends EventEmitter {
  /** BullMQ looks for new jobs every ten seconds where it has to fear for its connection. */
  readonly options = { keepAlive: true };

  constructor(
    private readonly connections: Connections,
    private readonly listener: Listener,
    private readonly patience: number,
  ) {
    super();
    // Each worker of the queue listens to it.
    this.setMaxListeners(0);
  }

  /** A statement that was rolled back for the sake of another is repeated: BullMQ would wait, or count the job's failure. */
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

/** A client that BullMQ takes to listen on, or to look at the schema with. */
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
    // BullMQ names its connection, to find its workers by it.
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
      // BullMQ takes another client then, and looks what it has missed.
      onLoss: (error) => this.listenerCount('error') > 0 && this.emit('error', error),
    });
    this.#ends.push(end);
    if (this.#isReleased) end();
  }
}
