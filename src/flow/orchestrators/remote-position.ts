import type { JoinStrategy } from '../blueprint.js';
import type { MaybePromise } from '../contracts.js';
import { runsAfterFailure, sawRefused, sawTaken, verdictOf } from '../plan/join.js';
import { leaves } from '../plan/losses.js';
import type { Plan } from '../plan/plan.js';
import { RemoteKeys } from './remote-keys.js';
import type { RunStore } from './run-store.js';
import { isSince, type Turns } from './turns.js';

/** Receives the findings of a position: nodes that are ready or skipped, and arcs that are taken. */
export interface RemoteEvents {
  /** Called when this job makes a node ready. */
  ready(node: number, keys: RemoteKeys): Promise<void>;
  skipped(nodeId: string): Promise<void>;
  /** Called when an arc is taken, except for a loop exit that an earlier iteration has already taken. */
  taken(arc: number): void;
}

/** The end of an arc: the arc was taken or refused, or a failure keeps it from being taken or refused. */
type ArcEnd = 'taken' | 'refused' | 'lost';

const seenOf: Readonly<Record<ArcEnd, number>> = { taken: sawTaken, refused: sawRefused, lost: 0 };

/**
 * The position of a run in its plan, kept in a store that several workers share. It follows the same rules as
 * `Position` does in memory.
 *
 * A worker may die between any two calls, and afterwards only its own job is delivered again. Every step can therefore
 * be repeated: a repeated job processes all consequences of its node again, does whatever is missing, and returns the
 * same answer.
 *
 * Each fact is recorded once, under a key that is called a guard. Counters (of the nodes that have arrived at a join,
 * or have settled in an iteration) are incremented on every delivery. They may be too high but are never too low, so a
 * job that finds a counter complete also checks the guards.
 *
 * A node that a job has made ready belongs to this job, which returns the node on every delivery.
 *
 * Losses (see `Losses`) are recorded only if a node of the plan runs after a failure. Two jobs may have to notice each
 * other: one that settles the source of an exit, and one whose failure makes the loop stuck. Each records its own fact
 * before it looks for the other one, so at least one of them loses the exit.
 */
export class RemotePosition {
  readonly keys: RemoteKeys;
  /** The nodes whose losses and the loops whose stops this job has processed, so that each is processed once. */
  readonly #lost = new Set<number>();
  readonly #stuck = new Set<number>();

  /**
   * @param turns - the iterations of the loops at the time of the job
   * @param job - the name of the job, the same for each delivery
   */
  constructor(
    private readonly plan: Plan,
    private readonly store: RunStore,
    turns: Turns,
    private readonly job: string,
    private readonly events: RemoteEvents,
  ) {
    this.keys = new RemoteKeys(plan, store, turns);
  }

