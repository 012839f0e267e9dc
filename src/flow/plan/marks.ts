import { sawRefused, sawTaken } from './join.js';
import { add } from './loops.js';
import type { Plan } from './plan.js';

/** The status of a node in a run. */
export type NodeStatus =
  | 'pending'
  | 'ready'
  | 'running'
  | 'completed'
  | 'skipped'
  | 'failed'
  | 'recovering'
  | 'awaiting';

/** The statuses, indexed by the numbers that a position stores. */
export const statuses: readonly NodeStatus[] = [
  'pending',
  'ready',
  'running',
  'completed',
  'skipped',
  'failed',
  'recovering',
  'awaiting',
];
export const [pending, ready, running, completed, skipped, failed, recovering, awaiting] = [
  0, 1, 2, 3, 4, 5, 6, 7,
] as const;

/**
 * The states of an arc. `carried` is a back arc that was taken in the previous iteration and caused the current
 * iteration.
 */
export const [open, taken, refused, carried] = [0, 1, 2, 3] as const;

/**
 * A saved position: the status of each node and the state of each arc, as one digit each, and the number of visits of
 * each node.
 */
export interface SavedPosition {
  readonly nodes: string;
  readonly arcs: string;
  /** The number of visits of each node. Present only if the flow has loops. */
  readonly visits?: readonly number[] | undefined;
  /** The nodes that have become asides in the course of the run. Present only if there are any. */
  readonly asides?: readonly number[] | undefined;
}

/**
 * The state of a run as numbers. A position changes these numbers, and a checkpoint stores those that cannot be
 * derived.
 */
export class Marks {
  readonly status: Uint8Array;
  readonly arcs: Uint8Array;
  /** For each node, the number of open arcs among those that its join waits for. */
  readonly missing: Int32Array;
  /** For each node, how arcs that its join waits for have ended: a sum of `sawTaken` and `sawRefused`. */
  readonly seen: Uint8Array;
  /** The number of visits of each node; `undefined` if the flow has no loops. */
  readonly visits: Int32Array | undefined;
  /** For each loop, the number of members that have yet to settle in this iteration; 0 if the loop has ended. */
  readonly unsettled: Int32Array;
  /** For each fallback, the number of its owners (the nodes that it replaces on failure) that may still need it. */
  readonly owners = new Map<number, number>();
  /** The nodes that have become asides in the course of the run (see `superfluous`). */
  readonly asides = new Set<number>();

  constructor(private readonly plan: Plan) {
    const { nodeCount, arcTarget, loops, awaited } = plan;
    this.status = new Uint8Array(nodeCount);
    this.arcs = new Uint8Array(arcTarget.length);
    this.missing = awaited.slice();
    this.seen = new Uint8Array(nodeCount);
    this.visits = loops.length > 0 ? new Int32Array(nodeCount) : undefined;
    this.unsettled = Int32Array.from(loops, ({ members }) => members);
    for (const [fallback, owners] of plan.owners) this.owners.set(fallback, owners.length);
  }

  /** Makes a fallback pending again within the same visit. */
  standBy(node: number): void {
    this.status[node] = pending;
    if (this.visits !== undefined) add(this.visits, node, -1);
  }

  save(): SavedPosition {
    const { status, arcs, visits, asides } = this;
    const saved = { nodes: status.join(''), arcs: arcs.join(''), visits: visits && [...visits] };
    return asides.size === 0 ? saved : { ...saved, asides: [...asides] };
  }

  restore({ nodes, arcs, visits, asides = [] }: SavedPosition): void {
    for (let node = 0; node < nodes.length; node++) this.status[node] = Number(nodes[node]);
    for (let arc = 0; arc < arcs.length; arc++) this.arcs[arc] = Number(arcs[arc]);
    this.visits?.set(visits ?? []);
    this.asides.clear();
    for (const node of asides) this.asides.add(node);
    this.derive();
  }

  /** Recalculates the counts that can be derived from the states of nodes and arcs. */
  derive(): void {
    const { plan } = this;
    this.missing.set(plan.awaited);
    this.seen.fill(0);
    for (const [arc, state] of this.arcs.entries()) {
      if ((plan.backOf[arc] as number) >= 0 || state === open) continue;
      const target = plan.arcTarget[arc] as number;
      add(this.missing, target, -1);
      this.see(target, state === taken);
    }
    for (const [fallback, owners] of plan.owners) {
      this.owners.set(fallback, owners.filter((owner) => !this.#isSettled(owner)).length);
    }
    this.#deriveLoops();
  }

  /** Records that an arc into a node was taken or refused. */
  see(node: number, isTaken: boolean): void {
    this.seen[node] = (this.seen[node] as number) | (isTaken ? sawTaken : sawRefused);
  }

  #deriveLoops(): void {
    const { loops, loopOf } = this.plan;
    for (const [loop, { members }] of loops.entries()) this.unsettled[loop] = members;
    for (const [node, loop] of loopOf.entries()) if (loop >= 0 && this.#isSettled(node)) add(this.unsettled, loop, -1);
    // An inner loop has a higher number than the loop around it.
    for (let loop = loops.length - 1; loop >= 0; loop--) {
      const { parent } = loops[loop] as { parent: number };
      if (parent >= 0 && this.unsettled[loop] === 0) add(this.unsettled, parent, -1);
    }
  }

  #isSettled(node: number): boolean {
    return this.status[node] === completed || this.status[node] === skipped;
  }
}
