import type { ICoordinationStore } from '../contracts.js';

interface Entry {
  value: string;
  expires: number;
}

/** How many keys each new one has looked at: more than one, so that what has expired goes faster than new ones come. */
const sweptAtATime = 2;

/**
 * Coordinates workers within one program: for tests, and for event-driven runs without a server.
 *
 * Keys that have outlived their time are removed little by little, as new ones come.
 */
export class MemoryCoordinationStore implements ICoordinationStore {
  readonly #entries = new Map<string, Entry>();
  #sweep = this.#entries.entries();

  /** How many keys it holds, those among them that have outlived their time and are not removed yet. */
  get size(): number {
    return this.#entries.size;
  }

  async increment(key: string, ttlSeconds: number): Promise<number> {
    const entry = this.#entry(key) ?? this.#add(key, '0', ttlSeconds);
    entry.value = String(Number(entry.value) + 1);
    return Number(entry.value);
  }

  async setIfNotExist(key: string, value: string, ttlSeconds: number): Promise<boolean> {
    if (this.#entry(key) !== undefined) return false;
    this.#add(key, value, ttlSeconds);
    return true;
  }

  async get(key: string): Promise<string | undefined> {
    return this.#entry(key)?.value;
  }

  async extendTTL(key: string, ttlSeconds: number): Promise<boolean> {
    const entry = this.#entry(key);
    if (entry !== undefined) entry.expires = expiryOf(ttlSeconds);
    return entry !== undefined;
  }

  async delete(key: string): Promise<void> {
    this.#entries.delete(key);
  }

  #add(key: string, value: string, ttlSeconds: number): Entry {
    this.#sweepSome();
    const entry = { value, expires: expiryOf(ttlSeconds) };
    this.#entries.set(key, entry);
    return entry;
  }

  /** A key that has outlived its time is not there. */
  #entry(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.expires > Date.now()) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  /** Goes on through the keys where it was, and round again. */
  #sweepSome(): void {
    for (let left = sweptAtATime; left > 0; left--) {
      const next = this.#sweep.next();
      if (next.done) this.#sweep = this.#entries.entries();
      else this.#entry(next.value[0]);
    }
  }
}

function expiryOf(ttlSeconds: number): number {
  return Date.now() + ttlSeconds * 1000;
}
