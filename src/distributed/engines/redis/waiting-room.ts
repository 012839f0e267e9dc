import { setTimeout as wait } from 'node:timers/promises';
import { firstOf, silence } from '../persistence.js';
import type { Connections } from './connections.js';
import type { Connection } from './scripts.js';

/** A member of a sorted set, with its score. */
export interface Popped {
  readonly member: string;
  readonly score: number;
}

/** Milliseconds by which an answer may be late, and milliseconds to wait after a failure. */
const patience = 2_000;
const pause = 200;

/**
 * Waits for a member of a sorted set, on its own connection. A connection that answers late or is interrupted is
 * replaced, so that its command is no longer carried out. After a failure, waits for a while and returns `undefined`.
 * The caller then looks for work itself.
 */
export class WaitingRoom {
  #connection: Connection | undefined = undefined;
  #interrupt: () => void = () => {};

  constructor(private readonly connections: Connections) {}

  async wait(key: string, seconds: number): Promise<Popped | undefined> {
    const interrupted = new Promise<null>((resolve) => {
      this.#interrupt = () => resolve(null);
    });
    try {
      this.#connection ??= this.connections.make('blocking');
      const popping = this.#connection.bzpopmin(key, seconds);
      // The command may fail long after the wait is over.
      popping.catch(() => undefined);
      const popped = await firstOf([popping, interrupted], seconds * 1_000 + patience);
      if (popped === silence) this.leave();
      if (popped === silence || popped === null) return undefined;
      const [, member, score] = popped as unknown as [string, string, string];
      return { member, score: Number.parseInt(score, 10) };
    } catch {
      await Promise.race([wait(pause), interrupted]);
      return undefined;
    }
  }

  /** Ends the current wait, and drops the connection. */
  leave(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#interrupt();
    if (connection !== undefined) this.connections.drop(connection);
  }
}
