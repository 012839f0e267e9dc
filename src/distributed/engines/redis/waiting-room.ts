import { setTimeout as wait } from 'node:timers/promises';
import { firstOf, silence } from '../persistence.js';
import type { Connections } from './connections.js';
import type { Connection } from './scripts.js';

/** A member of a sorted set, and its score. */
export interface Popped {
  readonly member: string;
  readonly score: number;
}

/** Milliseconds that an answer may be late by, and milliseconds before another attempt after a failure. */
const patience = 2_000;
const pause = 200;

/**
 * Waits until there is something in a sorted set, on a connection that does nothing else. A connection that answers too late,
 * or is interrupted, is replaced: what it was asked must not be carried out any more. A wait that fails is a wait that has
 * ended with nothing, so that whoever waits looks after a pause whether there is something to do.
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
      // It may fail long after nobody waits any more.
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

  /** Ends the wait that is under way, and gives up the connection. */
  leave(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#interrupt();
    if (connection !== undefined) this.connections.drop(connection);
  }
}
