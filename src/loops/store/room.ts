import { statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds between two looks at the disk, and the number of looks after which to try again in any case. */
const look = 200;
const longest = 25;

/** Watches the free room of a disk while writing fails. */
export class Room {
  #free: number | undefined = undefined;

  constructor(private readonly directory: string) {}

  /** Describes a failed write. */
  async explain(cause: unknown): Promise<string> {
    this.#free = await this.#look();
    const room = this.#free === undefined ? '' : ` (${Math.floor(this.#free / 1_024)} kB are free on its disk)`;
    return `cannot be written: ${Object(cause).message ?? cause}${room}; it is tried again, and loops wait: make room`;
  }

  /** Resolves when the disk has more room than at the failure, after five seconds, or when the signal aborts. */
  async untilMore(signal: AbortSignal): Promise<void> {
    for (let looks = 0; looks < longest && !signal.aborted; looks++) {
      await sleep(look, undefined, { signal, ref: false }).catch(() => undefined);
      const free = await this.#look();
      if (free !== undefined && this.#free !== undefined && free > this.#free) return;
    }
  }

  async #look(): Promise<number | undefined> {
    try {
      const { bavail, bsize } = await statfs(this.directory);
      return bavail * bsize;
    } catch {
      return undefined;
    }
  }
}