  /** Records that a node has completed, or that its fallback has completed in its place. */
  async complete(node: number, arcs: ReadonlySet<number>): Promise<void> {
    const { outFrom, backOf, exitOf } = this.plan;
    for (let arc = outFrom[node] as number; arc < (outFrom[node + 1] as number); arc++) {
      const isTaken = arcs.has(arc);
      if ((backOf[arc] as number) >= 0) {
        if (isTaken) await this.#takeBack(arc);
      } else if ((exitOf[arc] as number) < 0 || (isTaken && (await this.#isFirstExit(arc)))) {
        await this.arrive(arc, isTaken ? 'taken' : 'refused');
      }
    }
    await this.#settle(node);
  }

  /**
   * Records that a node has failed and no fallback recovers it, or that a failure keeps the node from running. Nodes
   * that run after a failure may become ready.
   */
  async lose(node: number): Promise<void> {
    if (!this.plan.runsAfterFailure || this.#lost.has(node)) return;
    this.#lost.add(node);
    const { outFrom, fallbackOf, loopOf } = this.plan;
    for (let arc = outFrom[node] as number; arc < (outFrom[node + 1] as number); arc++) await this.#loseArc(arc);
    const fallback = fallbackOf[node] as number;
    if (fallback >= 0) {
      await this.store.set(await this.keys.own('settled', node), 'lost');
      await this.#settleOwner(fallback);
    }
    await this.#stick(loopOf[node] as number);
  }

  /** Records that a node has failed. Its fallback becomes ready. */
  async recover(node: number): Promise<void> {
    await this.store.set(await this.keys.own('recovering', node), 'yes');
    await this.#release(this.plan.fallbackOf[node] as number);
  }

  /** Returns the failed nodes that a completed fallback replaces. */
  async recovering(fallback: number): Promise<number[]> {
    const owners: number[] = [];
    for (const owner of this.plan.owners.get(fallback) ?? []) {
      if ((await this.store.get(await this.keys.own('recovering', owner))) !== undefined) owners.push(owner);
    }
    return owners;
  }

  async arrive(arc: number, end: ArcEnd): Promise<void> {
    const target = this.plan.arcTarget[arc] as number;
    const most = this.plan.awaited[target] as number;
    const isPlain = most === 1 && !runsAfterFailure(this.#joinOf(target));
    if (end === 'taken') this.events.taken(arc);
    if (!isPlain) await this.store.set(await this.keys.along('fanin', arc), end);
    // One arc may be enough, whatever the other arcs come to.
    if (await this.#join(target, most, [end])) return undefined;
    if ((await this.store.increment(await this.keys.entering('fanin', target))) < most) return undefined;
    const arrivals = await this.#all(this.keys.arcsInto(target, { back: false }), (one) =>
      this.keys.along('fanin', one),
    );
    if (!arrivals.includes(undefined)) await this.#join(target, most, arrivals as ArcEnd[]);
    return undefined;
  }

  /**
   * Applies the join strategy of a node to the ends of arcs into the node.
   *
   * @param most - the number of arcs that the join waits for
   * @returns false if more arcs must end first
   */
  async #join(node: number, most: number, ends: readonly ArcEnd[]): Promise<boolean> {
    const lost = ends.filter((end) => end === 'lost').length;
    const seen = ends.reduce((sum, end) => sum | seenOf[end], 0);
    const verdict = verdictOf(this.#joinOf(node), most - ends.length + lost, lost, seen);
    if (verdict === 'ready') await this.#release(node);
    else if (verdict === 'skipped') await this.#skip(node);
    else if (verdict === 'lost') await this.lose(node);
    return verdict !== undefined;
  }

  #joinOf(node: number): JoinStrategy {
    return this.plan.joinOf[node] as JoinStrategy;
  }

  /** Records that an arc is lost, unless it repeats a loop, or is an exit that an earlier iteration has taken. */
  async #loseArc(arc: number): Promise<void> {
    const { backOf, exitOf } = this.plan;
    if ((backOf[arc] as number) >= 0) return;
    const isExit = (exitOf[arc] as number) >= 0;
    if (isExit && (await this.store.get(await this.keys.along('exit', arc))) !== undefined) return;
    await this.arrive(arc, 'lost');
  }

  /** Records that the iteration of a loop cannot end. */
  async #stick(loop: number): Promise<void> {
    const planned = this.plan.loops[loop];
    if (planned === undefined || this.#stuck.has(loop)) return;
    this.#stuck.add(loop);
    await this.store.set(await this.keys.ofLoop('stuck', loop), 'yes');
    for (const node of planned.nodes) await this.#checkExits(node);
    await this.#stick(planned.parent);
  }

  /**
   * Loses the exits of a settled node out of the innermost loop around it that has not ended, if that loop is stuck. An
   * exit out of loops that have ended is refused.
   */
  async #checkExits(node: number): Promise<void> {
    const { loops, loopOf, exitOf, outFrom } = this.plan;
    const [from, end] = [outFrom[node] as number, outFrom[node + 1] as number];
    if (!this.plan.runsAfterFailure || exitOf.subarray(from, end).every((exit) => exit < 0)) return;
    if (!isOver(await this.store.get(await this.keys.own('settled', node)))) return;
    let loop = loopOf[node] as number;
    while (loop >= 0 && (await this.store.get(await this.keys.endOf(loop))) !== undefined) {
      loop = loops[loop]?.parent as number;
    }
    if (loop < 0 || (await this.store.get(await this.keys.ofLoop('stuck', loop))) === undefined) return;
    for (let arc = from; arc < end; arc++) if (leaves(this.plan, arc, loop)) await this.#loseArc(arc);
  }

  /** Records that a back arc was taken. The next iteration starts when the current iteration has ended. */
  async #takeBack(arc: number): Promise<void> {
    this.events.taken(arc);
    const turn = await this.keys.turns.of(this.plan.backOf[arc] as number);
    const from = await this.keys.turnOf(this.plan.arcSource[arc] as number);
    await this.store.set(this.keys.again(arc, turn), from);
  }

