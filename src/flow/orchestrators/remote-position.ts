import type { ICoordinationStore } from '../contracts.js';
import type { Plan } from '../plan/plan.js';

/** How long keys live, in seconds: as long as a run may stand between two arrivals at a join. */
const timeToLive = 3_600;

/** Kinds of keys that are about how a node is entered. */
const entering: ReadonlySet<string> = new Set(['fanin', 'reached', 'joinlock', 'exit']);

/** What a position tells of: nodes that are ready, and nodes that are skipped. */
export interface RemoteEvents {
  ready(nodeId: string): void;
  skipped(nodeId: string): Promise<void>;
  /** An arc counts as taken, or as not taken. */
  arrived(arc: number, isTaken: boolean): void;
}

/**
 * Where a run is in its plan, in a store that several workers share: what `Position` is in memory, by the same rules.
 *
 * Each predecessor arrives at a join once, whether its edge was taken or not: a key of its own guards the arrival, so
 * that a job which is delivered twice changes nothing, and gets the same answer. The last to arrive releases the join;
 * where no edge was taken, it skips it, and arrives for it at what follows.
 *
 *     <prefix>:fanin:<run>:<node>            how many have arrived
 *     <prefix>:fanin:<run>:<node>:<source>   who has, and whether its edge was taken
 *     <prefix>:joinlock:<run>:<node>         who has released it
 *
 * Keys of nodes in a loop end in the number of its turn: a join works anew at each.
 */
export class RemotePosition {
  constructor(
    private readonly plan: Plan,
    private readonly store: ICoordinationStore,
    private readonly prefix: string,
    private readonly runId: string,
    private readonly events: RemoteEvents,
  ) {}

