import type { Cancellation } from '../../kernel/cancellation.js';
import { longestDelay } from '../../shared/validate.js';
import { EngineError } from '../errors.js';
import type { CallLimit } from './batcher.js';
import type { Limit } from './in-time.js';
import { reasonOf } from './reasons.js';

/**
 * A judgement of an error. `passes`: the same call may succeed in a moment; `final`: a text was refused for its content or
 * size, so the same call fails each time; `refused`: anything else.
 */
export type Judgement = 'passes' | 'refused' | 'final';

/** How calls to an engine are repeated. */
export interface Persistence {
  /** The engine and its place, for messages: without a password. */
  readonly name: string;
  /** Milliseconds after which a call has settled, all attempts together. */
  readonly timeout: number;
  readonly judge: (error: unknown) => Judgement;
  /** Gives what is behind an error, for judgement and report, or a promise of it. Default: the error itself. */
  readonly explain?: ((error: unknown) => unknown) | undefined;
  /** Gives why no connection can be made while there is no answer; undefined where connections are made. Default: they are. */
  readonly unreached?: (() => unknown) | undefined;
  /** Ends all calls at once, with its reason: nobody needs the answers any more. Default: nothing does. */
  readonly until?: Cancellation | undefined;
}

/**
 * One attempt of a call: how long it has before the next begins beside it. It may still succeed then: the first answer
 * counts.
 */
export class Attempt implements Limit {
  #isOver = false;
  #acts: Set<() => void> | undefined = undefined;

  /** @param number - from 1 */
  constructor(
    readonly number: number,
    readonly milliseconds: number,
  ) {}

  onOver(act: () => void): () => void {
    if (this.#isOver) act();
    this.#acts ??= new Set();
    this.#acts.add(act);
    return () => void this.#acts?.delete(act);
  }

  /** Its time has passed without an answer. */
  end(): void {
    this.#isOver = true;
    for (const act of this.#acts ?? []) act();
  }
}

/** The part of the whole time that the first attempt has. After each attempt without an answer the next has twice as much. */
const firstShare = 1 / 8;

/**
 * The most that counts as the whole time, in milliseconds, and the longest attempt: who waits without end does not wait so for
 * a lost answer, however long there was none.
 */
const longest = 120_000;

/** How many attempts without an answer are still listened to. */
const mostLate = 8;

/** The least time for an attempt, as far as there is so much, in milliseconds: a server under load is not asked in vain. */
const shortest = 1_000;

/** Milliseconds between an attempt that has failed and the next: at first, and at most. */
const firstPause = 20;
const longestPause = 500;

export const silence = Symbol('no answer');

/**
 * Repeats `work` while the engine is unreachable, or does not answer, until `timeout` has passed. `work` must be idempotent:
 * an attempt whose answer was lost may have been carried out.
 *
 * @throws {EngineError} for a refusal, at once; and when the time has passed
 * @throws the reason of `until`, when that aborts
 */
export async function persistently<Result>(
  { name, timeout, judge, explain = (error) => error, unreached, until }: Persistence,
  work: (attempt: Attempt) => Promise<Result>,
): Promise<Result> {
  const end = performance.now() + timeout;
  const late: Promise<Result>[] = [];
  let last: unknown;
  for (let number = 1, pause = firstPause, share = Math.min(timeout, longest) * firstShare; ; number++) {
    until?.throwIfAborted();
    const attempt = new Attempt(number, Math.min(end - performance.now(), Math.max(shortest, share), longestDelay));
    try {
      const answer = work(attempt);
      const result = await firstOf([...late, answer], attempt.milliseconds, until);
      if (result !== silence) return result;
      late.push(unlessRejected(answer));
      attempt.end();
      if (late.length > mostLate) late.shift();
      share = Math.min(2 * share, longest);
      last = unreached?.();
    } catch (thrown) {
      if (thrown instanceof EngineError) throw thrown;
      const error = await explain(thrown);
      if (error instanceof EngineError) throw error;
      const judgement = judge(error);
      if (judgement !== 'passes') {
        const reason = judgement === 'final' ? 'payload' : reasonOf(error, 'refused');
        throw new EngineError(name, 'has refused what it was asked', { cause: error, reason });
      }
      last = error;
      const before = Math.min(pause * (0.5 + Math.random() / 2), end - performance.now());
      const result = await firstOf(late, before, until);
      if (result !== silence) return result;
      pause = Math.min(2 * pause, longestPause);
    }
    if (end - performance.now() >= 1) continue;
    throw lateError(name, timeout, last);
  }
}

/** What a call is told for which the time has passed. @param cause - why no connection could be made, if none could */
export function lateError(name: string, timeout: number, cause: unknown): EngineError {
  if (cause === undefined) return new EngineError(name, `did not answer within ${timeout} ms`, { reason: 'timeout' });
  return new EngineError(name, `could not be reached for ${timeout} ms`, {
    cause,
    reason: reasonOf(cause, 'unreachable'),
  });
}

/** How long a call may take that goes together with others. */
export function limitOfCalls({ name, timeout, unreached }: Persistence): CallLimit {
  return { milliseconds: timeout, late: () => lateError(name, timeout, unreached?.()) };
}

/**
 * The first answer, or `silence` when there is none in time. After a blocked event loop, what has arrived is read before.
 *
 * @param until - rejects with its reason as soon as it aborts
 */
export function firstOf<Result>(
  answers: readonly Promise<Result>[],
  milliseconds: number,
  until?: Cancellation,
): Promise<Result | typeof silence> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer);
      until?.removeEventListener('abort', onEnd);
    };
    const succeed = (result: Result | typeof silence) => {
      leave();
      resolve(result);
    };
    const fail = (error: unknown) => {
      leave();
      reject(error);
    };
    const onEnd = () => fail(until?.reason);
    const timer = setTimeout(() => setImmediate(succeed, silence), Math.max(0, milliseconds));
    until?.addEventListener('abort', onEnd);
    for (const answer of answers) answer.then(succeed, fail);
  });
}

/** Like an attempt, but pending for ever where the attempt fails. */
function unlessRejected<Result>(answer: Promise<Result>): Promise<Result> {
  return new Promise((resolve) => {
    answer.then(resolve, () => undefined);
  });
}

/**
 * A store whose operations are repeated, each as a whole. Operations that a store asks of itself are parts of the one that
 * was called.
 */
export function persistent<Store extends object>(store: Store, persistence: Persistence): Store {
  const operations = new Map<PropertyKey, unknown>();
  return new Proxy(store, {
    get(target, key) {
      if (operations.has(key)) return operations.get(key);
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function' || key in Object.prototype) return value;
      const operation = (...args: unknown[]) => persistently(persistence, async () => value.apply(target, args));
      operations.set(key, operation);
      return operation;
    },
  });
}
