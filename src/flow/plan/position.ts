import { add, some } from './loops.js';
import {
  awaiting,
  carried,
  completed,
  failed,
  Marks,
  type NodeStatus,
  open,
  pending,
  ready,
  recovering,
  refused,
  running,
  type SavedPosition,
  skipped,
  statuses,
  taken,
} from './marks.js';
import type { NextNode, Outgoing, Plan } from './plan.js';
import { superfluous } from './superfluous.js';

const none: readonly number[] = [];

/**
 * Where a run is in its plan. It knows nothing of what nodes do; it is told how they ended, and says which are ready.
 *
 *     pending ─► ready ─► running ─┬─► completed
 *        │                 ▲       ├─► awaiting ─► ready
 *        └─► skipped       └───────┼─► recovering ─► completed (its fallback stands in for it)
 *                                  └─► failed
 *     awaiting ─► skipped (the joins that it leads to run without it)
 *
 * An arc is open until it is taken or refused. A node is ready by its join strategy once arcs are taken, and is skipped
 * when all its arcs are refused; then its own arcs are refused. The same told twice changes nothing.
 *
 * A loop goes by turns. A turn has ended when everything in the loop is completed or skipped. If a back arc was taken,
 * all that is inside becomes pending again and the headers that such arcs lead to are ready; if none was, the loop has
 * ended, and its exits that no turn has taken are refused. (A node that fails or waits keeps its turn from ending.)
 */
export class Position {
  readonly #marks: Marks;
  #ready: number[] = [];
  /** Work that a change brings about, done in a loop and not by recursion: a chain of skips may be any number long. */
  readonly #toSkip: number[] = [];
  readonly #ended: number[] = [];
  /** Where something may wait that nobody needs any more: what has changed since that was looked at. */
  #changed: number[] = [];
  /** Whether anything has waited in a plan in which such a wait may become needless. */
  #mayLetGo = false;

  constructor(
    readonly plan: Plan,
    saved?: SavedPosition,
  ) {
    this.#marks = new Marks(plan);
    if (saved === undefined) for (const start of plan.starts) this.#makeReady(start);
    else this.#restore(saved);
  }

  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** Takes all nodes that are ready; they are running from now on. */
  take(): readonly number[] {
    const nodes = this.#ready;
    this.#ready = [];
    for (const node of nodes) this.#marks.status[node] = running;
    return nodes;
  }

