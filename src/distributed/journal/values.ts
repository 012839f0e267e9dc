import { type Codec, fieldOf, type Kept, type Source } from '../../flow/run/index.js';

/** The value of a key since a journal entry; `text` is `undefined` if the entry removed the key. */
interface Version {
  readonly seq: number;
  readonly text: string | undefined;
  older: Version | undefined;
}

/**
 * The context of a run as texts, including the outputs of nodes. Can be read as of any entry for which a view is open.
 * A node sees the context as of its own start, regardless of what is committed during its execution. For each key the
 * map holds the latest version, and at most one older version per open view.
 */
export class Values {
  readonly #latest = new Map<string, Version>();
  readonly #views = new Map<object, number>();
  /** Keys with older versions, or with a removal that an open view must still see. */
  readonly #layered = new Set<string>();

  /** Opens a view of the values as of an entry. The view must be closed after use. */
  asOf(seq: number, codec: Codec): Source {
    const seen = new ValuesAsOf(this, seq, codec, () => this.#close(seen));
    this.#views.set(seen, seq);
    return seen;
  }

  set(key: string, text: string | undefined, seq: number): void {
    const older = this.#views.size === 0 ? undefined : this.#latest.get(key);
    this.#latest.set(key, { seq, text, older });
    if (older === undefined && text !== undefined) return;
    this.#layered.add(key);
    this.#prune(key, this.#seen());
  }

  get(key: string): string | undefined {
    return this.#latest.get(key)?.text;
  }

  at(key: string, seq: number): string | undefined {
    let version = this.#latest.get(key);
    while (version !== undefined && version.seq > seq) version = version.older;
    return version?.text;
  }

  *keysAt(seq: number): Generator<string> {
    for (const key of this.#latest.keys()) if (this.at(key, seq) !== undefined) yield key;
  }

  *entries(): Generator<readonly [key: string, text: string]> {
    for (const [key, { text }] of this.#latest) if (text !== undefined) yield [key, text];
  }

  /**
   * Closes a view. Versions that only the oldest view could see are dropped at once. Versions that only a younger view
   * could see are dropped when their key is set again.
   */
  #close(view: object): void {
    const [oldest] = this.#views.keys();
    if (!this.#views.delete(view) || view !== oldest || this.#layered.size === 0) return;
    const seen = this.#seen();
    for (const key of [...this.#layered]) this.#prune(key, seen);
  }

  /** Returns the entries as of which a view is open, latest first. */
  #seen(): readonly number[] {
    return [...new Set(this.#views.values())].sort((one, other) => other - one);
  }

  /** Drops the versions of a key that no open view can see. */
  #prune(key: string, seen: readonly number[]): void {
    const latest = this.#latest.get(key) as Version;
    let kept = latest;
    for (const seq of seen) {
      if (seq >= kept.seq) continue;
      let older = kept.older;
      while (older !== undefined && older.seq > seq) older = older.older;
      kept.older = older;
      if (older === undefined) break;
      kept = older;
    }
    kept.older = undefined;
    if (latest.older !== undefined) return;
    // A removal is kept until no open view can see a text of the key.
    if (latest.text === undefined) this.#latest.delete(key);
    this.#layered.delete(key);
  }
}

/** A view of the values as of a journal entry. */
class ValuesAsOf implements Source {
  constructor(
    private readonly values: Values,
    private readonly seq: number,
    private readonly codec: Codec,
    readonly close: () => void,
  ) {}

  find(key: string): Kept | undefined {
    const text = this.values.at(key, this.seq);
    return text === undefined ? undefined : { text, read: () => this.codec.decode(text, () => fieldOf(key)) };
  }

  keys(): Iterable<string> {
    return this.values.keysAt(this.seq);
  }
}
