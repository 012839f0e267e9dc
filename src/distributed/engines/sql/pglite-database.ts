import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type * as Bull from 'bullmq';
import type { Database, Row } from './database.js';

/** The members of PGlite that are used. */
export interface PGliteLike {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: Row[]; readonly affectedRows?: number }>;
  exec(text: string): Promise<unknown>;
  onNotification(listener: (channel: string, payload: string) => void): () => void;
  close(): Promise<void>;
}

/**
 * A database on PGlite. All users share PGlite's single connection. A user that begins a transaction has the connection
 * to itself until the transaction ends. The pool below exists only to ensure this.
 */
export class PGliteDatabase {
  /** Resolves when the connection becomes free. */
  #free: Promise<void> = Promise.resolve();
  readonly #id = randomUUID();

  private constructor(
    private readonly pglite: PGliteLike,
    private readonly onEnd: () => Promise<void>,
  ) {}

  static async over(pglite: PGliteLike, onEnd: () => Promise<void>): Promise<PGliteDatabase> {
    await pglite.exec('set search_path to bullmq');
    return new PGliteDatabase(pglite, onEnd);
  }

  /** Returns a view of the database for one of its users. Closing the view calls `letGo`. */
  shared(letGo: () => Promise<void>): Database {
    const query = (text: string, values?: readonly unknown[]) => this.#alone(() => this.#query(text, values));
    const exclusively: Database['exclusively'] = (work) =>
      this.#alone(() => work((text, values) => this.#query(text, values)));
    return {
      query,
      exclusively,
      // No network can drop the connection, so the statements need no supervision.
      attended: (work) => exclusively(work),
      script: async (text) => void (await this.pglite.exec(text)),
      // Only one process at a time has the database open, so any earlier process has closed the database or died.
      place: async () => ({ id: this.#id, isDead: async (id) => id !== this.#id }),
      listen: (channel, onNotification) => this.#listen(channel, onNotification),
      queuePool: new PGlitePool((work) => this.#alone(work), this.pglite) as unknown as Bull.PgPool,
      close: letGo,
    };
  }

  async end(): Promise<void> {
    await this.#alone(() => this.pglite.close());
    await this.onEnd();
  }

  async #query(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return (await this.pglite.query(text, [...values])).rows;
  }

  async #listen(channel: string, onNotification: (payload: string) => void): Promise<() => void> {
    await this.#alone(() => this.pglite.exec(`listen "${channel}"`));
    return this.pglite.onNotification((notified, payload) => {
      if (notified === channel) onNotification(payload);
    });
  }

  async #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = this.#free;
    let release = () => {};
    this.#free = new Promise((resolve) => {
      release = resolve;
    });
    await before;
    try {
      return await work();
    } finally {
      release();
    }
  }
}

type Alone = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** The members of a `pg` pool that BullMQ uses. */
class PGlitePool extends EventEmitter {
  constructor(
    private readonly alone: Alone,
    private readonly pglite: PGliteLike,
  ) {
    super();
    // Each worker of the queue adds a listener.
    this.setMaxListeners(0);
  }

  query(text: string, values: readonly unknown[] = []) {
    return this.alone(() => this.pglite.query(text, [...values]));
  }

  async connect(): Promise<PGliteClient> {
    return new PGliteClient(this.alone, this.pglite);
  }

  async end(): Promise<void> {}
}

class PGliteClient extends EventEmitter {
  /** Frees the connection for other users. `undefined` unless a transaction is open. */
  #leave: (() => void) | undefined = undefined;
  readonly #unsubscribe: () => void;
  /** The connection cannot be lost. With this socket, BullMQ does not check the connection every ten seconds. */
  readonly connection = { stream: { setKeepAlive: () => undefined } };

  constructor(
    private readonly alone: Alone,
    private readonly pglite: PGliteLike,
  ) {
    super();
    this.#unsubscribe = pglite.onNotification((channel, payload) => this.emit('notification', { channel, payload }));
  }

  async query(text: string, values: readonly unknown[] = []) {
    const word = /^\s*(begin|start transaction|commit|rollback)\b/i.exec(text)?.[1]?.toLowerCase();
    const run = () => this.pglite.query(text, [...values]);
    if (this.#leave === undefined) {
      if (word !== 'begin' && word !== 'start transaction') return this.#once(text, values);
      await this.#enter();
      return run();
    }
    try {
      return values.length === 0 ? await this.#exec(text) : await run();
    } finally {
      if (word === 'commit' || word === 'rollback') this.#end();
    }
  }

  release(): void {
    this.#end();
    this.#unsubscribe();
    this.removeAllListeners();
  }

  #once(text: string, values: readonly unknown[]) {
    return this.alone(() => (values.length === 0 ? this.#exec(text) : this.pglite.query(text, [...values])));
  }

  /** Runs a text that may contain several statements, as migrations do. Returns the rows of the last statement. */
  async #exec(text: string) {
    const results = (await this.pglite.exec(text)) as { readonly rows: Row[] }[];
    return results.at(-1) ?? { rows: [] };
  }

  #enter(): Promise<void> {
    return new Promise((entered) => {
      void this.alone(
        () =>
          new Promise<void>((leave) => {
            this.#leave = leave;
            entered();
          }),
      );
    });
  }

  #end(): void {
    this.#leave?.();
    this.#leave = undefined;
  }
}
