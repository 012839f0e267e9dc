import type { Plan } from '../plan/plan.js';
import { RemoteKeys } from './remote-keys.js';
import { lastVisit } from './remote-position.js';
import type { RunStore } from './run-store.js';
import { Turns } from './turns.js';

/** Which visit of its node a job is for. */
export interface Visit {
  readonly number: number;
  readonly turns: Turns;
  /** Whether another delivery has begun it. */
  readonly isAgain: boolean;
}

/**
 * The visit that a delivered job is for. A job says no more than its node, so in a loop it is found out: the visit in the
 * present turn, if there is one; else the last one, whose job comes again after its turn is over.
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
