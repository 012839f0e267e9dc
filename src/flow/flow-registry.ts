import { type AnyFunction, invalid } from '../shared/validate.js';
import type { Graph } from './blueprint.js';
import { AbstractNode, type NodeFunction, type NodeImplementation, type Registry } from './node.js';

const builtIn: readonly string[] = ['wait', 'sleep', 'subflow', 'batch'];

/** What the nodes and edges of a flow in code use, under names that the flow gives. */
export class FlowRegistry {
  readonly entries: Record<string, NodeImplementation | Graph> = {};

  /** Adds what has names of its own. */
  addAll(registry: Registry): void {
    for (const [name, used] of Object.entries(registry)) this.entries[name] = used;
  }

  /**
   * Adds what does the work of a node.
   *
   * @returns its name: the node's id, where that is free
   */
  addNode(id: string, implementation: NodeImplementation): string {
    if (typeof implementation !== 'function' && !(implementation instanceof AbstractNode)) {
      throw invalid(`the implementation of "${id}"`, 'a function, an action, a Node or a Flow', implementation);
    }
    const name = this.#freeName(builtIn.includes(id) ? `${id}()` : id);
    this.entries[name] = implementation;
    return name;
  }

  /**
   * Adds the function of an edge.
   *
   * @param number - of the edge, from 1
   * @returns its name; an expression as it is
   */
  addEdge(
    kind: 'condition' | 'transform',
    number: number,
    given: string | AnyFunction | undefined,
  ): string | undefined {
    if (typeof given !== 'function') return given;
    const name = this.#freeName(`${kind} of edge ${number}`);
    this.entries[name] = given as NodeFunction;
    return name;
  }

  /** Nodes may be called like what was registered under another name: `wait()`, `condition of edge 1`. */
  #freeName(wanted: string): string {
    let name = wanted;
    while (Object.hasOwn(this.entries, name)) name = `${name}()`;
    return name;
  }
}
