/**
 * Finds the loops of a graph.
 *
 * A loop is a strongly connected component of the graph. Its headers are the nodes that an arc from outside leads to; a
 * start node inside the loop is also a header. The arcs inside the loop that lead to a header are the back arcs of the
 * loop. The components that are still strongly connected without these back arcs are the inner loops, and so on. The
 * result is the loop nesting forest of Steensgaard (1993), which also covers loops with several entries.
 */

/** Arcs by number: arc `a` leads from node `source[a]` to node `target[a]`. */
export interface Arcs {
  readonly nodeCount: number;
  readonly source: Int32Array;
  readonly target: Int32Array;
}

/**
 * For each node, the arcs that start (or end) at the node: those in `arcs` from index `from[node]` up to, but not
 * including, index `from[node + 1]`.
 */
export interface Adjacency {
  readonly from: Int32Array;
  readonly arcs: Int32Array;
}

export interface Loop {
  /** The number of the surrounding loop; -1 if there is none. */
  readonly parent: number;
  /** The number of surrounding loops; 0 for an outermost loop. */
  readonly depth: number;
  readonly headers: readonly number[];
  /** All nodes in the loop, including those of inner loops. */
  readonly nodes: readonly number[];
}

export interface Loops {
  readonly loops: readonly Loop[];
  /** The innermost loop of each node; -1 if there is none. */
  readonly loopOf: Int32Array;
  /** For each arc, the loop that the arc repeats; -1 if the arc is not a back arc. */
  readonly backOf: Int32Array;
}

/**
 * Maximum nesting depth of loops. Deeper graphs are refused, because each level costs a search through all nodes inside
 * the loop.
 */
export const deepestLoop = 50;

/** Groups arcs by their source or by their target, with a counting sort. */
export function adjacency(nodeCount: number, ends: Int32Array): Adjacency {
  const from = new Int32Array(nodeCount + 1);
  for (let arc = 0; arc < ends.length; arc++) add(from, (ends[arc] as number) + 1, 1);
  for (let node = 0; node < nodeCount; node++) add(from, node + 1, from[node] as number);
  const next = from.slice(0, nodeCount);
  const arcs = new Int32Array(ends.length);
  for (let arc = 0; arc < ends.length; arc++) arcs[add(next, ends[arc] as number, 1) - 1] = arc;
  return { from, arcs };
}

/** Adds an amount to a number in an array and returns the sum. */
export function add(numbers: Int32Array, index: number, amount: number): number {
  const sum = (numbers[index] as number) + amount;
  numbers[index] = sum;
  return sum;
}

/**
 * Finds the loops of a graph.
 *
 * @param starts - the start nodes of a run
 * @param fallbackOf - for each node, its fallback, which repeats with the node; -1 for none
 * @returns `undefined` if loops are nested deeper than `deepestLoop`
 */
export function findLoops(arcs: Arcs, starts: readonly number[], fallbackOf?: Int32Array): Loops | undefined {
  const { nodeCount, source, target } = arcs;
  const out = adjacency(nodeCount, source);
  const into = adjacency(nodeCount, target);
  const loops: Loop[] = [];
  const loopOf = new Int32Array(nodeCount).fill(-1);
  const backOf = new Int32Array(source.length).fill(-1);
  const isStart = new Set(starts);
  const search = new Search(arcs, out, backOf);

  const everything = Array.from({ length: nodeCount }, (_, node) => node);
  const parts = search.connected(everything).map((nodes) => ({ nodes, parent: -1 }));
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const { nodes, parent } = part;
    const depth = (loops[parent]?.depth ?? -1) + 1;
    if (depth > deepestLoop) return undefined;
    const index = loops.length;
    const inside = new Set(nodes);
    addFallbacks(inside, nodes, fallbackOf);
    const headers = nodes.filter(
      (node) => isStart.has(node) || some(into, node, (arc) => !inside.has(source[arc] as number)),
    );
    // A component that no arc enters is reported elsewhere. Here it needs a header nevertheless, because the search
    // would not end without one.
    if (headers.length === 0) headers.push(nodes[0] as number);
    loops.push({ parent, depth, headers, nodes });
    for (const node of nodes) loopOf[node] = index;
    for (const header of headers) {
      some(into, header, (arc) => {
        if (inside.has(source[arc] as number)) backOf[arc] = index;
      });
    }
    for (const inner of search.connected(nodes)) parts.push({ nodes: inner, parent: index });
  }
  return { loops, loopOf, backOf };
}

