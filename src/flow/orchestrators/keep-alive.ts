import { longestDelay } from '../../shared/validate.js';
import type { JoinStrategy } from '../blueprint.js';
import { runsAfterFailure } from '../plan/join.js';
import type { Plan } from '../plan/plan.js';
import { RemoteKeys } from './remote-keys.js';
import { lastVisit } from './remote-position.js';
import type { RunStore } from './run-store.js';
import { before, isFirst, Turns } from './turns.js';

/** Maximum number of runs whose last slot is remembered. */
const mostRemembered = 1_000;

/** The number of keys that are extended concurrently. */
const atATime = 100;

/** The number of slots in the lifetime of a key. */
const slots = 4;

/**
 * Keeps the keys of a run alive while jobs of the run are delivered or executed.
 *
 * Time is divided into slots, each a quarter of the lifetime of a key. The keys that a run may still need are extended
 * when the first job of the run in a slot is delivered, and once per slot while a node executes. The store records the
 * slots in which a run was active, so workers may come and go without knowing of each other.
 */
export class KeepAlive {
  readonly #slotLength: number;
  /** The slot in which each run was last active, by run id. */
  readonly #seen = new Map<string, number>();

  constructor(ttlSeconds: number) {
    this.#slotLength = (ttlSeconds * 1_000) / slots;
  }

  /** Calls `work`, and keeps the keys of the run alive until `work` has settled. */
  async during<Result>(store: RunStore, plan: Plan, work: () => Promise<Result>): Promise<Result> {
    const slot = this.#slotNow();
    if (this.#seen.get(store.runId) !== slot) await this.#see(store, plan, slot);
    let isBusy = false;
    const again = async () => {
      if (isBusy) return;
      isBusy = true;
      // A failed extension is repeated in the next slot. If the store is down, the calls of the job itself fail as
      // well.
      await this.#extend(store, plan).catch(() => undefined);
      isBusy = false;
    };
    const timer = setInterval(() => void again(), Math.min(this.#slotLength, longestDelay));
    timer.unref();
    try {
      return await work();
    } finally {
      clearInterval(timer);
    }
  }

  async #see(store: RunStore, plan: Plan, slot: number): Promise<void> {
    const earlier = Array.from({ length: slots }, (_, at) => this.#keyOf(store, slot - 1 - at));
    if (await store.set(this.#keyOf(store, slot), 'yes')) {
      const seen = await Promise.all(earlier.map((key) => store.get(key)));
      if (seen.some((value) => value !== undefined)) await this.#extend(store, plan);
    }
    this.#remember(store.runId, slot);
  }

  #remember(runId: string, slot: number): void {
    this.#seen.delete(runId);
    this.#seen.set(runId, slot);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > mostRemembered && oldest !== undefined) this.#seen.delete(oldest);
  }

  async #extend(store: RunStore, plan: Plan): Promise<void> {
    await store.set(this.#keyOf(store, this.#slotNow()), 'yes');
    const keys = await keysOf(plan, store);
    for (let at = 0; at < keys.length; at += atATime) {
      await Promise.all(keys.slice(at, at + atATime).map((key) => store.extend(key)));
    }
  }

  #slotNow(): number {
    return Math.floor(Date.now() / this.#slotLength);
  }

  #keyOf(store: RunStore, slot: number): string {
    return store.key('alive', '', String(slot));
  }
}

/** Returns all keys that the run may still need, even if they do not exist. */
async function keysOf(plan: Plan, store: RunStore): Promise<string[]> {
  const keys = new RemoteKeys(plan, store, new Turns(plan, store));
  const found: string[] = [];
  for (const loop of plan.loops.keys()) found.push(...(await keysOfLoop(keys, loop)));
  for (let node = 0; node < plan.nodeCount; node++) found.push(...(await keysOfNode(keys, node)));
  for (const [arc, exit] of plan.exitOf.entries()) {
    if (exit >= 0 && (plan.backOf[arc] as number) < 0) found.push(...(await keysOfExit(keys, arc)));
  }
  return found;
}

async function keysOfLoop(keys: RemoteKeys, loop: number): Promise<string[]> {
  const turn = await keys.turns.of(loop);
  const stuck = keys.plan.runsAfterFailure ? [await keys.ofLoop('stuck', loop)] : [];
  return [...keys.turns.keysOf(loop, turn), await keys.ofLoop('members', loop), await keys.endOf(loop), ...stuck];
}

async function keysOfNode(keys: RemoteKeys, node: number): Promise<string[]> {
  const { plan } = keys;
  const own = (...kinds: string[]) => Promise.all(kinds.map((kind) => keys.own(kind, node)));
  const found = await own('decided');
  const [hasFallback, isInLoop] = [(plan.fallbackOf[node] as number) >= 0, (plan.loopOf[node] as number) >= 0];
  if (hasFallback) found.push(...(await own('recovered', 'recovering')));
  if (hasFallback || isInLoop) found.push(...(await own('settled')));
  if (plan.owners.has(node)) found.push(...(await own('owners')));
  if ((plan.awaited[node] as number) > 1 || runsAfterFailure(plan.joinOf[node] as JoinStrategy)) {
    found.push(await keys.entering('fanin', node));
    for (const arc of keys.arcsInto(node, { back: false })) found.push(await keys.along('fanin', arc));
  }
  found.push(await keys.entering('joinlock', node));
  if (isInLoop) found.push(...(await keysOfTurn(keys, node)));
  return found;
}

async function keysOfTurn(keys: RemoteKeys, node: number): Promise<string[]> {
  const { number } = await lastVisit(node, keys);
  const found = [keys.visits(node), keys.visit(node, number), await keys.releaseOf(node)];
  if (!keys.isHeader(node)) return found;
  const turn = await keys.turnOf(node);
  for (const arc of keys.arcsInto(node, { back: true })) {
    found.push(keys.again(arc, turn));
    if (!isFirst(turn)) found.push(...(await keysOfRepeat(keys, arc, turn)));
  }
  return found;
}

/** Returns the keys from which the input of a header is read in a repeated iteration of its loop. */
async function keysOfRepeat(keys: RemoteKeys, arc: number, turn: string): Promise<string[]> {
  const again = keys.again(arc, before(turn));
  return [again, ...(await keysOfSource(keys, arc, await keys.store.get(again)))];
}

async function keysOfExit(keys: RemoteKeys, arc: number): Promise<string[]> {
  const exit = await keys.along('exit', arc);
  return [exit, ...(await keysOfSource(keys, arc, await keys.store.get(exit)))];
}

/** Returns the keys that record how the source of an arc ended in the iteration in which it took the arc. */
function keysOfSource({ plan, store }: RemoteKeys, arc: number, turn: string | undefined): string[] {
  if (turn === undefined) return [];
  const source = plan.idOf(plan.arcSource[arc] as number);
  return [store.key('decided', turn, source), store.key('recovered', turn, source)];
}
