import type { JoinStrategy } from '../blueprint.js';
import { runsAfterFailure, verdictOf } from './join.js';
import { add, some } from './loops.js';
import { Losses } from './losses.js';
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
 * The position of a run in its plan: the status of every node and arc. A position does not execute nodes. Its methods
 * record how nodes ended, and the position derives which nodes are ready next.
 *
 *     pending ─► ready ─► running ─┬─► completed
 *        │                 ▲       ├─► awaiting ─► ready
 *        └─► skipped       └───────┼─► recovering ─► completed (its fallback has replaced it)
 *                                  └─► failed
 *     awaiting ─► skipped (the joins that it leads to have started without it)
 *
 * An arc is open until it is taken or refused. A node becomes ready, or is skipped, as its join strategy says (see
 * `verdictOf`); when it is skipped, its own arcs are refused. Recording the same end twice has no effect.
 *
 * The open arcs that a failure has lost are derived from the other marks (see `Losses`). A node that they keep from
 * running stays pending. It may run after all when the failed nodes have been tried again.
 *
 * A loop runs in iterations. An iteration ends when every node in the loop has completed or was skipped. If a back arc
 * was taken, all nodes of the loop become pending again, and the headers that taken back arcs lead to become ready. If
 * no back arc was taken, the loop has ended, and the exits that no iteration has taken are refused. A node that failed
 * or is waiting prevents its iteration from ending.
 */
export class Position {
  readonly #marks: Marks;
  /** The arcs and nodes that are lost; `undefined` if no node runs after a failure. */
  readonly #losses: Losses | undefined;
  readonly #consider = (node: number) => this.#join(node);
  #ready: number[] = [];
  /**
   * Nodes to skip after a change. `#carryOn` processes this list and `#ended` in a loop instead of recursively, because
   * a chain of skipped nodes may have any length.
   */
  readonly #toSkip: number[] = [];
  readonly #ended: number[] = [];
  /** Nodes that changed since the last search for unnecessary waits. */
  #changed: number[] = [];
  /**
   * If true, some waits may have become unnecessary: a node has waited, and the plan has a join with the strategy
   * `any`.
   */
  #mayLetGo = false;

  constructor(
    readonly plan: Plan,
    saved?: SavedPosition,
  ) {
    this.#marks = new Marks(plan);
    this.#losses = plan.runsAfterFailure ? new Losses(plan, this.#marks) : undefined;
    if (saved === undefined) for (const start of plan.starts) this.#makeReady(start);
    else this.#restore(saved);
  }

  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** Returns true if nodes are ready or running, or failed nodes wait for their fallbacks. */
  get hasWork(): boolean {
    return this.#marks.status.some((status) => status === ready || status === running || status === recovering);
  }

  /** Returns true if at least one node has failed and no fallback has replaced it. */
  get hasFailures(): boolean {
    return this.#marks.status.includes(failed);
  }

  /** Returns all ready nodes and changes their status to `running`. */
  take(): readonly number[] {
    const nodes = this.#ready;
    this.#ready = [];
    for (const node of nodes) this.#marks.status[node] = running;
    return nodes;
  }

