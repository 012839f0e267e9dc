import { statfs } from 'node:fs/promises';
import type { PGliteLike } from './pglite-database.js';

/** Bytes that Postgres allocates at once for its log, and minimum number of free bytes for opening the database. */
const logSegment = 16 * 2 ** 20;
const least = 2 * logSegment;

/**
 * Severities of errors after which Postgres ends. On a server only the process of the session ends, but PGlite ends as
 * a whole.
 */
const deadly = /^(PANIC|FATAL)$/;

/** Matches statements whose effect lasts as long as the session. */
const ofSession = /^\s*(?:--[^\n]*\n\s*)*(?:listen|set(?!\s+local))\s/i;

/** The database inside this program has died of an error. It is reopened as soon as possible. */
class DeadDatabaseError extends Error {
  /** Postgres's error code for a full disk. */
  readonly code = '53100';

  constructor(problem: string, cause: unknown) {
    super(`the database has ended (${(cause as Error).message}), and ${problem}`, { cause });
  }
}

/**
 * A PGlite that is replaced after it has died. Postgres dies when it cannot write its log because the disk is full. A
 * statement on a dead PGlite would never end and would block the event loop, so a dead PGlite is never used again.
 * Until there is free space, statements are refused.
 */
export class LivingPGlite implements PGliteLike {
  #cause: unknown;
  #opening: Promise<void> | undefined = undefined;
  /** Statements that restore the session: settings, and channels to listen to. */
  readonly #session = new Set<string>();
  readonly #listeners = new Set<(channel: string, payload: string) => void>();

  private constructor(
    private readonly directory: string,
    private readonly create: () => Promise<PGliteLike>,
    private pglite: PGliteLike,
  ) {
    this.#hear();
  }

  /** @throws {Error} if the disk lacks the space that Postgres needs to open */
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
  // Some file systems do not report sizes.
  return blocks === 0 ? Infinity : bavail * bsize;
}

function roomNeeded(directory: string, free: number): string {
  const size = (bytes: number) => `${Math.floor(bytes / 2 ** 20)} MiB`;
  return `there is too little room on the disk of ${directory}: ${size(free)} are free, ${size(least)} are needed; make room`;
}
