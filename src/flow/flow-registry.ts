import { type AnyFunction, invalid } from '../shared/validate.js';
import { AbstractNode, type NodeFunction, type NodeImplementation, type Registry } from './node.js';

const builtIn: readonly string[] = ['wait', 'sleep', 'subflow', 'batch'];

/** The registry of a flow that is written in code. The names of the entries are chosen by the flow. */
export class FlowRegistry {
  readonly entries: Record<string, Registry[string]> = {};

  /** Adds entries under their own names. */
  addAll(registry: Registry): void {
    for (const [name, used] of Object.entries(registry)) this.entries[name] = used;
  }

  /**
   * Adds the implementation of a node.
   *
   * @returns the name under which the implementation is registered: the node's id, if that name is free
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
   * @param number - the number of the edge, counted from 1
   * @returns the name under which the function is registered; an expression is returned unchanged
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

  /**
   * Appends `()` until the name is free, because the id of a node may equal a name that is already registered, such as
   * `condition of edge 1`.
   */
  #freeName(wanted: string): string {
    let name = wanted;
    while (Object.hasOwn(this.entries, name)) name = `${name}()`;
    return name;
  }
}
