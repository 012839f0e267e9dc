import { cut } from '../../shared/text.js';
import type { EdgeDefinition, Graph, NodeDefinition } from '../blueprint.js';
import { BlueprintError, type Fault } from '../errors.js';
import { ShapeCheck } from './check.js';
import { connect, type Parts, soundPartOf } from './connect.js';
import { type Copied, copyOf, hasChanged, isFixed } from './fixed.js';
import { type Adjacency, add } from './loops.js';
import { type PlannedLoop, type Repetition, repetition } from './repetition.js';

/** An edge that is followed, and where it leads. */
export interface NextNode {
  readonly node: NodeDefinition;
  readonly edge: EdgeDefinition;
}

/** An edge as a plan knows it. */
export interface Outgoing extends NextNode {
  /** The arc that it is part of. */
  readonly arc: number;
}

/**
 * A blueprint, compiled: what all its runs share and none changes.
 *
 * Nodes are numbered in the order of the blueprint. All edges from one node to another are one arc; arcs are numbered by
 * source, so that those of node `v` are `outFrom[v]` up to, not including, `outFrom[v + 1]`.
 */
export class Plan {
  readonly id: string;
  readonly nodes: readonly NodeDefinition[];
  readonly starts: readonly number[];
  readonly arcSource: Int32Array;
  readonly arcTarget: Int32Array;
  readonly outFrom: Int32Array;
  readonly into: Adjacency;
  /** For each node, how many arcs its join waits for: all but back arcs. */
  readonly awaited: Int32Array;
  /** 1 for a node whose join strategy is `any`. */
  readonly joinsAny: Uint8Array;
  readonly hasJoinOfAny: boolean;
  /** The fallback of each node, -1 for none. */
  readonly fallbackOf: Int32Array;
  /** For each fallback, the nodes that it stands in for. */
  readonly owners: ReadonlyMap<number, readonly number[]>;
  readonly loops: readonly PlannedLoop[];
  /** The innermost loop of each node, -1 for none. */
  readonly loopOf: Int32Array;
  /** For each arc the loop that it repeats, -1 for none. */
  readonly backOf: Int32Array;
  /** For each arc the outermost loop that it leaves, -1 for none. */
  readonly exitOf: Int32Array;
  readonly nodeIds: ReadonlySet<string>;
  readonly fallbackIds: ReadonlySet<string>;
  readonly #index: ReadonlyMap<string, number>;
  readonly #edgesBySource: Adjacency;
  readonly #arcOfEdge: Int32Array;
  readonly #isPlain: Uint8Array;
  readonly #outgoing: (readonly Outgoing[] | undefined)[];
  #lastId = '';
  #lastIndex = -1;

  private constructor(
    /** What was compiled. It does not change. */
    readonly graph: Graph,
    parts: Parts,
    { starts, loopOf, backOf, exitOf, loops }: Repetition,
    /** What it was copied from; nothing for a blueprint that cannot change. */
    readonly copied: Copied | undefined,
  ) {
    this.id = graph.id;
    this.nodes = graph.nodes;
    this.#index = parts.index;
    this.nodeIds = new Set(parts.index.keys());
    this.fallbackOf = parts.fallbackOf;
    this.owners = parts.owners;
    this.fallbackIds = new Set([...parts.owners.keys()].map((node) => this.idOf(node)));
    this.arcSource = parts.arcSource;
    this.arcTarget = parts.arcTarget;
    this.outFrom = parts.outFrom;
    this.into = parts.into;
    this.#edgesBySource = parts.edgesBySource;
    this.#arcOfEdge = parts.arcOfEdge;
    this.#isPlain = parts.isPlain;
    this.#outgoing = new Array(graph.nodes.length);
    this.joinsAny = Uint8Array.from(graph.nodes, ({ config }) => (config?.joinStrategy === 'any' ? 1 : 0));
    this.hasJoinOfAny = this.joinsAny.includes(1);
    this.starts = starts;
    this.loopOf = loopOf;
    this.backOf = backOf;
    this.exitOf = exitOf;
    this.loops = loops;
    this.awaited = new Int32Array(graph.nodes.length);
    for (let arc = 0; arc < this.arcTarget.length; arc++) {
      if ((this.backOf[arc] as number) < 0) add(this.awaited, this.arcTarget[arc] as number, 1);
    }
  }

