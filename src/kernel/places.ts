import { isPromiseLike } from '../shared/promise-like.js';
import { failureOf } from './errors.js';
import type { Places } from './lane.js';
import type { AnyLimit } from './limit.js';
import type { Scope } from './process.js';
import { millisecondsOf } from './retry.js';
import { beginWait, endWait, type Task, type Work } from './task.js';

/** The place of one attempt in a limit. */
interface Place {
  readonly limit: AnyLimit;
  readonly lane: Places;
  readonly cost: number;
}

/**
 * Makes each attempt take a place in every limit before it starts. If there is room, the attempt starts synchronously,
 * without waiting for a promise.
 */
export function withPlaces(limits: readonly AnyLimit[], next: Work): Work {
  const [first] = limits;
  if (first === undefined) return next;
  if (limits.length > 1) return async (task, scope) => hold(await takeAll(limits, task, scope), next, task, scope);
  return (task, scope) => {
    const place = { limit: first, lane: first.laneOf(task), cost: first.costOf(task) };
    if (place.lane.take(place.cost)) return hold([place], next, task, scope);
    return wait(place, task, scope, () => hold([place], next, task, scope));
  };
}

/** Takes the places one after another. */
async function takeAll(limits: readonly AnyLimit[], task: Task, scope: Scope): Promise<readonly Place[]> {
  const places: Place[] = [];
  try {
    for (const limit of limits) {
      const place = { limit, lane: limit.laneOf(task), cost: limit.costOf(task) };
      if (!place.lane.take(place.cost)) await wait(place, task, scope, () => undefined);
      places.push(place);
    }
  } catch (thrown) {
    for (const { lane, cost } of places) lane.cancel(cost);
    throw thrown;
  }
  return places;
}

/**
 * Waits for a place, then calls `work`. The waiting time counts towards the total limit of the task.
 *
 * A great many attempts may be waiting, so a wait costs two promises instead of the four of an async function.
 */
function wait(
  { limit, lane, cost }: Place,
  task: Task,
  { cancellation }: Scope,
  work: () => unknown,
): Promise<unknown> {
  limit.admit(lane, task);
  beginWait(task, 'limit');
  if (task.record !== undefined) task.record.isWaiting = true;
  const taken = () => {
    noteWait(task);
    if (!cancellation.aborted) return work();
    // The abort happened after the place was granted but before this callback ran.
    lane.cancel(cost);
    throw cancellation.reason;
  };
  const aborted = (reason: unknown) => {
    noteWait(task);
    throw reason;
  };
  return lane.wait(cost, cancellation).then(taken, aborted);
}

function noteWait(task: Task): void {
  const waited = endWait(task);
  if (task.record === undefined) return;
  task.record.waited += waited;
  task.record.isWaiting = false;
}

/** Makes an attempt that has its places. Releases the places when the attempt has settled or was aborted. */
function hold(places: readonly Place[], next: Work, task: Task, scope: Scope): unknown {
  const { cancellation } = scope;
  let isHeld = true;
  const leave = () => {
    if (!isHeld) return;
    isHeld = false;
    cancellation.removeEventListener('abort', leave);
    for (const { lane } of places) lane.leave();
  };
  const fail = (thrown: unknown) => {
    try {
      if (isHeld) pause(places, thrown, task);
    } finally {
      leave();
    }
    throw thrown;
  };
  const succeed = (result: unknown) => {
    leave();
    return result;
  };
  let pending: unknown;
  cancellation.addEventListener('abort', leave);
  try {
    pending = start(places, next, task, scope);
    // Reading `then` of a result may throw, as it would when awaited.
    if (isPromiseLike(pending)) return Promise.resolve(pending).then(succeed, fail);
  } catch (thrown) {
    return fail(thrown);
  }
  return succeed(pending);
}

function start(places: readonly Place[], next: Work, task: Task, scope: Scope): unknown {
  try {
    return next(task, scope);
  } finally {
    for (const { lane, cost } of places) lane.started(cost);
  }
}

/** Pauses the limits for the time that their `pauseOn` reads from a failure. */
function pause(places: readonly Place[], thrown: unknown, { name }: Task): void {
  for (const { limit, lane } of places) {
    const milliseconds = limit.pauseOn && millisecondsOf(limit.pauseOn(failureOf(thrown, name)));
    if (milliseconds) lane.pause(milliseconds);
  }
}
