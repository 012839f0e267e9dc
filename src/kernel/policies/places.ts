import { isPromiseLike } from '../../shared/promise-like.js';
import { AbortError, failureOf, thrownAbout } from '../errors.js';
import type { Scope } from '../scope/process.js';
import { beginWait, endWait, type Task, type Work } from '../scope/task.js';
import type { Attempt, Places } from './lane.js';
import type { AnyLimit } from './limit.js';

/** The place of one attempt in a limit. */
interface Place extends Attempt {
  readonly limit: AnyLimit;
  /** The key of the call, if the limit has keys. */
  readonly key: string | undefined;
  readonly lane: Places;
  readonly task: Task;
}

/**
 * Makes each attempt take a place in every limit before it starts. If there is room, the attempt starts synchronously,
 * without waiting for a promise.
 */
export function withPlaces(limits: readonly AnyLimit[], next: Work): Work {
  const [first] = limits;
  if (first === undefined) return next;
  if (limits.length > 1) return async (task, scope) => hold(await takeAll(limits, task, scope), next, task, scope);
  const resume = (place: Place) => hold([granted(place)], next, place.task, place.scope);
  return (task, scope) => {
    const place = placeIn(first, task, scope);
    return place.lane.take(place.cost) ? hold([place], next, task, scope) : wait(place, resume);
  };
}

function placeIn(limit: AnyLimit, task: Task, scope: Scope): Place {
  const key = limit.keyOf(task);
  return { limit, key, lane: limit.laneAt(key), cost: limit.costOf(task), task, scope };
}

/** Takes the places one after another. */
async function takeAll(limits: readonly AnyLimit[], task: Task, scope: Scope): Promise<readonly Place[]> {
  const places: Place[] = [];
  try {
    for (const limit of limits) {
      const place = placeIn(limit, task, scope);
      places.push(place.lane.take(place.cost) ? place : await wait(place, granted));
    }
  } catch (thrown) {
    for (const { lane, cost } of places) lane.cancel(cost);
    throw thrown;
  }
  return places;
}

/**
 * Waits for a place, then calls `resume`. The waiting time counts towards the total limit of the task.
 *
 * A great many attempts may be waiting, and the garbage collector copies everything that they hold. Therefore a wait
 * costs two promises instead of the four of an async function, and `resume` is shared by all attempts.
 */
function wait<Result>(place: Place, resume: (place: Place) => Result): Promise<Result> {
  const { limit, key, lane, task } = place;
  limit.admit(lane, key, task);
  beginWait(task, 'limit');
  if (task.record !== undefined) task.record.isWaiting = true;
  return lane.wait(place).then(resume, task.wait && refusing(task));
}

/** Called when a place has been granted. Gives the place back if an abort has happened meanwhile. */
function granted(place: Place): Place {
  const { lane, cost, task, scope } = place;
  noteWait(task);
  if (!scope.cancellation.aborted) return place;
  lane.cancel(cost);
  throw scope.cancellation.reason;
}

/** Returns a handler that ends the measured wait of a task that gets no place. */
function refusing(task: Task): (reason: unknown) => never {
  return (reason) => {
    noteWait(task);
    throw reason;
  };
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
  const failure = failureOf(thrown, name);
  let broken: Error | undefined;
  for (const { limit, lane } of places) {
    try {
      const milliseconds = limit.pauseAfter(failure);
      // A shared lane tells its store of every pause.
      if (milliseconds > 0) lane.pause(milliseconds);
    } catch (thrown) {
      broken ??= thrownAbout(failure, thrown, name);
    }
  }
  // An error of `pauseOn` ends the retries, like one of the other callbacks.
  if (broken !== undefined) throw new AbortError(broken);
}
