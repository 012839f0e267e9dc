import type { Changes, Kept, Source } from '../run/changes.js';
import type { Codec } from '../run/codec.js';
import { ContextView } from '../run/context-view.js';
import { fieldOf, setOwn } from '../run/keys.js';
import { type Merges, mergeChange } from '../run/merge.js';

/** Gives the input of a node, by the context that the node sees. */
export type InputOf = (context: Record<string, unknown>) => unknown;

/** What one execution of a node works with. */
export interface NodeView {
  readonly view: ContextView;
  /** What its input is made of, where that is known. */
  readonly inputOf: InputOf | undefined;
  /** Whether the node is executed with it already. */
  isTaken: boolean;
  /** What the attempt that is under way sees, where others may follow. */
  tried: { readonly view: ContextView; readonly cancellation: { readonly aborted: boolean } } | undefined;
}

/** What is saved with an entry, as texts. */
type SavedChanges = Pick<Changes, 'set' | 'removed'>;

/** Changes that are about to be written. */
export interface Change {
  readonly saved: SavedChanges;
  /** They are written: they hold. */
  apply(): void;
  /** They could not be written: they are no different from what was never done, but for what was done outside of nodes. */
  giveBack(): void;
}

/** The end of a node: its output is one of its changes. */
export interface Ended {
  readonly nodeId: string;
  readonly output: unknown;
}

/**
 * The context of a run that is saved in process: what is committed, as texts, and who looks at it. Each node has a view of
 * its own, whose changes are written with the entry of its end and hold from then on. What is not in a node (hooks of the
 * process, orchestrators) shares one more view, which nodes see what is committed through: its changes go with the next entry, whoever it is of.
 *
 *     committed ◄─ apply ── under way ◄─ prepare ── views
 *
 * Changes are merged when they are prepared, with all that is under way before them: entries are written in that order,
 * and where one cannot be, none behind it is.
 */
export class SavedContext implements Source {
  /** What is seen outside of nodes. */
  readonly outside: ContextView;
  readonly #kept = new Map<string, Kept>();
  readonly #underWay = new Map<string, { readonly by: object; readonly kept: Kept | undefined }>();
  readonly #nodes = new Map<string, NodeView>();
  readonly #prototype: object;

  /** @throws {SerializationError} for what cannot be saved */
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

  /** All that is committed, by key, as texts. */
  texts(): [key: string, text: string][] {
    return [...this.#kept].map(([key, { text }]) => [key, text]);
  }

  /** What is committed, and what was done outside of nodes, as an ordinary object. */
  toObject(): Record<string, unknown> {
    const { outside } = this;
    const entries = [...outside.keys()].map((key) => [key, outside.peek(key)] as const);
    return Object.setPrototypeOf(Object.fromEntries(entries), this.#prototype);
  }

  /** A view for an execution of a node; what an earlier execution did that has not ended is forgotten. */
  open(nodeId: string, inputOf?: InputOf): NodeView {
    const node = { view: this.outside.layer(), inputOf, isTaken: false, tried: undefined };
    this.#nodes.set(nodeId, node);
    return node;
  }

  /** The view of a node that is under way; a new one for a node that is not. */
  of(nodeId: string): NodeView {
    return this.#nodes.get(nodeId) ?? this.open(nodeId);
  }

  isOpen(nodeId: string): boolean {
    return this.#nodes.has(nodeId);
  }

  /** The execution of a node has ended; nothing that it did counts any more. */
  end(nodeId: string): void {
    this.#nodes.delete(nodeId);
  }

  /** A copy of a value, as it will be when it is read back. @throws {SerializationError} for what cannot be saved */
  copy<Value>(value: Value): Value {
    return Object(value) === value ? (this.codec.decode(this.codec.encode(value)) as Value) : value;
  }

  /**
   * Finds what is to be saved with the next entry: what was done outside of nodes, and what a node has done that has ended.
   *
   * @throws {SerializationError} for what cannot be saved. Nothing of the node counts then, nor does the key that was
   *   written outside, if it is that
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
        // What is behind it is not written either.
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

  /** An output takes the place of what was there, whoever has changed that. */
  #addOutput({ nodeId, text }: Output, to: Map<string, Kept | undefined>): void {
    if (text !== undefined) to.set(nodeId, this.#keep(text));
    else if (this.#latest(nodeId) !== undefined) to.set(nodeId, undefined);
  }

  /** What will hold under a key once all is written that is under way. */
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

/** The output of a node that has ended, as text; none for a node that gave none. */
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

/** A text that is read where it is asked for; primitives, which cannot be changed, once. */
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
