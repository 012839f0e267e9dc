import type { MaybePromise } from '../contracts.js';
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
 */
export class RemotePosition {
  readonly keys: RemoteKeys;

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
        await this.arrive(arc, isTaken);
      }
    }
    await this.#settle(node);
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

  async arrive(arc: number, isTaken: boolean): Promise<void> {
    const { arcTarget, awaited, joinsAny } = this.plan;
    const target = arcTarget[arc] as number;
    const most = awaited[target] as number;
    if (isTaken) this.events.taken(arc);
    if (most === 1) return isTaken ? this.#release(target) : this.#skip(target);
    await this.store.set(await this.keys.along('fanin', arc), isTaken ? 'taken' : 'refused');
    if (isTaken && joinsAny[target] === 1) return this.#release(target);
    if ((await this.store.increment(await this.keys.entering('fanin', target))) < most) return undefined;
    const arrivals = await this.#all(this.keys.arcsInto(target, { back: false }), (one) =>
      this.keys.along('fanin', one),
    );
    if (arrivals.includes(undefined)) return undefined;
    if (!arrivals.includes('taken')) return this.#skip(target);
    return joinsAny[target] === 1 ? undefined : this.#release(target);
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
   * has a single incoming arc and is not a fallback.
   */
  async #release(node: number): Promise<void> {
    const { awaited, loopOf, owners } = this.plan;
    const isLocked = (awaited[node] as number) > 1 || (loopOf[node] as number) >= 0 || owners.has(node);
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
    await this.#settleIn(loop);
  }

  /** Skips a fallback if no node needs it. */
  async #settleOwner(fallback: number): Promise<void> {
    const owners = this.plan.owners.get(fallback) as readonly number[];
    const settled = await this.store.increment(await this.keys.own('owners', fallback));
    if (settled < owners.length || !(await this.#haveSettled(owners))) return;
    if ((await this.store.get(await this.keys.entering('joinlock', fallback))) === undefined)
      await this.#skip(fallback);
  }

  async #haveSettled(nodes: readonly number[]): Promise<boolean> {
    return !(await this.#all(nodes, (node) => this.keys.own('settled', node))).includes(undefined);
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
    const { exits, headers, parent } = this.plan.loops[loop] as Plan['loops'][number];
    const again = await this.#headersAgain(loop);
    if (again.size > 0) return this.#repeat(loop, headers, again);
    for (const arc of exits) if ((this.plan.backOf[arc] as number) < 0) await this.#arriveRefused(arc);
    if (parent < 0) return undefined;
    await this.store.set(await this.keys.endOf(loop), 'yes');
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
    if (!wasTaken) await this.arrive(arc, false);
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
