import type { InputOf, NodeView, SavedContext } from '../checkpoint/saved-context.js';
import type { ContextView } from './context-view.js';
import type { Context } from './result.js';

/** The value stored under a context key. The wrapper distinguishes a stored `undefined` from a missing key. */
export interface Written {
  readonly value: unknown;
}

/**
 * Returns the output of a node from a context. Inherited properties are not outputs, even if a node has an id such as
 * `toString`.
 */
export function outputIn(context: Context, nodeId: string): unknown {
  const isOwn = !(nodeId in Object.prototype) || Object.hasOwn(context, nodeId);
  return isOwn ? context[nodeId] : undefined;
}

/**
 * The context of a run. In an unsaved run, all nodes share one object. In a saved run, each execution of a node has its
 * own view.
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
   * The shared object or, in a saved run, a view of the committed context. Changes to this view are saved with the next
   * entry.
   */
  get context(): Context {
    return this.#context;
  }

  get saved(): SavedContext | undefined {
    return this.#saved;
  }

  /** Saves the run from now on, with a separate view for each node. */
  saveIn(saved: SavedContext): void {
    this.#saved = saved;
    this.#context = saved.outside.context;
    this.onShown(this.#context);
  }

  /** Returns the context visible to a node: its own view in a saved run, otherwise the shared object. */
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
   * Returns the view for the execution of a node: the view with which its input was resolved, or a new view. Returns
   * `undefined` if the run is not saved.
   */
  takeView(nodeId: string): NodeView | undefined {
    const saved = this.#saved;
    if (saved === undefined) return undefined;
    if (!saved.isOpen(nodeId) || saved.of(nodeId).isTaken) this.openView(nodeId, saved);
    const node = saved.of(nodeId);
    node.isTaken = true;
    return node;
  }

  /** Discards the view of an execution whose changes are dropped. */
  closeView(nodeId: string): void {
    this.#saved?.end(nodeId);
  }

  /** Returns a value for a node that may modify it. In a saved run, the value is a copy. */
  handedOut<Value>(value: Value): Value {
    return this.#saved === undefined ? value : this.#saved.copy(value);
  }

  /** Puts the output of a node into the context. An `undefined` output removes the key. */
  write(nodeId: string, output: unknown): void {
    if (this.#saved?.isOpen(nodeId)) this.#saved.of(nodeId).view.put(nodeId, output);
    else if (output !== undefined) this.context[nodeId] = output;
    else if (Object.hasOwn(this.#context, nodeId)) delete this.context[nodeId];
  }

  /** Returns the output of a node. In a saved run, the result is a copy of the committed output. */
  outputOf(nodeId: string): unknown {
    return this.#saved === undefined ? outputIn(this.#context, nodeId) : this.#saved.outside.peek(nodeId);
  }

  /** Returns the entry in the context under the id of a node, or `undefined` if there is none. */
  written(nodeId: string): Written | undefined {
    return Object.hasOwn(this.#context, nodeId) ? { value: this.context[nodeId] } : undefined;
  }

  /** Restores the entry that an output replaced, unless the entry has been overwritten since. */
  takeBack(nodeId: string, output: unknown, before: Written | undefined): void {
    if (Object.is(this.written(nodeId)?.value, output)) this.write(nodeId, before?.value);
  }

  /** Returns the context as saved data: the values themselves, or the committed texts. */
  save() {
    return this.#saved === undefined ? { context: { ...this.#context } } : { context: {}, values: this.#saved.texts() };
  }
}
