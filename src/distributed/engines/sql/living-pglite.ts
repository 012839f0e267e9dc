import { statfs } from 'node:fs/promises';
import type { PGliteLike } from './pglite-database.js';

/** How much room Postgres takes at once for its log, and how much of that there has to be before it is opened. */
const logSegment = 16 * 2 ** 20;
const least = 2 * logSegment;

/** Severities of errors that Postgres does not outlive: in a server, other processes would go on. */
const deadly = /^(PANIC|FATAL)$/;

/** Statements whose effect lasts as long as the session. */
const ofSession = /^\s*(?:--[^\n]*\n\s*)*(?:listen|set(?!\s+local))\s/i;

/** Postgres inside this program has died of an error; it is opened again when that is possible. */
class DeadDatabaseError extends Error {
  /** What Postgres says of a full disk. */
  readonly code = '53100';

  constructor(problem: string, cause: unknown) {
    super(`the database has ended (${(cause as Error).message}), and ${problem}`, { cause });
  }
}

/**
 * A PGlite that is replaced when it has died, as Postgres does where it cannot write its log: the disk is full. A statement
 * on one that is dead would never end, and nor would the event loop turn meanwhile, so it is not touched any more. Until
 * there is room again, statements are refused.
 */
export class LivingPGlite implements PGliteLike {
  #cause: unknown;
  #opening: Promise<void> | undefined = undefined;
  /** What makes sessions as they are: settings, and channels that are listened to. */
  readonly #session = new Set<string>();
  readonly #listeners = new Set<(channel: string, payload: string) => void>();

  private constructor(
    private readonly directory: string,
    private readonly create: () => Promise<PGliteLike>,
    private pglite: PGliteLike,
  ) {
    this.#hear();
  }

  /** @throws {Error} where there is no room for what Postgres writes first */
  static async open(directory: string, create: () => Promise<PGliteLike>): Promise<LivingPGlite> {
    const free = await freeBytes(directory);
    if (free < least) throw Object.assign(new Error(roomNeeded(directory, free)), { code: 'ENOSPC' });
    return new LivingPGlite(directory, create, await create());
  }

  query(text: string, values: unknown[] = []) {
    return this.#use((pglite) => pglite.query(text, values));
  }

  exec(text: string): Promise<unknown> {
    if (ofSession.test(text)) this.#session.add(text);
    return this.#use((pglite) => pglite.exec(text));
  }

  onNotification(listener: (channel: string, payload: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.#cause === undefined) await this.pglite.close();
  }

  async #use<Result>(work: (pglite: PGliteLike) => Promise<Result>): Promise<Result> {
    if (this.#cause !== undefined) {
      this.#opening ??= this.#reopen().finally(() => {
        this.#opening = undefined;
      });
      await this.#opening;
    }
    try {
      return await work(this.pglite);
    } catch (error) {
      if (deadly.test(String(Object(error).severity))) this.#cause = error;
      throw error;
    }
  }

  async #reopen(): Promise<void> {
    const free = await freeBytes(this.directory);
    if (free < least) throw new DeadDatabaseError(roomNeeded(this.directory, free), this.#cause);
    try {
      const pglite = await this.create();
      for (const text of this.#session) await pglite.exec(text);
      this.pglite = pglite;
    } catch (error) {
      throw new DeadDatabaseError(`it could not be opened again: ${(error as Error).message}`, this.#cause);
    }
    this.#cause = undefined;
    this.#hear();
  }

  #hear(): void {
    this.pglite.onNotification((channel, payload) => {
      for (const listener of this.#listeners) listener(channel, payload);
    });
  }
}

async function freeBytes(directory: string): Promise<number> {
  const { blocks, bavail, bsize } = await statfs(directory);
  // Some file systems do not say.
  return blocks === 0 ? Infinity : bavail * bsize;
}

function roomNeeded(directory: string, free: number): string {
  const size = (bytes: number) => `${Math.floor(bytes / 2 ** 20)} MiB`;
  return `there is too little room on the disk of ${directory}: ${size(free)} are free, and it takes ${size(least)} to be opened`;
}