  /** A node has completed, or its fallback has for it. */
  async complete(node: number, arcs: ReadonlySet<number>): Promise<void> {
    const { outFrom, backOf, exitOf, arcTarget } = this.plan;
    for (let arc = outFrom[node] as number; arc < (outFrom[node + 1] as number); arc++) {
      const isTaken = arcs.has(arc);
      if ((backOf[arc] as number) >= 0) {
        if (!isTaken) continue;
        this.events.arrived(arc, true);
        await this.#set('again', arcTarget[arc] as number, String(node));
      } else if ((exitOf[arc] as number) < 0 || (isTaken && (await this.#isFirstExit(arc)))) {
        await this.#arrive(arc, isTaken);
      }
    }
    await this.#settle(node);
  }

  /** Number of the visit that a node is in, from 1: one for each turn of its loop in which it is executed. */
  async visitOf(node: number): Promise<number> {
    if ((this.plan.loopOf[node] as number) < 0) return 1;
    const known = await this.#get('visit', node);
    if (known !== undefined) return Number(known);
    const visit = await this.store.increment(this.#key('visits', partOf(this.plan.idOf(node)), ''), timeToLive);
    await this.#set('visit', node, String(visit));
    return visit;
  }

  /** A node has failed; gives its fallback, -1 for none. */
  async fail(node: number): Promise<number> {
    const fallback = this.plan.fallbackOf[node] as number;
    if (fallback < 0) return -1;
    await this.#set('recovering', node, 'yes');
    if (await this.#release(fallback, node)) this.events.ready(this.plan.idOf(fallback));
    return fallback;
  }

  /** The node that a fallback was first needed by. */
  async ownerOf(fallback: number): Promise<number | undefined> {
    const id = await this.#get('joinlock', fallback);
    return id === undefined ? undefined : this.plan.indexOf(id);
  }

  /** Sets down that a fallback has completed, and gives the nodes that it stands in for. */
  async standIn(fallback: number, action: string | undefined): Promise<number[]> {
    await this.#set('stands-in', fallback, JSON.stringify({ action }));
    const owners: number[] = [];
    for (const owner of this.plan.owners.get(fallback) ?? [])
      if (await this.#get('recovering', owner)) owners.push(owner);
    return owners;
  }

  /** What a fallback that has completed has chosen; `undefined` for one that has not. */
  async standInOf(fallback: number): Promise<{ action?: string } | undefined> {
    const known = await this.#get('stands-in', fallback);
    return known === undefined ? undefined : (JSON.parse(known) as { action?: string });
  }

  /** An edge out of a loop counts in the first turn that takes it; that turn gets the same answer when it asks again. */
  async #isFirstExit(arc: number): Promise<boolean> {
    const [source, target] = [this.plan.arcSource[arc] as number, this.plan.arcTarget[arc] as number];
    const turn = await this.#turnOf(this.plan.loopOf[source] as number);
    const detail = this.plan.idOf(source);
    return (await this.#set('exit', target, turn, detail)) || (await this.#get('exit', target, detail)) === turn;
  }

  async #arrive(arc: number, isTaken: boolean): Promise<void> {
    const { arcSource, arcTarget, awaited, joinsAny } = this.plan;
    const [source, target] = [arcSource[arc] as number, arcTarget[arc] as number];
    this.events.arrived(arc, isTaken);
    const most = awaited[target] as number;
    if (most === 1) return isTaken ? this.#ready(target, source) : this.#skip(target);
    const isFirst = await this.#set('fanin', target, isTaken ? 'taken' : 'refused', this.plan.idOf(source));
    if (isTaken) await this.#set('reached', target, 'yes');
    if (isTaken && joinsAny[target] === 1) return this.#ready(target, source);
    const isLast = isFirst ? (await this.#increment('fanin', target)) >= most : await this.#haveAllArrived(target);
    if (!isLast) return undefined;
    if ((await this.#get('reached', target)) === undefined) return this.#skip(target);
    return joinsAny[target] === 1 ? undefined : this.#ready(target, source);
  }

  /** Read from the guards: a worker may have died between its guard and the counter. */
  async #haveAllArrived(node: number): Promise<boolean> {
    const { into, backOf, arcSource } = this.plan;
    for (const arc of into.arcs.subarray(into.from[node], into.from[node + 1])) {
      if ((backOf[arc] as number) >= 0) continue;
      if ((await this.#get('fanin', node, this.plan.idOf(arcSource[arc] as number))) === undefined) return false;
    }
    return true;
  }

  async #ready(node: number, source: number): Promise<void> {
    if (await this.#release(node, source)) this.events.ready(this.plan.idOf(node));
  }

  /** Whether this source releases the node: the first to try, and the same again when it is asked again. */
  async #release(node: number, source: number): Promise<boolean> {
    const id = this.plan.idOf(source);
    return (await this.#set('joinlock', node, id)) || (await this.#get('joinlock', node)) === id;
  }

  async #skip(node: number): Promise<void> {
    if (!(await this.#set('skipped', node, 'yes'))) return;
    await this.events.skipped(this.plan.idOf(node));
    await this.complete(node, new Set());
  }

  async #settle(node: number): Promise<void> {
    if (!(await this.#set('settled', node, 'yes'))) return;
    const fallback = this.plan.fallbackOf[node] as number;
    if (fallback >= 0) await this.#settleOwner(fallback);
    await this.#settleIn(this.plan.loopOf[node] as number);
  }

  /** A fallback that none of its owners has needed is skipped. */
  async #settleOwner(fallback: number): Promise<void> {
    const owners = this.plan.owners.get(fallback) as readonly number[];
    if ((await this.#increment('owners', fallback)) < owners.length) return;
    if ((await this.#get('joinlock', fallback)) === undefined) await this.#skip(fallback);
  }

  async #settleIn(loop: number): Promise<void> {
    const planned = this.plan.loops[loop];
    if (planned === undefined) return;
    const turn = await this.#turnOf(loop);
    const settled = await this.store.increment(this.#key('members', String(loop), turn), timeToLive);
    if (settled === planned.members) await this.#endTurn(loop);
  }

  async #endTurn(loop: number): Promise<void> {
    const { headers, exits, parent } = this.plan.loops[loop] as Plan['loops'][number];
    const again: (string | undefined)[] = [];
    for (const header of headers) again.push(await this.#get('again', header));
    if (again.some((source) => source !== undefined)) return this.#repeat(loop, headers, again);
    for (const arc of exits) {
      if ((this.plan.backOf[arc] as number) < 0) await this.#arriveRefused(arc);
    }
    await this.#settleIn(parent);
  }

  /** An exit that some turn has taken has arrived already. */
  async #arriveRefused(arc: number): Promise<void> {
    const [source, target] = [this.plan.arcSource[arc] as number, this.plan.arcTarget[arc] as number];
    const wasTaken = (await this.#get('exit', target, this.plan.idOf(source))) !== undefined;
    if (!wasTaken) await this.#arrive(arc, false);
  }

  async #repeat(loop: number, headers: readonly number[], again: readonly (string | undefined)[]): Promise<void> {
    const { nodes } = this.plan.loops[loop] as Plan['loops'][number];
    const inside = new Set([loop]);
    for (const node of nodes) {
      for (
        let inner = this.plan.loopOf[node] as number;
        inner !== loop;
        inner = this.plan.loops[inner]?.parent as number
      ) {
        inside.add(inner);
      }
    }
    for (const inner of inside) await this.store.increment(this.#key('turn', String(inner), ''), timeToLive);
    for (const [at, header] of headers.entries()) {
      const source = again[at];
      if (source === undefined) await this.#skip(header);
      else if ((await this.#set('repeated', header, source)) || (await this.#get('repeated', header)) === source) {
        this.events.ready(this.plan.idOf(header));
      }
    }
  }

  async #turnOf(loop: number): Promise<string> {
    return loop < 0 ? '' : ((await this.store.get(this.#key('turn', String(loop), ''))) ?? '0');
  }

  async #nodeKey(kind: string, node: number, detail?: string): Promise<string> {
    const id = partOf(this.plan.idOf(node));
    const turn = await this.#turnOf(this.#loopOf(kind, node));
    return this.#key(kind, detail === undefined ? id : `${id}:${partOf(detail)}`, turn);
  }

  /** A header is entered once for all turns of its loop: what it is entered by belongs to the turn of the loop around. */
  #loopOf(kind: string, node: number): number {
    const loop = this.plan.loopOf[node] as number;
    const planned = this.plan.loops[loop];
    return entering.has(kind) && planned?.headers.includes(node) ? planned.parent : loop;
  }

  #key(kind: string, subject: string, turn: string): string {
    return `${this.prefix}:${kind}:${partOf(this.runId)}:${subject}${turn === '' ? '' : `:${turn}`}`;
  }

  async #set(kind: string, node: number, value: string, detail?: string): Promise<boolean> {
    return this.store.setIfNotExist(await this.#nodeKey(kind, node, detail), value, timeToLive);
  }

  async #get(kind: string, node: number, detail?: string): Promise<string | undefined> {
    return this.store.get(await this.#nodeKey(kind, node, detail));
  }

  async #increment(kind: string, node: number): Promise<number> {
    return this.store.increment(await this.#nodeKey(kind, node), timeToLive);
  }
}

/** An id as a part of a key: what separates the parts is escaped, for ids may have any characters. */
function partOf(id: string): string {
  return /[%:]/.test(id) ? id.replace(/%/g, '%25').replace(/:/g, '%3A') : id;
}
