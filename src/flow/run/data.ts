import type { InputOf, NodeView, SavedContext } from '../checkpoint/saved-context.js';
import type { ContextView } from './context-view.js';
import type { Context } from './result.js';

/** The value stored under a context key. The wrapper tells a stored `undefined` from a missing key. */
export interface Written {
  readonly value: unknown;
}

/** The output of a node in a context. A node id such as `toString` must not find an inherited property. */
export function outputIn(context: Context, nodeId: string): unknown {
  const isOwn = !(nodeId in Object.prototype) || Object.hasOwn(context, nodeId);
  return isOwn ? context[nodeId] : undefined;
}

/**
 * The context of a run. In an unsaved run all nodes share one object. In a saved run each execution of a node has a
 * view of its own.
 */
export class RunData {
  #context: object;
  /** The committed context and its views; `undefined` if the run is not saved in process. */
  #saved: SavedContext | undefined = undefined;

  /** @param onShown - called with each object that represents the context: the shared object and every view */
  constructor(
    context: object,
    private readonly onShown: (context: object) => void,
  ) {
    this.#context = context;
    onShown(context);
  }

  /**
   * The shared object. In a saved run, a view of the committed context; changes to it are saved with the next entry.
   */
  get context(): Context {
    return this.#context;
  }

  get saved(): SavedContext | undefined {
    return this.#saved;
  }

  /** Saves the run from now on: nodes get views of their own. */
  saveIn(saved: SavedContext): void {
    this.#saved = saved;
    this.#context = saved.outside.context;
    this.onShown(this.#context);
  }

  /** The context that a node sees: its own view in a saved run, otherwise the shared object. */
  seenBy(nodeId: string): Context {
    if (this.#saved === undefined) return this.#context;
    return this.#saved.isOpen(nodeId)
      ? this.#saved.of(nodeId).view.context
      : this.openView(nodeId, this.#saved).context;
  }

  /** Opens a view for the next execution of a node. */
  openView(nodeId: string, saved: SavedContext, inputOf?: InputOf): ContextView {
    const { view } = saved.open(nodeId, inputOf);
    this.onShown(view.context);
    return view;
  }

  /**
   * The view for the execution of a node: the view that its input was resolved with, or a new one. Returns `undefined`
   * if the run is not saved.
   */
  takeView(nodeId: string): NodeView | undefined {
    const saved = this.#saved;
    if (saved === undefined) return undefined;
    if (!saved.isOpen(nodeId) || saved.of(nodeId).isTaken) this.openView(nodeId, saved);
    const node = saved.of(nodeId);
    node.isTaken = true;
    return node;
  }

  /** Discards the view of an execution whose changes do not count. */
  closeView(nodeId: string): void {
    this.#saved?.end(nodeId);
  }

  /** The value to hand to a node, which may change it. In a saved run this is a copy. */
  handedOut<Value>(value: Value): Value {
    return this.#saved === undefined ? value : this.#saved.copy(value);
  }

  /** Puts the output of a node into the context. An `undefined` output removes the key. */
  write(nodeId: string, output: unknown): void {
    if (this.#saved?.isOpen(nodeId)) this.#saved.of(nodeId).view.put(nodeId, output);
    else if (output !== undefined) this.context[nodeId] = output;
    else if (Object.hasOwn(this.#context, nodeId)) delete this.context[nodeId];
  }

  /** The output of a node. In a saved run this is a copy of the committed output. */
  outputOf(nodeId: string): unknown {
    return this.#saved === undefined ? outputIn(this.#context, nodeId) : this.#saved.outside.peek(nodeId);
  }

  /** The entry in the context under the id of a node; `undefined` if there is none. */
  written(nodeId: string): Written | undefined {
    return Object.hasOwn(this.#context, nodeId) ? { value: this.context[nodeId] } : undefined;
  }

  /** Restores the entry that an output replaced, unless the entry has been overwritten since. */
  takeBack(nodeId: string, output: unknown, before: Written | undefined): void {
    if (Object.is(this.written(nodeId)?.value, output)) this.write(nodeId, before?.value);
  }

  /** The context as saved data: the values themselves, or the committed texts. */
  save() {
    return this.#saved === undefined ? { context: { ...this.#context } } : { context: {}, values: this.#saved.texts() };
  }
}