/** Adds the fallbacks of the given nodes, the fallbacks of these fallbacks, and so on. */
function addFallbacks(inside: Set<number>, nodes: number[], fallbackOf: Int32Array | undefined): void {
  // The loop also visits the fallbacks that its body adds to the list.
  for (const node of fallbackOf === undefined ? [] : nodes) {
    const fallback = fallbackOf?.[node] ?? -1;
    if (fallback < 0 || inside.has(fallback)) continue;
    inside.add(fallback);
    nodes.push(fallback);
  }
}

/** Finds the strongly connected components: groups of several nodes, and single nodes that lead to themselves. */
export function stronglyConnected(arcs: Arcs): number[][] {
  const out = adjacency(arcs.nodeCount, arcs.source);
  const search = new Search(arcs, out, new Int32Array(arcs.source.length).fill(-1));
  return search.connected(Array.from({ length: arcs.nodeCount }, (_, node) => node));
}

/** Returns true if a test holds for at least one arc of a node. */
export function some({ from, arcs }: Adjacency, node: number, test: (arc: number) => unknown): boolean {
  for (let at = from[node] as number; at < (from[node + 1] as number); at++) {
    if (test(arcs[at] as number)) return true;
  }
  return false;
}

/**
 * Tarjan's search for strongly connected components (1972). It uses an explicit stack instead of recursion, because a
 * chain of nodes may have any length.
 */
class Search {
  readonly #order: Int32Array;
  readonly #low: Int32Array;
  readonly #at: Int32Array;
  readonly #part: Int32Array;
  readonly #onStack: Uint8Array;
  #round = 0;

  constructor(
    private readonly arcs: Arcs,
    private readonly out: Adjacency,
    private readonly backOf: Int32Array,
  ) {
    this.#order = new Int32Array(arcs.nodeCount);
    this.#low = new Int32Array(arcs.nodeCount);
    this.#at = new Int32Array(arcs.nodeCount);
    this.#part = new Int32Array(arcs.nodeCount);
    this.#onStack = new Uint8Array(arcs.nodeCount);
  }

  /**
   * Finds the strongly connected components among the given nodes, ignoring back arcs. Each component has several
   * nodes, or one node that leads to itself.
   */
  connected(nodes: readonly number[]): number[][] {
    const round = ++this.#round;
    for (const node of nodes) {
      this.#part[node] = round;
      this.#order[node] = 0;
    }
    const found: number[][] = [];
    let counter = 0;
    const stack: number[] = [];
    const path: number[] = [];
    const visit = (node: number) => {
      this.#order[node] = this.#low[node] = ++counter;
      this.#at[node] = this.out.from[node] as number;
      this.#onStack[node] = 1;
      stack.push(node);
      path.push(node);
    };
    for (const root of nodes) {
      if (this.#order[root] !== 0) continue;
      visit(root);
      while (path.length > 0) {
        const node = path[path.length - 1] as number;
        const next = this.#nextTarget(node, round);
        if (next === undefined) {
          path.pop();
          this.#lower(path[path.length - 1], this.#low[node] as number);
          if (this.#low[node] === this.#order[node]) this.#collect(node, stack, found);
        } else if (this.#order[next] === 0) visit(next);
        else if (this.#onStack[next]) this.#lower(node, this.#order[next] as number);
      }
    }
    return found;
  }

  #nextTarget(node: number, round: number): number | undefined {
    const end = this.out.from[node + 1] as number;
    while ((this.#at[node] as number) < end) {
      const arc = this.out.arcs[add(this.#at, node, 1) - 1] as number;
      const target = this.arcs.target[arc] as number;
      if ((this.backOf[arc] as number) < 0 && this.#part[target] === round) return target;
    }
    return undefined;
  }

  #lower(node: number | undefined, low: number): void {
    if (node !== undefined && low < (this.#low[node] as number)) this.#low[node] = low;
  }

  #collect(root: number, stack: number[], found: number[][]): void {
    const nodes: number[] = [];
    let node: number;
    do {
      node = stack.pop() as number;
      this.#onStack[node] = 0;
      nodes.push(node);
    } while (node !== root);
    const { out, arcs, backOf } = this;
    const repeats = nodes.length > 1 || some(out, root, (arc) => backOf[arc] === -1 && arcs.target[arc] === root);
    if (repeats) found.push(nodes.reverse());
  }
}
