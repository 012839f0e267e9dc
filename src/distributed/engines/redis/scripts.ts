import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { readAsset } from '../assets.js';

/** A connection to one server or to a cluster. */
export type Connection = Redis | Cluster;

/**
 * A Lua script cached by the server. The script is called by its hash, and sent in full only if the server does not
 * know the hash.
 */
export class Script {
  readonly #text: string;
  readonly #hash: string;

  /** @param names - files whose texts are concatenated to form the script */
  constructor(...names: readonly string[]) {
    this.#text = names.map((name) => readAsset(`redis/${name}.lua`)).join('\n');
    this.#hash = createHash('sha1').update(this.#text).digest('hex');
  }

  async run(connection: Connection, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await connection.evalsha(this.#hash, keys.length, ...keys, ...args);
    } catch (error) {
      if (!String(Object(error).message).startsWith('NOSCRIPT')) throw error;
      return connection.eval(this.#text, keys.length, ...keys, ...args);
    }
  }
}
