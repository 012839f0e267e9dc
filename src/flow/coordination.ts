import type { ICoordinationStore } from './contracts.js';

interface Entry {
  value: string;
  expires: number;
}

/** Coordinates workers within one program: for tests, and for event-driven runs without a server. */
export class MemoryCoordinationStore implements ICoordinationStore {
  readonly #entries = new Map<string, Entry>();

  async increment(key: string, ttlSeconds: number): Promise<number> {
    const entry = this.#entry(key) ?? { value: '0', expires: expiryOf(ttlSeconds) };
    entry.value = String(Number(entry.value) + 1);
    this.#entries.set(key, entry);
    return Number(entry.value);
  }

  async setIfNotExist(key: string, value: string, ttlSeconds: number): Promise<boolean> {
    if (this.#entry(key) !== undefined) return false;
    this.#entries.set(key, { value, expires: expiryOf(ttlSeconds) });
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

  /** A key that has outlived its time is not there. */
  #entry(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.expires > Date.now()) return entry;
    this.#entries.delete(key);
    return undefined;
  }
}

function expiryOf(ttlSeconds: number): number {
  return Date.now() + ttlSeconds * 1000;
}
