/**
 * A map over another map. A value is converted by `read` when it is first accessed. Changes to the other map are
 * visible here, except for keys that were read, set or deleted here.
 */
export class ReadMap<Key, Kept, Value> extends Map<Key, Value> {
  /** Keys that were deleted here but may still exist in the other map. */
  readonly #removed = new Set<Key>();

  constructor(
    private readonly kept: ReadonlyMap<Key, Kept>,
    private readonly read: (kept: Kept, key: Key) => Value,
  ) {
    super();
  }

  override get size(): number {
    return [...this.keys()].length;
  }

  override has(key: Key): boolean {
    return super.has(key) || (this.kept.has(key) && !this.#removed.has(key));
  }

  override get(key: Key): Value | undefined {
    if (super.has(key)) return super.get(key);
    const kept = this.#removed.has(key) ? undefined : this.kept.get(key);
    if (kept === undefined) return undefined;
    const value = this.read(kept, key);
    super.set(key, value);
    return value;
  }

  override delete(key: Key): boolean {
    const isThere = this.has(key);
    super.delete(key);
    if (this.kept.has(key)) this.#removed.add(key);
    return isThere;
  }

  override *keys(): MapIterator<Key> {
    for (const key of this.kept.keys()) if (this.has(key)) yield key;
    for (const key of super.keys()) if (!this.kept.has(key)) yield key;
  }

  override *entries(): MapIterator<[Key, Value]> {
    for (const key of this.keys()) yield [key, this.get(key) as Value];
  }

  override *values(): MapIterator<Value> {
    for (const [, value] of this.entries()) yield value;
  }

  override [Symbol.iterator](): MapIterator<[Key, Value]> {
    return this.entries();
  }
}
