import type { Codec } from '../../flow/checkpoint/codec.js';
import { fieldOf, type Kept, type Source } from '../../flow/checkpoint/context-view.js';

/** What a key holds from an entry of the journal on; `undefined` where it was removed. */
interface Version {
  readonly seq: number;
  readonly text: string | undefined;
  older: Version | undefined;
}

/**
 * The context of a run as texts, outputs among them, as of any entry that somebody looks at: a node that is executed sees
 * it as of its start, however much others commit meanwhile. What nobody looks at any more is dropped.
 */
export class Values {
  readonly #latest = new Map<string, Version>();
  readonly #views = new Map<object, number>();

  /** The values as of an entry, until that is closed. */
  asOf(seq: number, codec: Codec): Source {
    const seen = new ValuesAsOf(this, seq, codec, () => this.#views.delete(seen));
    this.#views.set(seen, seq);
    return seen;
  }

  set(key: string, text: string | undefined, seq: number): void {
    const older = this.#views.size === 0 ? undefined : this.#latest.get(key);
    const version = { seq, text, older };
    this.#latest.set(key, version);
    if (older !== undefined) this.#prune(version);
    else if (text === undefined && this.#views.size === 0) this.#latest.delete(key);
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

  #prune(version: Version): void {
    const oldest = Math.min(...this.#views.values());
    let at: Version | undefined = version;
    while (at !== undefined && at.seq > oldest) at = at.older;
    if (at !== undefined) at.older = undefined;
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
