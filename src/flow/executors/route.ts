import type { EdgeDefinition, Graph, JoinStrategy } from '../blueprint.js';
import { joinOf } from '../plan/join.js';
import { startsOf } from '../start-node.js';

/**
 * The order in which a dry run visits the nodes of a graph. Most nodes are visited after the first edge to them was
 * followed. A node that needs all its edges (`allCompleted`) is visited after the last one, a node that waits for the
 * end of all nodes before it (`settled`) when no other node can be visited, and a node that waits for a failure
 * (`failed`) not at all.
 */
export class Route {
  readonly #queue: string[] = [];
  /** The place in the queue of the node to visit next. */
  #at = 0;
  /** The nodes that were visited or are in the queue. */
  readonly #visited = new Set<string>();
  readonly #joins: ReadonlyMap<string, JoinStrategy>;
  /** For each node, the nodes before it. */
  readonly #before = new Map<string, Set<string>>();
  /** For each node, the nodes before it whose edges were followed. */
  readonly #followed = new Map<string, Set<string>>();

  constructor(graph: Graph) {
    this.#joins = new Map(graph.nodes.map((node) => [node.id, joinOf(node)]));
    for (const { source, target } of graph.edges) add(this.#before, target, source);
    for (const start of startsOf(graph)) this.#visit(start);
  }

  /** Returns the id of the node to visit next, or `undefined` at the end of the walk. */
  next(): string | undefined {
    if (this.#at === this.#queue.length) this.#visitSettled();
    return this.#queue[this.#at++];
  }

  follow({ source, target }: EdgeDefinition): void {
    add(this.#followed, target, source);
    const join = this.#joins.get(target);
    if (join === 'failed' || join === 'settled') return;
    const isWhole = this.#followed.get(target)?.size === this.#before.get(target)?.size;
    if (join !== 'allCompleted' || isWhole) this.#visit(target);
  }

  #visit(id: string): void {
    if (this.#visited.has(id)) return;
    this.#visited.add(id);
    this.#queue.push(id);
  }

  /** Visits the first node that waits for the end of all nodes before it, but not for another such node. */
  #visitSettled(): void {
    const ready = [...this.#followed.keys()].filter(
      (id) => this.#joins.get(id) === 'settled' && !this.#visited.has(id),
    );
    const isFirst = (id: string) => {
      const before = this.#allBefore(id);
      return !ready.some((other) => other !== id && before.has(other));
    };
    const next = ready.find(isFirst) ?? ready[0];
    if (next !== undefined) this.#visit(next);
  }

  #allBefore(id: string): Set<string> {
    const found = new Set(this.#before.get(id));
    // The loop also visits the ids that its body adds to the set.
    for (const source of found) for (const earlier of this.#before.get(source) ?? []) found.add(earlier);
    return found;
  }
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, new Set([value]));
  else known.add(value);
}