  /**
   * Returns true if the current iteration is the first to take an arc out of its loop; later iterations have no effect.
   * Repeated calls return the same answer.
   */
  async #isFirstExit(arc: number): Promise<boolean> {
    const turn = await this.keys.turnOf(this.plan.arcSource[arc] as number);
    return this.store.holds(await this.keys.along('exit', arc), turn);
  }

  /**
   * Makes a node ready, unless another job has already done so. No lock is needed for a node that is outside all loops,
   * has a single incoming arc, is not a fallback and does not run after a failure.
   */
  async #release(node: number): Promise<void> {
    const { awaited, loopOf, owners } = this.plan;
    const isShared = (awaited[node] as number) > 1 || runsAfterFailure(this.#joinOf(node));
    const isLocked = isShared || (loopOf[node] as number) >= 0 || owners.has(node);
    if (isLocked && !(await this.store.holds(await this.keys.entering('joinlock', node), this.job))) return;
    await this.events.ready(node, this.keys);
  }

  async #skip(node: number): Promise<void> {
    await this.events.skipped(this.plan.idOf(node));
    await this.complete(node, new Set());
  }

  async #settle(node: number): Promise<void> {
    const [fallback, loop] = [this.plan.fallbackOf[node] as number, this.plan.loopOf[node] as number];
    if (fallback < 0 && loop < 0) return;
    await this.store.set(await this.keys.own('settled', node), 'yes');
    if (fallback >= 0) await this.#settleOwner(fallback);
    if (loop >= 0) await this.#checkExits(node);
    await this.#settleIn(loop);
  }

  /** Skips a fallback if no node needs it. If a failure keeps a node that might need it from running, it is lost. */
  async #settleOwner(fallback: number): Promise<void> {
    const owners = this.plan.owners.get(fallback) as readonly number[];
    const settled = await this.store.increment(await this.keys.own('owners', fallback));
    if (settled < owners.length) return;
    const ends = await this.#all(owners, (owner) => this.keys.own('settled', owner));
    if (ends.includes(undefined)) return;
    if ((await this.store.get(await this.keys.entering('joinlock', fallback))) !== undefined) return;
    await (ends.every(isOver) ? this.#skip(fallback) : this.lose(fallback));
  }

  async #haveSettled(nodes: readonly number[]): Promise<boolean> {
    return (await this.#all(nodes, (node) => this.keys.own('settled', node))).every(isOver);
  }

  async #settleIn(loop: number): Promise<void> {
    const planned = this.plan.loops[loop];
    if (planned === undefined) return;
    const { loops, loopOf } = this.plan;
    if ((await this.store.increment(await this.keys.ofLoop('members', loop))) < planned.members) return;
    if (!(await this.#haveSettled(planned.nodes.filter((node) => loopOf[node] === loop)))) return;
    const inner = [...loops.keys()].filter((other) => loops[other]?.parent === loop);
    const ends = await this.#all(inner, (other) => this.keys.endOf(other));
    if (!ends.includes(undefined)) await this.#endTurn(loop);
  }

  async #endTurn(loop: number): Promise<void> {
    const { exits, headers, nodes, parent } = this.plan.loops[loop] as Plan['loops'][number];
    const again = await this.#headersAgain(loop);
    if (again.size > 0) return this.#repeat(loop, headers, again);
    for (const arc of exits) if ((this.plan.backOf[arc] as number) < 0) await this.#arriveRefused(arc);
    if (parent < 0) return undefined;
    await this.store.set(await this.keys.endOf(loop), 'yes');
    for (const node of this.plan.runsAfterFailure ? nodes : []) await this.#checkExits(node);
    return this.#settleIn(parent);
  }

  /** Returns the headers that the taken back arcs of the ended iteration lead to. */
  async #headersAgain(loop: number): Promise<Set<number>> {
    const { headers } = this.plan.loops[loop] as Plan['loops'][number];
    const turn = await this.keys.turns.of(loop);
    const arcs = headers.flatMap((header) => this.keys.arcsInto(header, { back: true }));
    const taken = await this.#all(arcs, (arc) => this.keys.again(arc, turn));
    return new Set(arcs.filter((_, at) => taken[at] !== undefined).map((arc) => this.plan.arcTarget[arc] as number));
  }

  /** Refuses an exit of a loop, unless an earlier iteration has taken it. */
  async #arriveRefused(arc: number): Promise<void> {
    const wasTaken = (await this.store.get(await this.keys.along('exit', arc))) !== undefined;
    if (!wasTaken) await this.arrive(arc, 'refused');
  }

  /**
   * Starts the next iteration of a loop. A new position handles the nodes of that iteration; this position stays in its
   * own iteration.
   */
  async #repeat(loop: number, headers: readonly number[], again: ReadonlySet<number>): Promise<void> {
    const turns = await this.keys.turns.repeated(loop);
    const next = new RemotePosition(this.plan, this.store, turns, this.job, this.events);
    for (const header of headers) {
      if (!again.has(header)) await next.#skip(header);
      else if (await this.store.holds(await next.keys.own('repeated', header), this.job)) {
        await this.events.ready(header, next.keys);
      }
    }
  }

  /** Reads several independent keys concurrently. */
  #all<One>(all: readonly One[], keyOf: (one: One) => MaybePromise<string>): Promise<(string | undefined)[]> {
    return Promise.all(all.map(async (one) => this.store.get(await keyOf(one))));
  }
}

/** Returns true if a node has completed or was skipped. */
function isOver(settled: string | undefined): boolean {
  return settled !== undefined && settled !== 'lost';
}

/** Returns true if a job of the node has started in the current iteration or a later one. */
export async function hasBegun(node: number, keys: RemoteKeys): Promise<boolean> {
  const { turn } = await lastVisit(node, keys);
  return turn !== undefined && isSince(turn, await keys.turnOf(node));
}

/** Returns the number of the last started visit of a node, or 0 if there is none, and the iteration of that visit. */
export async function lastVisit(node: number, keys: RemoteKeys): Promise<{ number: number; turn: string | undefined }> {
  const number = await keys.store.latest(keys.visits(node), (one) => keys.visit(node, one));
  return { number, turn: number === 0 ? undefined : await keys.store.get(keys.visit(node, number)) };
}
