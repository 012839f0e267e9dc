import type { ICoordinationStore } from '../contracts.js';

interface Entry {
  value: string;
  expires: number;
}

/**
 * The number of keys that are checked for expiry when a key is added. Because the number is greater than 1, expired
 * keys are removed faster than new keys are added.
 */
const sweptAtATime = 2;

/**
 * A coordination store in memory. It coordinates event-driven workers within one program, in tests and in runs that
 * need no server. Workers in several programs need an `ICoordinationStore` on a server. Each time a key is added, a few
 * expired keys are removed.
 *
 * @example
 * const orchestrator = new EventDrivenOrchestrator(runtime.services, new MemoryCoordinationStore());
 */
export class MemoryCoordinationStore implements ICoordinationStore {
  readonly #entries = new Map<string, Entry>();
  #sweep = this.#entries.entries();

  /** The number of keys, including expired keys that have not been removed yet. */
  get size(): number {
    return this.#entries.size;
  }

  /** Adds one to a counter and returns the sum. A new counter starts at 0 and expires after `ttlSeconds` seconds. */
  async increment(key: string, ttlSeconds: number): Promise<number> {
    const entry = this.#entry(key) ?? this.#add(key, '0', ttlSeconds);
    entry.value = String(Number(entry.value) + 1);
    return Number(entry.value);
  }

  /** Sets a key unless it exists. Returns true if the key was set. */
  async setIfNotExist(key: string, value: string, ttlSeconds: number): Promise<boolean> {
    if (this.#entry(key) !== undefined) return false;
    this.#add(key, value, ttlSeconds);
    return true;
  }

  /** Returns the value of a key, or `undefined` if the key is missing or has expired. */
  async get(key: string): Promise<string | undefined> {
    return this.#entry(key)?.value;
  }

  /** Makes a key expire `ttlSeconds` seconds from now. Returns false if the key is missing. */
  async extendTTL(key: string, ttlSeconds: number): Promise<boolean> {
    const entry = this.#entry(key);
    if (entry !== undefined) entry.expires = expiryOf(ttlSeconds);
    return entry !== undefined;
  }

  /** Removes a key. */
  async delete(key: string): Promise<void> {
    this.#entries.delete(key);
  }

  #add(key: string, value: string, ttlSeconds: number): Entry {
    this.#sweepSome();
    const entry = { value, expires: expiryOf(ttlSeconds) };
    this.#entries.set(key, entry);
    return entry;
  }

  /** Returns the entry of a key, or `undefined` if the key is missing or has expired. */
  #entry(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.expires > Date.now()) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  /** Checks the next few keys for expiry. After the last key, the check starts again at the first key. */
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
