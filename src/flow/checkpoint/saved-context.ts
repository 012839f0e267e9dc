import type { Codec } from '../../shared/codec.js';
import type { Changes, Kept, Source } from '../run/changes.js';
import { ContextView } from '../run/context-view.js';
import { fieldOf, setOwn } from '../run/keys.js';
import { type Merges, mergeChange } from '../run/merge.js';

/** Calculates the input of a node from the context visible to the node. */
export type InputOf = (context: Record<string, unknown>) => unknown;

/** The view of the context that belongs to one execution of a node. */
export interface NodeView {
  readonly view: ContextView;
  /** Calculates the node's input from a context. `undefined` if the calculation is not known. */
  readonly inputOf: InputOf | undefined;
  /** If true, an execution of the node is already using this view. */
  isTaken: boolean;
  /** The view of the current attempt, if further attempts may follow. */
  tried: { readonly view: ContextView; readonly cancellation: { readonly aborted: boolean } } | undefined;
}

/** The context changes that are saved with an entry, as texts. */
type SavedChanges = Pick<Changes, 'set' | 'removed'>;

/** Changes that are being written. */
export interface Change {
  readonly saved: SavedChanges;
  /** Commits the changes after they have been written. */
  apply(): void;
  /** Drops the changes after a failed write. Changes made outside nodes are kept for the next entry. */
  giveBack(): void;
}

/** An ended node. Its output is saved as a change to the context. */
export interface Ended {
  readonly nodeId: string;
  readonly output: unknown;
}

/**
 * The context of a run with a checkpoint: the committed values as texts, and the views of them.
 *
 * Each node has its own view. The changes of a node are written with the entry that records its end, and are committed
 * once that entry is written. Code outside nodes, such as process hooks and orchestrators, shares one further view.
 * Nodes see the changes made in the shared view, which are written with the next entry of any node.
 *
 *     committed ◄─ apply ── in transit ◄─ prepare ── views
 *
 * `prepare` merges changes on top of all changes in transit. Entries are written in the order of these merges. If one
 * entry cannot be written, the entries after it are not written either.
 */
export class SavedContext implements Source {
  /** The view for code outside nodes. */
  readonly outside: ContextView;
  readonly #kept = new Map<string, Kept>();
  readonly #underWay = new Map<string, { readonly by: object; readonly kept: Kept | undefined }>();
  readonly #nodes = new Map<string, NodeView>();
  readonly #prototype: object;

