import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { readAsset } from '../assets.js';

/** A connection, or one for a cluster. */
export type Connection = Redis | Cluster;

/** A script that the server keeps: it is sent by its hash, and in full only where the server does not know it. */
export class Script {
  readonly #text: string;
  readonly #hash: string;

  /** @param names - of the files that it consists of, one behind the other */
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
