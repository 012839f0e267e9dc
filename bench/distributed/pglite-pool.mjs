import { EventEmitter } from 'node:events';

/**
 * The parts of a `pg.Pool` that BullMQ needs, on top of PGlite. All clients share one connection, so the schema needs
 * to be set only once.
 *
 * @param {import('@electric-sql/pglite').PGlite} database
 */
export class PGlitePool extends EventEmitter {
  #database;

  constructor(database) {
    super();
    this.setMaxListeners(0);
    this.#database = database;
  }

  query(text, params) {
    return queryOn(this.#database, text, params);
  }

  async connect() {
    return new Client(this.#database);
  }

  async end() {}
}

class Client extends EventEmitter {
  #database;
  #stop;

  constructor(database) {
    super();
    this.#database = database;
    this.#stop = database.onNotification((channel, payload) => this.emit('notification', { channel, payload }));
  }

  query(text, params) {
    return queryOn(this.#database, text, params);
  }

  release() {
    this.#stop();
  }
}

/** Like pg, accepts several statements in a query without parameters. */
async function queryOn(database, text, params) {
  if (params !== undefined) return database.query(text, params);
  const results = await database.exec(text);
  return results.at(-1) ?? { rows: [] };
}