  /** @throws {SerializationError} if a value of the context cannot be saved */
  constructor(
    readonly codec: Codec,
    context: object,
    readonly merges: Merges,
  ) {
    this.#prototype = Object.getPrototypeOf(context) ?? Object.prototype;
    for (const [key, value] of Object.entries(context)) this.#kept.set(key, this.#keep(this.#encode(key, value)));
    this.outside = new ContextView(this, codec, this.#prototype);
  }

  find(key: string): Kept | undefined {
    return this.#kept.get(key);
  }

  keys(): Iterable<string> {
    return this.#kept.keys();
  }

  /** Returns all committed values by key, as texts. */
  texts(): [key: string, text: string][] {
    return [...this.#kept].map(([key, { text }]) => [key, text]);
  }

  /** Returns the committed values and the changes made outside nodes as an ordinary object. */
  toObject(): Record<string, unknown> {
    const { outside } = this;
    const entries = [...outside.keys()].map((key) => [key, outside.peek(key)] as const);
    return Object.setPrototypeOf(Object.fromEntries(entries), this.#prototype);
  }

  /** Opens a view for an execution of a node. Changes of an unfinished earlier execution are dropped. */
  open(nodeId: string, inputOf?: InputOf): NodeView {
    const node = { view: this.outside.layer(), inputOf, isTaken: false, tried: undefined };
    this.#nodes.set(nodeId, node);
    return node;
  }

  /** Returns the open view of a node. Opens a new view if the node has none. */
  of(nodeId: string): NodeView {
    return this.#nodes.get(nodeId) ?? this.open(nodeId);
  }

  isOpen(nodeId: string): boolean {
    return this.#nodes.has(nodeId);
  }

  /** Closes the view of a node, and drops its uncommitted changes. */
  end(nodeId: string): void {
    this.#nodes.delete(nodeId);
  }

  /**
   * Returns a copy of a value, exactly as it would be after saving and reading it back.
   *
   * @throws {SerializationError} if the value cannot be saved
   */
  copy<Value>(value: Value): Value {
    return Object(value) === value ? (this.codec.decode(this.codec.encode(value)) as Value) : value;
  }

  /**
   * Collects the changes to save with the next entry: those made outside nodes, and those of a node that has ended.
   *
   * @throws {SerializationError} if a value cannot be saved. The changes of the node are then dropped, and so is the
   *   faulty value if it was written outside nodes
   */
  prepare(ended?: Ended): Change {
    const own = ended && this.#changesOf(ended);
    const outside = this.#changesOutside();
    const changed = new Map<string, Kept | undefined>();
    this.#add(outside, changed);
    this.#add(own ?? {}, changed);
    if (own !== undefined) this.#addOutput(own, changed);
    const taken = this.outside.take(outside);
    for (const [key, kept] of changed) this.#underWay.set(key, { by: changed, kept });
    let isPending = true;
    const settled = () => {
      isPending = false;
      for (const [key, { by }] of this.#underWay) if (by === changed) this.#underWay.delete(key);
    };
    return {
      saved: savedOf(changed),
      apply: () => {
        settled();
        for (const [key, kept] of changed) {
          if (kept === undefined) this.#kept.delete(key);
          else this.#kept.set(key, kept);
          this.outside.refresh(key);
        }
        if (ended !== undefined) this.end(ended.nodeId);
      },
      giveBack: () => {
        if (!isPending) return;
        isPending = false;
        // The entries after this entry are not written either.
        this.#underWay.clear();
        for (const key of taken) this.outside.rebase(key);
      },
    };
  }

  #changesOf({ nodeId, output }: Ended): Changes & Output {
    const text = output === undefined ? undefined : this.#encode(nodeId, output);
    return { ...this.of(nodeId).view.changes(nodeId), nodeId, text };
  }

  #changesOutside(): Changes {
    try {
      return this.outside.changes();
    } catch (error) {
      this.outside.forgetUnsavable();
      throw error;
    }
  }

  #add({ set = {}, removed = [], base = {} }: Changes, to: Map<string, Kept | undefined>): void {
    for (const key of Object.keys(set)) {
      const current = to.has(key) ? to.get(key) : this.#latest(key);
      to.set(key, this.#keep(mergeChange(key, current?.text, { set, base }, this.merges, this.codec)));
    }
    for (const key of removed) to.set(key, undefined);
  }

  /** Adds the output of a node. It replaces the value stored under the node's id; the two are not merged. */
  #addOutput({ nodeId, text }: Output, to: Map<string, Kept | undefined>): void {
    if (text !== undefined) to.set(nodeId, this.#keep(text));
    else if (this.#latest(nodeId) !== undefined) to.set(nodeId, undefined);
  }

  /** Returns the value that a key will have once all changes in transit are written. */
  #latest(key: string): Kept | undefined {
    const underWay = this.#underWay.get(key);
    return underWay === undefined ? this.#kept.get(key) : underWay.kept;
  }

  #encode(key: string, value: unknown): string {
    return this.codec.encode(value, () => fieldOf(key));
  }

  #keep(text: string): Kept {
    return new KeptText(text, this.codec);
  }
}

/** The output of a node as text; `undefined` if the node returned nothing. */
interface Output {
  readonly nodeId: string;
  readonly text: string | undefined;
}

function savedOf(changed: ReadonlyMap<string, Kept | undefined>): SavedChanges {
  const set: Record<string, string> = {};
  const removed: string[] = [];
  for (const [key, kept] of changed) {
    if (kept === undefined) removed.push(key);
    else setOwn(set, key, kept.text);
  }
  return { ...(removed.length < changed.size ? { set } : {}), ...(removed.length > 0 ? { removed } : {}) };
}

/**
 * A stored text. Each read decodes the text again, so that each reader gets its own copy. Primitives are decoded only
 * once.
 */
class KeptText implements Kept {
  #primitive: { readonly value: unknown } | undefined = undefined;

  constructor(
    readonly text: string,
    private readonly codec: Codec,
  ) {}

  read(): unknown {
    if (this.#primitive !== undefined) return this.#primitive.value;
    const value = this.codec.decode(this.text);
    if (Object(value) !== value) this.#primitive = { value };
    return value;
  }
}
