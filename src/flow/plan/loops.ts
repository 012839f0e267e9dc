/**
 * Which parts of a graph repeat.
 *
 * A loop is a strongly connected part of the graph. Its headers are the nodes that an arc from outside leads to (for a
 * part that a run starts in: its start node). The arcs inside that lead to a header are its back arcs; without them,
 * what is still strongly connected is an inner loop, and so on. This is the loop nesting forest of Steensgaard (1993),
 * which also orders loops that are entered at several places.
 */

/** Arcs by number: arc `a` leads from node `source[a]` to node `target[a]`. */
export interface Arcs {
  readonly nodeCount: number;
  readonly source: Int32Array;
  readonly target: Int32Array;
}

/** For each node the arcs that start (or end) at it: `arcs` from `from[node]` up to, not including, `from[node + 1]`. */
export interface Adjacency {
  readonly from: Int32Array;
  readonly arcs: Int32Array;
}

export interface Loop {
  /** The loop around it, -1 for none. */
  readonly parent: number;
  /** 0 for a loop that is in no other. */
  readonly depth: number;
  readonly headers: readonly number[];
  /** All nodes in it, those of inner loops too. */
  readonly nodes: readonly number[];
}

export interface Loops {
  readonly loops: readonly Loop[];
  /** The innermost loop of each node, -1 for none. */
  readonly loopOf: Int32Array;
  /** For each arc the loop that it repeats, -1 for one that is no back arc. */
  readonly backOf: Int32Array;
}

/** Each level of nesting is a walk over all that is inside, so loops that are nested deeper than this are refused. */
export const deepestLoop = 50;

/** Arcs by the node that they start at, or end at: a counting sort. */
export function adjacency(nodeCount: number, ends: Int32Array): Adjacency {
  const from = new Int32Array(nodeCount + 1);
  for (const node of ends) add(from, node + 1, 1);
  for (let node = 0; node < nodeCount; node++) add(from, node + 1, from[node] as number);
  const next = from.slice(0, nodeCount);
  const arcs = new Int32Array(ends.length);
  for (let arc = 0; arc < ends.length; arc++) arcs[add(next, ends[arc] as number, 1) - 1] = arc;
  return { from, arcs };
}

/** Adds to a number of an array, and gives the sum. */
export function add(numbers: Int32Array, index: number, amount: number): number {
  const sum = (numbers[index] as number) + amount;
  numbers[index] = sum;
  return sum;
}

/**
 * @param starts - the nodes that a run starts in
 * @param fallbackOf - for each node the one that stands in for it, -1 for none: that goes through its loops with it
 * @returns `undefined` for loops that are nested deeper than `deepestLoop`
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
    // A part that nothing leads into is at fault elsewhere; it has a header all the same, so that this comes to an end.
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

/** Puts the fallbacks of nodes with them, and theirs. */
function addFallbacks(inside: Set<number>, nodes: number[], fallbackOf: Int32Array | undefined): void {
  // The list grows while it is walked.
  for (const node of fallbackOf === undefined ? [] : nodes) {
    const fallback = fallbackOf?.[node] ?? -1;
    if (fallback < 0 || inside.has(fallback)) continue;
    inside.add(fallback);
    nodes.push(fallback);
  }
}

/** The strongly connected parts: of several nodes, or of one that leads to itself. */
export function stronglyConnected(arcs: Arcs): number[][] {
  const out = adjacency(arcs.nodeCount, arcs.source);
  const search = new Search(arcs, out, new Int32Array(arcs.source.length).fill(-1));
  return search.connected(Array.from({ length: arcs.nodeCount }, (_, node) => node));
}

/** Whether a test holds for one of a node's arcs. */
export function some({ from, arcs }: Adjacency, node: number, test: (arc: number) => unknown): boolean {
  for (let at = from[node] as number; at < (from[node + 1] as number); at++) {
    if (test(arcs[at] as number)) return true;
  }
  return false;
}

/** Tarjan's search for strongly connected parts (1972), with a stack of its own: a chain may be any number of nodes long. */
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

  /** The parts of these nodes that are strongly connected without back arcs: of several nodes, or one that leads to itself. */
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