  statusOf(node: number): NodeStatus {
    return statuses[this.#marks.status[node] as number] as NodeStatus;
  }

  /** Returns the ids of all nodes with the given status. */
  withStatus(status: NodeStatus): string[] {
    const wanted = statuses.indexOf(status);
    const found: string[] = [];
    const { status: statusOf } = this.#marks;
    for (let node = 0; node < statusOf.length; node++) if (statusOf[node] === wanted) found.push(this.plan.idOf(node));
    return found;
  }

  /** Returns true if every node that is not a fallback has completed or was skipped. */
  get isSettled(): boolean {
    const { status } = this.#marks;
    for (let node = 0; node < status.length; node++) {
      if (status[node] !== completed && status[node] !== skipped && !this.plan.owners.has(node)) return false;
    }
    return true;
  }

  isCompleted(nodeId: string): boolean {
    const node = this.plan.indexOf(nodeId);
    return node >= 0 && this.#marks.status[node] === completed;
  }

  hasFailed(nodeId: string): boolean {
    return this.#marks.status[this.plan.indexOf(nodeId)] === failed;
  }

  /** Returns true if the node may still be executed, for the first time or in a further iteration of its loop. */
  mayStart(node: number): boolean {
    const status = this.#marks.status[node];
    return status === pending || status === ready || status === running || this.mayRepeat(node);
  }

  /** Returns true if the node is in a loop that has not ended. */
  mayRepeat(node: number): boolean {
    let loop = this.plan.loopOf[node] as number;
    while (loop >= 0 && this.#marks.unsettled[loop] === 0) loop = this.plan.loops[loop]?.parent as number;
    return loop >= 0;
  }

  /** Returns the number of the node's current visit, counted from 1. */
  visitOf(node: number): number {
    return this.#marks.visits?.[node] ?? 1;
  }

  isTaken(arc: number): boolean {
    return this.#marks.arcs[arc] === taken;
  }

  /**
   * Returns true if an arc that leaves a loop was taken, in this iteration or an earlier one. The value that the arc
   * passed on is kept in this case.
   */
  isLeft(arc: number): boolean {
    return this.isTaken(arc) && (this.plan.exitOf[arc] as number) >= 0;
  }

  /** Like `isLeft`, for the arc of an edge. */
  hasLeft(followed: NextNode): boolean {
    const { arc = -1 } = followed as Partial<Outgoing>;
    return arc >= 0 && this.isLeft(arc);
  }

  isOpen(arc: number): boolean {
    return this.#marks.arcs[arc] === open;
  }

  /**
   * Returns the arcs that made a node ready: in a repeated iteration of its loop, the back arcs; otherwise, the arcs
   * that its join has taken.
   */
  arrivals(node: number): number[] {
    const { into, backOf, loops } = this.plan;
    const { arcs } = this.#marks;
    const again: number[] = [];
    const first: number[] = [];
    for (let at = into.from[node] as number; at < (into.from[node + 1] as number); at++) {
      const arc = into.arcs[at] as number;
      if (arcs[arc] === carried) again.push(arc);
      else if (arcs[arc] === taken && (loops.length === 0 || (backOf[arc] as number) < 0)) first.push(arc);
    }
    return again.length > 0 ? again : first;
  }

  /**
   * Records that a node has completed, either by itself or through its fallback.
   *
   * @param arcs - the arcs of the node that are taken. Default: all of them
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
   * Records that a node has failed. If the node has a fallback, its status becomes `recovering`, and the fallback
   * becomes ready unless it has already started. Without a fallback, the status becomes `failed`. If the failed node is
   * itself a fallback, the nodes that it was to replace also become `failed`. Nodes that run after a failure may become
   * ready.
   *
   * @param isLost - if true, the fallback is not used, so the status becomes `failed` in any case
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
      this.#losses?.lose(lost[at] as number);
    }
    this.#carryOn();
  }

  /** Returns the recovering nodes that a fallback has to replace. */
  recovered(fallback: number): number[] {
    const owners = this.plan.owners.get(fallback) ?? [];
    return owners.filter((owner) => this.#marks.status[owner] === recovering);
  }

  /** Records that a node is waiting for an event or for a point in time. */
  await(node: number): void {
    this.#marks.status[node] = awaiting;
    this.#mayLetGo = this.plan.hasJoinOfAny;
    this.#note(node);
  }

  /**
   * Returns true if the output of the run is the same with and without the node: an aside of the plan, or a node that
   * only asides still need.
   */
  isAside(node: number): boolean {
    return this.plan.isAside[node] === 1 || this.#marks.asides.has(node);
  }

  /**
   * Returns true if a node was skipped by its join, and not because it waited for something that nothing needed. The
   * join of a header decides in the first iteration of the loop.
   */
  isRefused(node: number): boolean {
    if (this.#marks.status[node] !== skipped) return false;
    return this.#isRepeatedHeader(node) ? this.visitOf(node) === 0 : this.#verdictOf(node) === 'skipped';
  }

  /**
   * Skips waiting nodes that lead only to joins that have started without them, and the pending nodes in between.
   *
   * @returns the skipped nodes that were waiting
   */
  letGo(): readonly number[] {
    if (this.#changed.length === 0) return none;
    const released: number[] = [];
    while (this.#changed.length > 0) {
      const changed = this.#changed;
      this.#changed = [];
      const { unneeded, asides } = superfluous(this.plan, this.#marks, changed);
      for (const node of asides) this.#marks.asides.add(node);
      for (const node of unneeded) {
        if (this.#marks.status[node] === awaiting) released.push(node);
        this.#marks.status[node] = pending;
        this.#toSkip.push(node);
      }
      this.#carryOn();
    }
    return released;
  }

  /** Makes a node ready again, because its event has arrived or because it is to be executed again. */
  retry(node: number): void {
    this.#marks.status[node] = ready;
    this.#ready.push(node);
  }

  /** Marks nodes as completed although their ends were not recorded. All their open arcs are treated as taken. */
  adopt(nodes: Iterable<number>): void {
    for (const node of nodes) {
      if (this.#marks.status[node] === completed) continue;
      this.#marks.status[node] = completed;
      for (let arc = this.#first(node); arc < this.#end(node); arc++)
        if (this.isOpen(arc)) this.#marks.arcs[arc] = taken;
    }
    this.#ready = this.#ready.filter((node) => this.#marks.status[node] === ready);
    this.#marks.derive();
    this.#losses?.derive();
    this.#carryOn();
  }

  /** Replaces the set of ready nodes. Completed and skipped nodes, and fallbacks that no node needs, are left out. */
  setReady(nodes: Iterable<number>): void {
    for (const node of this.#ready) this.#marks.status[node] = pending;
    this.#ready = [];
    for (const node of nodes) {
      const unneeded = this.plan.owners.has(node) && this.recovered(node).length === 0;
      if (this.#marks.status[node] !== completed && this.#marks.status[node] !== skipped && !unneeded) this.retry(node);
    }
  }

  /** Makes all nodes ready whose joins allow it. Used for a run of which only the completed nodes are known. */
  readyWhatFollows(): void {
    const { owners, awaited } = this.plan;
    for (const [node, status] of this.#marks.status.entries()) {
      if (status !== pending || owners.has(node)) continue;
      if (awaited[node] === 0) this.#makeReady(node);
      else this.#join(node);
    }
    this.#carryOn();
  }

  /** Replaces this position with a saved position of the same plan. */
  moveTo(saved: SavedPosition): void {
    this.#ready = [];
    this.#restore(saved);
  }

  /**
   * Makes the failed nodes ready again, and their failed fallbacks available again. Nodes that were to run after these
   * failures and have not ended become pending, because they now wait for the failed nodes again.
   *
   * @returns the ids of the failed nodes
   */
  retryFailed(): string[] {
    const nodes = this.withStatus('failed').map((id) => this.plan.indexOf(id));
    for (const node of nodes) {
      if (this.plan.owners.has(node)) this.#marks.standBy(node);
      else this.retry(node);
    }
    if (nodes.length > 0) this.#waitAgain();
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
    this.#losses?.derive();
    this.#carryOn();
  }

  /** Makes nodes pending that were to run after failures which have been taken back, and have not completed. */
  #waitAgain(): void {
    if (this.#losses === undefined) return;
    this.#losses.derive();
    const { status } = this.#marks;
    for (const [node, join] of this.plan.joinOf.entries()) {
      const hasBegun = status[node] === ready || status[node] === running || status[node] === failed;
      if (!hasBegun || !runsAfterFailure(join) || this.#isAgain(node)) continue;
      if (this.#verdictOf(node) !== 'ready') this.#marks.standBy(node);
    }
    this.#ready = this.#ready.filter((node) => status[node] === ready);
    for (const [node, join] of this.plan.joinOf.entries()) if (runsAfterFailure(join)) this.#join(node);
    this.#carryOn();
  }

  /** Returns true if a back arc has led to the node in this iteration. */
  #isAgain(node: number): boolean {
    return some(this.plan.into, node, (arc) => this.#marks.arcs[arc] === carried);
  }

  /** Returns true if the node is a header of a loop in a repeated iteration. */
  #isRepeatedHeader(node: number): boolean {
    const { loops, loopOf } = this.plan;
    for (let loop = loopOf[node] as number; loop >= 0; loop = loops[loop]?.parent as number) {
      const { headers } = loops[loop] as Plan['loops'][number];
      if (!headers.includes(node)) return false;
      if (headers.some((header) => this.#isCarriedOn(header, loop))) return true;
    }
    return false;
  }

  /** Returns true if a back arc of the loop has made its header ready in this iteration. */
  #isCarriedOn(header: number, loop: number): boolean {
    const { into, backOf } = this.plan;
    return some(into, header, (arc) => backOf[arc] === loop && this.#marks.arcs[arc] === carried);
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
      this.#arrive(arc, true);
    }
  }

  #refuse(arc: number): void {
    if (this.#marks.arcs[arc] !== open) return;
    this.#marks.arcs[arc] = refused;
    this.#note(this.plan.arcTarget[arc] as number);
    this.#arrive(arc, false);
  }

  /**
   * Refuses the arcs of a node that are not taken. Back arcs stay open until the iteration ends, and exits of a loop
   * stay open until the loop ends.
   */
  #refuseRest(node: number): void {
    const { backOf, exitOf } = this.plan;
    for (let arc = this.#first(node); arc < this.#end(node); arc++) {
      if ((backOf[arc] as number) < 0 && (exitOf[arc] as number) < 0) this.#refuse(arc);
    }
  }

  #arrive(arc: number, isTaken: boolean): void {
    const node = this.plan.arcTarget[arc] as number;
    add(this.#marks.missing, node, -1);
    this.#marks.see(node, isTaken);
    this.#losses?.regain(arc);
    this.#join(node);
  }

  /** Applies the join strategy of a node, unless the node has become ready or was skipped before. */
  #join(node: number): void {
    if (this.#marks.status[node] !== pending) return;
    const verdict = this.#verdictOf(node);
    if (verdict === 'ready') this.#makeReady(node);
    else if (verdict === 'skipped') this.#toSkip.push(node);
    else if (verdict === 'lost') this.#losses?.lose(node);
  }

  #verdictOf(node: number) {
    const { missing, seen } = this.#marks;
    const lost = this.#losses?.countOf(node) ?? 0;
    return verdictOf(this.plan.joinOf[node] as JoinStrategy, missing[node] as number, lost, seen[node] as number);
  }

  #settle(node: number): void {
    const fallback = this.plan.fallbackOf[node] as number;
    if (fallback >= 0) {
      const left = (this.#marks.owners.get(fallback) as number) - 1;
      this.#marks.owners.set(fallback, left);
      if (left === 0) this.#toSkip.push(fallback);
    }
    this.#losses?.settled(node);
    this.#settleIn(this.plan.loopOf[node] as number);
  }

  #settleIn(loop: number): void {
    if (loop >= 0 && add(this.#marks.unsettled, loop, -1) === 0) this.#ended.push(loop);
  }

  #carryOn(): void {
    do {
      while (this.#toSkip.length + this.#ended.length > 0) {
        const node = this.#toSkip.pop();
        if (node === undefined) this.#endTurn(this.#ended.pop() as number);
        else if (this.#marks.status[node] === pending) this.#skip(node);
      }
    } while (this.#losses?.spread(this.#consider));
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
    // An exit that repeats an outer loop is a back arc of that loop. Joins do not wait for back arcs, so such an exit
    // is not refused.
    for (const arc of exits) if ((backOf[arc] as number) < 0) this.#refuse(arc);
    this.#losses?.ended(loop);
    this.#settleIn(parent);
  }

  #repeat(loop: number): void {
    const { headers, nodes, depth } = this.plan.loops[loop] as Plan['loops'][number];
    const { loops, loopOf, backOf, exitOf, owners, awaited } = this.plan;
    for (const node of nodes) {
      this.#marks.status[node] = pending;
      this.#marks.asides.delete(node);
      this.#marks.missing[node] = awaited[node] as number;
      this.#marks.seen[node] = 0;
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
      if (this.#isCarriedOn(header, loop)) this.#makeReady(header);
      else this.#toSkip.push(header);
    }
  }
}