  statusOf(node: number): NodeStatus {
    return statuses[this.#marks.status[node] as number] as NodeStatus;
  }

  /** The ids of all nodes that stand so. */
  *withStatus(status: NodeStatus): Generator<string> {
    const wanted = statuses.indexOf(status);
    for (const [node, found] of this.#marks.status.entries()) if (found === wanted) yield this.plan.idOf(node);
  }

  isCompleted(nodeId: string): boolean {
    const node = this.plan.indexOf(nodeId);
    return node >= 0 && this.#marks.status[node] === completed;
  }

  hasFailed(nodeId: string): boolean {
    return this.#marks.status[this.plan.indexOf(nodeId)] === failed;
  }

  /** Number of the visit that a node is in, from 1. */
  visitOf(node: number): number {
    return this.#marks.visits?.[node] ?? 1;
  }

  isTaken(arc: number): boolean {
    return this.#marks.arcs[arc] === taken;
  }

  /** Whether a loop was left by an arc in this turn or an earlier one: what it passed on then stays so. */
  isLeft(arc: number): boolean {
    return this.isTaken(arc) && (this.plan.exitOf[arc] as number) >= 0;
  }

  /** The same, of the arc that an edge is part of. */
  hasLeft(followed: NextNode): boolean {
    const { arc = -1 } = followed as Partial<Outgoing>;
    return arc >= 0 && this.isLeft(arc);
  }

  isOpen(arc: number): boolean {
    return this.#marks.arcs[arc] === open;
  }

  /** The arcs that have brought a node about: in a later turn of its loop the back arcs, else those that its join took. */
  arrivals(node: number): number[] {
    const { into } = this.plan;
    const arcs = into.arcs.subarray(into.from[node], into.from[node + 1]);
    const again = [...arcs.filter((arc) => this.#marks.arcs[arc] === carried)];
    if (again.length > 0) return again;
    return [...arcs.filter((arc) => this.#marks.arcs[arc] === taken && (this.plan.backOf[arc] as number) < 0)];
  }

  /**
   * A node has completed, or its fallback has done so for it.
   *
   * @param arcs - those of its arcs that are taken; without, all are
   */
  complete(node: number, arcs?: readonly number[]): void {
    if (this.#marks.status[node] === completed) return;
    this.#marks.status[node] = completed;
    if (arcs === undefined) for (let arc = this.#first(node); arc < this.#end(node); arc++) this.#takeArc(arc);
    else {
      for (const arc of arcs) this.#takeArc(arc);
      this.#refuseRest(node);
    }
    this.#settle(node);
    this.#carryOn();
  }

  /**
   * A node has failed. With a fallback (that is not what it was lost by) it is recovering, and the fallback ready unless it has run already; without one
   * it is failed, and so are the nodes that it was to stand in for.
   */
  fail(node: number, { isLost = false } = {}): void {
    const fallback = this.plan.fallbackOf[node] as number;
    if (!isLost && fallback >= 0 && this.#marks.status[fallback] !== failed) {
      this.#marks.status[node] = recovering;
      if (this.#marks.status[fallback] === pending) this.#makeReady(fallback);
      return;
    }
    const lost = [node];
    for (let at = 0; at < lost.length; at++) {
      lost.push(...this.recovered(lost[at] as number));
      this.#marks.status[lost[at] as number] = failed;
    }
  }

  /** The nodes that a fallback has to stand in for. */
  recovered(fallback: number): number[] {
    const owners = this.plan.owners.get(fallback) ?? [];
    return owners.filter((owner) => this.#marks.status[owner] === recovering);
  }

  /** A node waits for something outside. */
  await(node: number): void {
    this.#marks.status[node] = awaiting;
    this.#mayLetGo = this.plan.hasJoinOfAny;
    this.#note(node);
  }

  /** Skips what waits for joins alone that run without it. @returns the nodes that wait no more */
  letGo(): readonly number[] {
    if (this.#changed.length === 0) return none;
    const released: number[] = [];
    while (this.#changed.length > 0) {
      const changed = this.#changed;
      this.#changed = [];
      for (const node of superfluous(this.plan, this.#marks, changed)) {
        this.#marks.status[node] = pending;
        this.#toSkip.push(node);
        released.push(node);
      }
      this.#carryOn();
    }
    return released;
  }

  /** What a node waited for has come, or it is to be tried again. */
  retry(node: number): void {
    this.#marks.status[node] = ready;
    this.#ready.push(node);
  }

  /** Takes nodes for completed that it was not told of: all their arcs that are open count as taken. */
  adopt(nodes: Iterable<number>): void {
    for (const node of nodes) {
      if (this.#marks.status[node] === completed) continue;
      this.#marks.status[node] = completed;
      for (let arc = this.#first(node); arc < this.#end(node); arc++)
        if (this.isOpen(arc)) this.#marks.arcs[arc] = taken;
    }
    this.#ready = this.#ready.filter((node) => this.#marks.status[node] === ready);
    this.#marks.derive();
  }

  /** Sets what is ready. What was decided holds: nothing that is completed or skipped, and no fallback that nobody needs. */
  setReady(nodes: Iterable<number>): void {
    for (const node of this.#ready) this.#marks.status[node] = pending;
    this.#ready = [];
    for (const node of nodes) {
      const unneeded = this.plan.owners.has(node) && this.recovered(node).length === 0;
      if (this.#marks.status[node] !== completed && this.#marks.status[node] !== skipped && !unneeded) this.retry(node);
    }
  }

  /** Makes ready what the joins allow: for a run of which it is known what has completed, and nothing else. */
  readyWhatFollows(): void {
    const { owners, awaited, joinsAny } = this.plan;
    for (const [node, status] of this.#marks.status.entries()) {
      if (status !== pending || owners.has(node)) continue;
      const isJoined = this.#marks.reached[node] === 1 && (this.#marks.missing[node] === 0 || joinsAny[node] === 1);
      if (isJoined || awaited[node] === 0) this.#makeReady(node);
    }
  }

  /** Goes to where another run of the plan was. */
  moveTo(saved: SavedPosition): void {
    this.#ready = [];
    this.#restore(saved);
  }

  /** Has the nodes that failed tried again; their fallbacks stand by again. */
  retryFailed(): string[] {
    const nodes = [...this.withStatus('failed')].map((id) => this.plan.indexOf(id));
    for (const node of nodes) {
      if (this.plan.owners.has(node)) this.#marks.standBy(node);
      else this.retry(node);
    }
    return nodes.map((node) => this.plan.idOf(node));
  }

  save(): SavedPosition {
    return this.#marks.save();
  }

  #restore(saved: SavedPosition): void {
    this.#marks.restore(saved);
    for (const [node, status] of this.#marks.status.entries()) {
      if (status === ready || status === running) this.retry(node);
      else if (status === awaiting) this.await(node);
    }
  }

  #note(node: number): void {
    if (this.#mayLetGo) this.#changed.push(node);
  }

  #first(node: number): number {
    return this.plan.outFrom[node] as number;
  }

  #end(node: number): number {
    return this.plan.outFrom[node + 1] as number;
  }

  #makeReady(node: number): void {
    if (this.#marks.visits !== undefined) add(this.#marks.visits, node, 1);
    this.retry(node);
    this.#note(node);
  }

  #takeArc(arc: number): void {
    if ((this.plan.backOf[arc] as number) >= 0) {
      this.#marks.arcs[arc] = taken;
    } else if (this.#marks.arcs[arc] === open) {
      this.#marks.arcs[arc] = taken;
      this.#marks.reached[this.plan.arcTarget[arc] as number] = 1;
      this.#arrive(this.plan.arcTarget[arc] as number);
    }
  }

  #refuse(arc: number): void {
    if (this.#marks.arcs[arc] !== open) return;
    this.#marks.arcs[arc] = refused;
    this.#note(this.plan.arcTarget[arc] as number);
    this.#arrive(this.plan.arcTarget[arc] as number);
  }

  /** Refuses what has not been taken, but for what is decided when a turn or a loop has ended. */
  #refuseRest(node: number): void {
    const { backOf, exitOf } = this.plan;
    for (let arc = this.#first(node); arc < this.#end(node); arc++) {
      if ((backOf[arc] as number) < 0 && (exitOf[arc] as number) < 0) this.#refuse(arc);
    }
  }

  #arrive(node: number): void {
    const missing = add(this.#marks.missing, node, -1);
    if (this.#marks.status[node] !== pending) return;
    const reached = this.#marks.reached[node] === 1;
    if (reached && (missing === 0 || this.plan.joinsAny[node] === 1)) this.#makeReady(node);
    else if (missing === 0) this.#toSkip.push(node);
  }

  #settle(node: number): void {
    const fallback = this.plan.fallbackOf[node] as number;
    if (fallback >= 0) {
      const left = (this.#marks.owners.get(fallback) as number) - 1;
      this.#marks.owners.set(fallback, left);
      if (left === 0) this.#toSkip.push(fallback);
    }
    this.#settleIn(this.plan.loopOf[node] as number);
  }

  #settleIn(loop: number): void {
    if (loop >= 0 && add(this.#marks.unsettled, loop, -1) === 0) this.#ended.push(loop);
  }

  #carryOn(): void {
    while (this.#toSkip.length + this.#ended.length > 0) {
      const node = this.#toSkip.pop();
      if (node === undefined) this.#endTurn(this.#ended.pop() as number);
      else if (this.#marks.status[node] === pending) this.#skip(node);
    }
  }

  #skip(node: number): void {
    this.#marks.status[node] = skipped;
    this.#refuseRest(node);
    this.#settle(node);
  }

  #endTurn(loop: number): void {
    const { headers, exits, parent } = this.plan.loops[loop] as Plan['loops'][number];
    const { into, backOf } = this.plan;
    const repeats = headers.some((header) => some(into, header, (arc) => backOf[arc] === loop && this.isTaken(arc)));
    if (repeats) {
      this.#repeat(loop);
      return;
    }
    // One that repeats a loop around this one does not count for that loop's join.
    for (const arc of exits) if ((backOf[arc] as number) < 0) this.#refuse(arc);
    this.#settleIn(parent);
  }

  #repeat(loop: number): void {
    const { headers, nodes, depth } = this.plan.loops[loop] as Plan['loops'][number];
    const { loops, loopOf, backOf, exitOf, owners, awaited } = this.plan;
    for (const node of nodes) {
      this.#marks.status[node] = pending;
      this.#marks.missing[node] = awaited[node] as number;
      this.#marks.reached[node] = 0;
      if (owners.has(node)) this.#marks.owners.set(node, (owners.get(node) as readonly number[]).length);
      for (let arc = this.#first(node); arc < this.#end(node); arc++) {
        const staysInside = (loops[exitOf[arc] as number]?.depth ?? Infinity) > depth;
        if (staysInside) this.#marks.arcs[arc] = backOf[arc] === loop && this.isTaken(arc) ? carried : open;
      }
      for (let inner = loopOf[node] as number; inner !== loop; inner = loops[inner]?.parent as number) {
        this.#marks.unsettled[inner] = loops[inner]?.members as number;
      }
    }
    this.#marks.unsettled[loop] = loops[loop]?.members as number;
    for (const header of headers) {
      const again = some(this.plan.into, header, (arc) => backOf[arc] === loop && this.#marks.arcs[arc] === carried);
      if (again) this.#makeReady(header);
      else this.#toSkip.push(header);
    }
  }
}