  /** The plan, or why there is none. */
  static compile(value: unknown): Plan | Uncompiled {
    const check = new ShapeCheck();
    const { faults } = check;
    const given = check.graph(value);
    const copied = faults.length > 0 ? undefined : copyOf(given);
    const graph = copied?.copy ?? given;
    const parts = connect(graph, faults);
    const sound = faults.length > 0 ? soundPartOf(graph) : graph;
    const found = repetition(sound, sound === graph ? parts : connect(sound, []), faults);
    return found === undefined || faults.length > 0
      ? new Uncompiled(faults, sound)
      : new Plan(graph, parts, found, isFixed(given) ? undefined : copied);
  }

  get nodeCount(): number {
    return this.nodes.length;
  }

  /** The number of a node, -1 for an id that is unknown. What is asked about a node is asked several times in a row. */
  indexOf(id: string): number {
    if (id === this.#lastId) return this.#lastIndex;
    const index = this.#index.get(id) ?? -1;
    this.#lastId = id;
    this.#lastIndex = index;
    return index;
  }

  idOf(node: number): string {
    return (this.nodes[node] as NodeDefinition).id;
  }

  /** Whether all edges of a node are followed whatever comes of it, and pass on its output. */
  isPlain(node: number): boolean {
    return this.#isPlain[node] === 1;
  }

  /** The edges that a node's completion chooses among, in the order of the blueprint. */
  outgoing(node: number): readonly Outgoing[] {
    this.#outgoing[node] ??= this.#collectOutgoing(node);
    return this.#outgoing[node] as readonly Outgoing[];
  }

  #collectOutgoing(node: number): Outgoing[] {
    const { from, arcs: edges } = this.#edgesBySource;
    const found: Outgoing[] = [];
    for (let at = from[node] as number; at < (from[node + 1] as number); at++) {
      const edge = this.graph.edges[edges[at] as number] as EdgeDefinition;
      const arc = this.#arcOfEdge[edges[at] as number] as number;
      found.push({ edge, arc, node: this.nodes[this.arcTarget[arc] as number] as NodeDefinition });
    }
    return found;
  }
}

/** A blueprint that has faults, and the part of it that has none of its own. */
export class Uncompiled {
  constructor(
    readonly faults: readonly Fault[],
    readonly sound: Graph,
  ) {}
}

const plans = new WeakMap<object, Plan>();

/**
 * The plan of a blueprint, or why there is none. It is made when there is none yet, and anew for a blueprint that has
 * changed: a run in progress keeps the plan that it began with. It looks at each part of a blueprint that may have changed,
 * so it is for the start of a run.
 */
export function compile(blueprint: unknown): Plan | Uncompiled {
  const known = plans.get(blueprint as object);
  if (known?.copied !== undefined && known.graph !== blueprint && hasChanged(known.copied)) {
    plans.delete(blueprint as object);
  }
  return compiled(blueprint);
}

/** Like `compile`, for what comes after the start of a run: it does not look for changes. */
export function compiled(blueprint: unknown): Plan | Uncompiled {
  const known = plans.get(blueprint as object);
  if (known !== undefined) return known;
  const made = Plan.compile(blueprint);
  if (made instanceof Plan) for (const key of [blueprint as object, made.graph]) plans.set(key, made);
  return made;
}

/**
 * The plan of a blueprint.
 *
 * @param find - Default: looks for changes
 * @throws {BlueprintError} that lists everything that is wrong with it
 */
export function planOf(blueprint: unknown, find: (blueprint: unknown) => Plan | Uncompiled = compile): Plan {
  const found = find(blueprint);
  if (found instanceof Plan) return found;
  throw new BlueprintError(nameOf(blueprint), found.faults);
}

/** The name of what may be a blueprint, for messages. */
export function nameOf(blueprint: unknown): string {
  const { id } = Object(blueprint) as { id?: unknown };
  return typeof id === 'string' ? cut(id, 100) : '?';
}
