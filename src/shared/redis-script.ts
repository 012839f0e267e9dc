import { createHash } from 'node:crypto';

/** The part of a client of ioredis that runs scripts. */
export interface ScriptRunner {
  evalsha(hash: string, keys: number, ...keysAndArguments: (string | number)[]): Promise<unknown>;
  eval(script: string, keys: number, ...keysAndArguments: (string | number)[]): Promise<unknown>;
}

/**
 * A Lua script cached by the server. The script is called by its hash, and sent in full only if the server does not
 * know the hash.
 */
export class RedisScript {
  readonly #text: string;
  readonly #hash: string;

  constructor(text: string) {
    this.#text = text;
    this.#hash = createHash('sha1').update(text).digest('hex');
  }

  async run(runner: ScriptRunner, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await runner.evalsha(this.#hash, keys.length, ...keys, ...args);
    } catch (error) {
      if (!String(Object(error).message).startsWith('NOSCRIPT')) throw error;
      return runner.eval(this.#text, keys.length, ...keys, ...args);
    }
  }
}
