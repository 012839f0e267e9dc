import { add } from './loops.js';
import { completed, failed, type Marks, open, pending, skipped } from './marks.js';
import type { Plan } from './plan.js';

/**
 * The arcs and nodes that are lost because of failures (see `verdictOf`). They are derived from the marks of a
 * position, and only positions whose plan has nodes that run after a failure keep track of them.
 *
 * The arcs out of a failed or lost node are lost. A node is lost if its join says so; a fallback is lost if the nodes
 * that might need it are lost. A loop with a failed or lost node is stuck: its iteration cannot end. The exits of a
 * stuck loop are lost, unless their source has yet to end in this iteration or is in an inner loop that goes on.
 */
export class Losses {
  readonly #arcs: Uint8Array;
  /** For each node, the number of lost arcs among those that its join waits for. */
  readonly #counts: Int32Array;
  /** For each node, 1 if it has failed or is lost. */
  readonly #nodes: Uint8Array;
  /** For each loop, 1 if it is stuck. */
  readonly #loops: Uint8Array;
  /** Failed and lost nodes whose arcs have yet to be lost. */
  readonly #toLose: number[] = [];
  /** Nodes that have settled, whose exits and fallbacks may be lost. */
  readonly #toCheck: number[] = [];

  constructor(
    private readonly plan: Plan,
    private readonly marks: Marks,
  ) {
    this.#arcs = new Uint8Array(plan.arcTarget.length);
    this.#counts = new Int32Array(plan.nodeCount);
    this.#nodes = new Uint8Array(plan.nodeCount);
    this.#loops = new Uint8Array(plan.loops.length);
  }

  /** Returns the number of lost arcs among those that the join of a node waits for. */
  countOf(node: number): number {
    return this.#counts[node] as number;
  }

  /** Derives the losses anew from the failed nodes. Call `spread` afterwards. */
  derive(): void {
    for (const marks of [this.#arcs, this.#counts, this.#nodes, this.#loops]) marks.fill(0);
    for (const [node, status] of this.marks.status.entries()) if (status === failed) this.lose(node);
  }

  /** Records that a node has failed or is lost. Call `spread` afterwards. */
  lose(node: number): void {
    if (this.#nodes[node] === 1) return;
    this.#nodes[node] = 1;
    this.#toLose.push(node);
  }

  /** Records that an arc was taken or refused after all. */
  regain(arc: number): void {
    if (this.#arcs[arc] === 0) return;
    this.#arcs[arc] = 0;
    add(this.#counts, this.plan.arcTarget[arc] as number, -1);
  }

  /** Records that a node has completed or was skipped. Call `spread` afterwards. */
  settled(node: number): void {
    const { loopOf, fallbackOf } = this.plan;
    if ((loopOf[node] as number) >= 0 || (fallbackOf[node] as number) >= 0) this.#toCheck.push(node);
  }

  /** Records that a loop has ended. Call `spread` afterwards. */
  ended(loop: number): void {
    const { nodes, parent } = this.plan.loops[loop] as Plan['loops'][number];
    if (this.#loops[parent] === 1) this.#toCheck.push(...nodes);
  }

  /**
   * Finds the losses that follow from one recorded change.
   *
   * @param consider - called with each node whose join has one more lost arc
   * @returns false if there was no change left
   */
  spread(consider: (node: number) => void): boolean {
    const lost = this.#toLose.pop();
    const settled = lost === undefined ? this.#toCheck.pop() : undefined;
    if (lost !== undefined) this.#loseAllOf(lost, consider);
    else if (settled !== undefined) this.#check(settled, consider);
    return (lost ?? settled) !== undefined;
  }

  #loseAllOf(node: number, consider: (node: number) => void): void {
    for (const arc of this.#arcsOf(node)) this.#loseArc(arc, consider);
    this.#checkFallback(this.plan.fallbackOf[node] as number);
    this.#stick(this.plan.loopOf[node] as number);
  }

  #check(node: number, consider: (node: number) => void): void {
    this.#checkFallback(this.plan.fallbackOf[node] as number);
    const status = this.marks.status[node];
    if (status !== completed && status !== skipped) return;
    const loop = this.#goingOnAround(node);
    if (this.#loops[loop] !== 1) return;
    for (const arc of this.#arcsOf(node)) if (leaves(this.plan, arc, loop)) this.#loseArc(arc, consider);
  }

  #loseArc(arc: number, consider: (node: number) => void): void {
    const isAwaited = (this.plan.backOf[arc] as number) < 0;
    if (!isAwaited || this.#arcs[arc] === 1 || this.marks.arcs[arc] !== open) return;
    const target = this.plan.arcTarget[arc] as number;
    this.#arcs[arc] = 1;
    add(this.#counts, target, 1);
    consider(target);
  }

  /** Loses a fallback that has not started if all nodes that it may replace have ended, and at least one is lost. */
  #checkFallback(fallback: number): void {
    if (fallback < 0 || this.marks.status[fallback] !== pending) return;
    const owners = this.plan.owners.get(fallback) as readonly number[];
    const { status } = this.marks;
    const isOver = (owner: number) => status[owner] === completed || status[owner] === skipped;
    if (owners.every((owner) => this.#nodes[owner] === 1 || isOver(owner)) && !owners.every(isOver)) {
      this.lose(fallback);
    }
  }

  #stick(loop: number): void {
    if (loop < 0 || this.#loops[loop] === 1) return;
    this.#loops[loop] = 1;
    const { nodes, parent } = this.plan.loops[loop] as Plan['loops'][number];
    this.#toCheck.push(...nodes);
    this.#stick(parent);
  }

  /** Returns the innermost loop around a node that has not ended, or -1. */
  #goingOnAround(node: number): number {
    const { loopOf, loops } = this.plan;
    let loop = loopOf[node] as number;
    while (loop >= 0 && this.marks.unsettled[loop] === 0) loop = loops[loop]?.parent as number;
    return loop;
  }

  *#arcsOf(node: number): Generator<number> {
    const { outFrom } = this.plan;
    for (let arc = outFrom[node] as number; arc < (outFrom[node + 1] as number); arc++) yield arc;
  }
}

/** Returns true if an arc leads out of a loop that contains its source. */
export function leaves({ exitOf, loops }: Plan, arc: number, loop: number): boolean {
  const outermost = loops[exitOf[arc] as number];
  return outermost !== undefined && (loops[loop] as Plan['loops'][number]).depth >= outermost.depth;
}
