import { type Codec, fieldOf, type Kept, type Source } from '../../flow/run/index.js';

/** What a key holds from an entry of the journal on; `undefined` where it was removed. */
interface Version {
  readonly seq: number;
  readonly text: string | undefined;
  older: Version | undefined;
}

/**
 * The context of a run as texts, outputs among them, as of any entry that somebody looks at: a node that is executed sees
 * it as of its start, however much others commit meanwhile. Of each key the latest version is kept, and those that an open
 * view sees: at most one for each view, however many there were.
 */
export class Values {
  readonly #latest = new Map<string, Version>();
  readonly #views = new Map<object, number>();
  /** Keys of which more is kept than a latest text. */
  readonly #layered = new Set<string>();

  /** The values as of an entry, until that is closed. */
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

  /** Only with the oldest view something that nobody else sees is dropped at once; the rest goes when its key is set again. */
  #close(view: object): void {
    const [oldest] = this.#views.keys();
    if (!this.#views.delete(view) || view !== oldest || this.#layered.size === 0) return;
    const seen = this.#seen();
    for (const key of [...this.#layered]) this.#prune(key, seen);
  }

  /** The entries as of which somebody looks, the latest first. */
  #seen(): readonly number[] {
    return [...new Set(this.#views.values())].sort((one, other) => other - one);
  }

  /** Drops the versions of a key that nobody sees. */
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
    // A key that was removed is kept as such until nobody can see a text of it, also in a view of before.
    if (latest.text === undefined) this.#latest.delete(key);
    this.#layered.delete(key);
  }
}

/** The values as of an entry of the journal. */
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
