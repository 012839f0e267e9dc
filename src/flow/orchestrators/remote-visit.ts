import type { Plan } from '../plan/plan.js';
import { RemoteKeys } from './remote-keys.js';
import { lastVisit } from './remote-position.js';
import type { RunStore } from './run-store.js';
import { Turns } from './turns.js';

/** The visit of a node that a job belongs to. */
export interface Visit {
  readonly number: number;
  readonly turns: Turns;
  /** If true, an earlier delivery has started the visit. */
  readonly isAgain: boolean;
}

/**
 * Finds the visit that a delivered job belongs to. A job names only its node, so in a loop the visit must be looked up.
 * It is the visit in the current iteration, which starts now if the node is ready. If there is no such visit, it is the
 * last visit, whose job was delivered again after its iteration had ended.
 */
export async function visitInLoop(node: number, plan: Plan, store: RunStore): Promise<Visit> {
  const turns = new Turns(plan, store);
  const loop = plan.loopOf[node] as number;
  const keys = new RemoteKeys(plan, store, turns);
  const turn = await turns.of(loop);
  const { number, turn: last } = await lastVisit(node, keys);
  if (last === turn) return { number, turns, isAgain: true };
  const isReady = last === undefined || (await store.get(await keys.releaseOf(node))) !== undefined;
  if (!isReady) return { number, turns: turns.at(loop, last), isAgain: true };
  const isFirst = await store.count(keys.visits(node), keys.visit(node, number + 1), turn);
  return { number: number + 1, turns, isAgain: !isFirst };
}
