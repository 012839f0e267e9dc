import type { InputOf, NodeView, SavedContext } from '../checkpoint/saved-context.js';
import type { ContextView } from './context-view.js';
import type { Context } from './result.js';

/** What a place in the context holds. */
export interface Written {
  readonly value: unknown;
}

/** The output of a node in a context, for nodes may be called like what every object has. */
export function outputIn(context: Context, nodeId: string): unknown {
  const isOwn = !(nodeId in Object.prototype) || Object.hasOwn(context, nodeId);
  return isOwn ? context[nodeId] : undefined;
}

/** The context of a run: one object that all nodes share, or, where the run is saved, a view of it for each execution. */
export class RunData {
  #context: object;
  /** What is committed, and who looks at it, where the run is saved in process. */
  #saved: SavedContext | undefined = undefined;

  /** @param onShown - called with each object that is a context of the run */
  constructor(
    context: object,
    private readonly onShown: (context: object) => void,
  ) {
    this.#context = context;
    onShown(context);
  }

  /** Of a run that is saved, what is committed: what is written here is saved with the next entry. */
  get context(): Context {
    return this.#context;
  }

  get saved(): SavedContext | undefined {
    return this.#saved;
  }

  /** The run is saved from now on. */
  saveIn(saved: SavedContext): void {
    this.#saved = saved;
    this.#context = saved.outside.context;
    this.onShown(this.#context);
  }

  /** What a node sees, where each has a view of its own; else what all see. */
  seenBy(nodeId: string): Context {
    if (this.#saved === undefined) return this.#context;
    return this.#saved.isOpen(nodeId)
      ? this.#saved.of(nodeId).view.context
      : this.openView(nodeId, this.#saved).context;
  }

  /** A view for the next execution of a node. */
  openView(nodeId: string, saved: SavedContext, inputOf?: InputOf): ContextView {
    const { view } = saved.open(nodeId, inputOf);
    this.onShown(view.context);
    return view;
  }

  /** What a node is executed with: the view that its input was made of, else a new one; nothing where all share one context. */
  takeView(nodeId: string): NodeView | undefined {
    const saved = this.#saved;
    if (saved === undefined) return undefined;
    if (!saved.isOpen(nodeId) || saved.of(nodeId).isTaken) this.openView(nodeId, saved);
    const node = saved.of(nodeId);
    node.isTaken = true;
    return node;
  }

  /** An execution of a node has come to nothing that counts. */
  closeView(nodeId: string): void {
    this.#saved?.end(nodeId);
  }

  /** A value that a node may change: where each sees its own, a copy of what the state has. */
  handedOut<Value>(value: Value): Value {
    return this.#saved === undefined ? value : this.#saved.copy(value);
  }

  /** Puts an output into the context. A node without one has no place there. */
  write(nodeId: string, output: unknown): void {
    if (this.#saved?.isOpen(nodeId)) this.#saved.of(nodeId).view.put(nodeId, output);
    else if (output !== undefined) this.context[nodeId] = output;
    else if (Object.hasOwn(this.#context, nodeId)) delete this.context[nodeId];
  }

  /** The output of a node; of a run that is saved, a copy of what is committed. */
  outputOf(nodeId: string): unknown {
    return this.#saved === undefined ? outputIn(this.#context, nodeId) : this.#saved.outside.peek(nodeId);
  }

  /** What the context has under the id of a node; `undefined` for nothing. */
  written(nodeId: string): Written | undefined {
    return Object.hasOwn(this.#context, nodeId) ? { value: this.context[nodeId] } : undefined;
  }

  /** Puts back what the context had before an output was put there, unless somebody has written over that. */
  takeBack(nodeId: string, output: unknown, before: Written | undefined): void {
    if (Object.is(this.written(nodeId)?.value, output)) this.write(nodeId, before?.value);
  }

  /** As it is saved: its values, or what is committed as texts. */
  save() {
    return this.#saved === undefined ? { context: { ...this.#context } } : { context: {}, values: this.#saved.texts() };
  }
}
