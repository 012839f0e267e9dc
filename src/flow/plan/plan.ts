import { cut } from '../../shared/text.js';
import type { EdgeDefinition, Graph, JoinStrategy, NodeDefinition } from '../blueprint.js';
import { BlueprintError, type Fault } from '../errors.js';
import { ShapeCheck } from './check.js';
import { connect, type Parts, soundPartOf } from './connect.js';
import { type Copied, copyOf, hasChanged, isFixed } from './fixed.js';
import { asidesOf, checkJoins, joinOf, runsAfterFailure } from './join.js';
import { type Adjacency, add } from './loops.js';
import { type PlannedLoop, type Repetition, repetition } from './repetition.js';

/**
 * An edge to follow, and the node that the edge leads to. `services.determineNextNodes` returns such pairs for a
 * completed node, and `services.applyEdgeTransform` takes the edge and the node of one pair.
 */
export interface NextNode {
  /** The node that the edge leads to. */
  readonly node: NodeDefinition;
  /** The edge. */
  readonly edge: EdgeDefinition;
}

/** An edge of a plan. */
export interface Outgoing extends NextNode {
  /** The number of the arc that the edge belongs to. */
  readonly arc: number;
}

/**
 * A compiled blueprint. All runs of the blueprint share the plan, and no run changes it.
 *
 * Nodes are numbered in the order of the blueprint. All edges from one node to another form one arc. Arcs are numbered
 * by source: the arcs of node `v` are `outFrom[v]` up to, but not including, `outFrom[v + 1]`.
 */
export class Plan {
  readonly id: string;
  readonly nodes: readonly NodeDefinition[];
  readonly starts: readonly number[];
  readonly arcSource: Int32Array;
  readonly arcTarget: Int32Array;
  readonly outFrom: Int32Array;
  readonly into: Adjacency;
  /** For each node, the number of arcs that its join waits for: all arcs into the node except back arcs. */
  readonly awaited: Int32Array;
  /** The join strategy of each node. */
  readonly joinOf: readonly JoinStrategy[];
  readonly hasJoinOfAny: boolean;
  /** If true, a node runs after a failure: its join strategy is `settled` or `failed`. */
  readonly runsAfterFailure: boolean;
  /** For each node, 1 if the output of a run is the same with and without the node (see `asidesOf`), otherwise 0. */
  readonly isAside: Uint8Array;
  /** The fallback of each node; -1 if there is none. */
  readonly fallbackOf: Int32Array;
  /** For each fallback, its owners: the nodes that it replaces if they fail. */
  readonly owners: ReadonlyMap<number, readonly number[]>;
  readonly loops: readonly PlannedLoop[];
  /** The innermost loop of each node; -1 if there is none. */
  readonly loopOf: Int32Array;
  /** For each arc, the loop that the arc repeats; -1 if there is none. */
  readonly backOf: Int32Array;
  /** For each arc, the outermost loop that the arc leaves; -1 if there is none. */
  readonly exitOf: Int32Array;
  readonly fallbackIds: ReadonlySet<string>;
  readonly #index: ReadonlyMap<string, number>;
  readonly #edgesBySource: Adjacency;
  readonly #arcOfEdge: Int32Array;
  readonly #isPlain: Uint8Array;
  readonly #outgoing: (readonly Outgoing[] | undefined)[];
  #nodeIds: ReadonlySet<string> | undefined = undefined;
  #lastId = '';
  #lastIndex = -1;

  private constructor(
    /** The compiled graph, which never changes. */
    readonly graph: Graph,
    parts: Parts,
    { starts, loopOf, backOf, exitOf, loops }: Repetition,
    /** The blueprint that the graph was copied from; `undefined` if the blueprint cannot change. */
    readonly copied: Copied | undefined,
  ) {
    this.id = graph.id;
    this.nodes = graph.nodes;
    this.#index = parts.index;
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
    this.joinOf = graph.nodes.map(joinOf);
    this.hasJoinOfAny = this.joinOf.includes('any');
    this.runsAfterFailure = this.joinOf.some(runsAfterFailure);
    this.isAside = asidesOf(graph, parts);
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

  /** Compiles a blueprint. If the blueprint is faulty, returns its faults instead of a plan. */
  static compile(value: unknown): Plan | Uncompiled {
    const check = new ShapeCheck();
    const { faults } = check;
    const given = check.graph(value);
    const copied = faults.length > 0 ? undefined : copyOf(given);
    const graph = copied?.copy ?? given;
    const parts = connect(graph, faults);
    const sound = faults.length > 0 ? soundPartOf(graph) : graph;
    const found = repetition(sound, sound === graph ? parts : connect(sound, []), faults);
    if (found !== undefined && faults.length === 0) checkJoins(graph, parts, found.backOf, faults);
    return found === undefined || faults.length > 0
      ? new Uncompiled(faults, sound)
      : new Plan(graph, parts, found, isFixed(given) ? undefined : copied);
  }

  /** Created on first use, because most runs need only the numbers of the nodes. */
  get nodeIds(): ReadonlySet<string> {
    this.#nodeIds ??= new Set(this.#index.keys());
    return this.#nodeIds;
  }

  get nodeCount(): number {
    return this.nodes.length;
  }

  /**
   * Returns the number of a node, or -1 if the id is unknown. The last answer is remembered, because callers look up
   * the same node several times in a row.
   */
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

  /** Returns true if all edges of a node are always followed and pass on its output. */
  isPlain(node: number): boolean {
    return this.#isPlain[node] === 1;
  }

  /** Returns the edges that leave a node, in the order of the blueprint. */
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

/** The faults of a blueprint, and the part of the blueprint that is free of faults. */
export class Uncompiled {
  constructor(
    readonly faults: readonly Fault[],
    readonly sound: Graph,
  ) {}
}

const plans = new WeakMap<object, Plan>();

/**
 * Returns the plan of a blueprint, or the faults of the blueprint. The plan is cached and is compiled again if the
 * blueprint has changed; a run in progress keeps the plan that it started with. The search for changes examines every
 * part of the blueprint, so call this function only at the start of a run.
 */
export function compile(blueprint: unknown): Plan | Uncompiled {
  const known = plans.get(blueprint as object);
  if (known?.copied !== undefined && known.graph !== blueprint && hasChanged(known.copied)) {
    plans.delete(blueprint as object);
  }
  return compiled(blueprint);
}

/** Like `compile`, but without the search for changes. For use after the start of a run. */
export function compiled(blueprint: unknown): Plan | Uncompiled {
  const known = plans.get(blueprint as object);
  if (known !== undefined) return known;
  const made = Plan.compile(blueprint);
  if (made instanceof Plan) for (const key of [blueprint as object, made.graph]) plans.set(key, made);
  return made;
}

/**
 * Returns the plan of a blueprint.
 *
 * @param find - looks up or compiles the plan. Default: `compile`, which also detects changes to the blueprint
 * @throws {BlueprintError} if the blueprint is faulty; the error lists all faults
 */
export function planOf(blueprint: unknown, find: (blueprint: unknown) => Plan | Uncompiled = compile): Plan {
  const found = find(blueprint);
  if (found instanceof Plan) return found;
  throw new BlueprintError(nameOf(blueprint), found.faults);
}

/** Returns the id of a blueprint for messages, or `?` if the value has no id. */
export function nameOf(blueprint: unknown): string {
  const { id } = Object(blueprint) as { id?: unknown };
  return typeof id === 'string' ? cut(id, 100) : '?';
}
