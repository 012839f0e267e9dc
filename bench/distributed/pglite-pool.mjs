import { EventEmitter } from 'node:events';

/**
 * As much of a `pg.Pool` as BullMQ asks for, over a PGlite. There is one connection, which all that is checked out
 * shares, so the schema can be set once and for all.
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

/** Like pg, takes several statements where there are no parameters. */
async function queryOn(database, text, params) {
  if (params !== undefined) return database.query(text, params);
  const results = await database.exec(text);
  return results.at(-1) ?? { rows: [] };
}
