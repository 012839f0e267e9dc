import type { Cancellation } from '../../kernel/cancellation.js';
import { longestDelay } from '../../shared/validate.js';
import { EngineError } from '../errors.js';
import type { CallLimit } from './batcher.js';
import type { Limit } from './in-time.js';
import { reasonOf } from './reasons.js';

/**
 * The verdict on a failed call. `passes`: the same call may succeed in a moment. `final`: a text was refused for its
 * content or size, so the same call would fail each time. `refused`: any other failure.
 */
export type Judgement = 'passes' | 'refused' | 'final';

/** The rules by which calls to an engine are retried. */
export interface Persistence {
  /** Kind and address of the engine without the password, for messages. */
  readonly name: string;
  /** Milliseconds that a call may take, including all attempts. */
  readonly timeout: number;
  readonly judge: (error: unknown) => Judgement;
  /**
   * Returns the underlying error or a promise of it. The underlying error is then judged and reported. Default: returns
   * the error itself.
   */
  readonly explain?: ((error: unknown) => unknown) | undefined;
  /**
   * Returns the reason why no connection can be made, or `undefined` if connections can be made. Called after an
   * attempt without an answer. Default: returns `undefined`.
   */
  readonly unreached?: (() => unknown) | undefined;
  /** Aborts all calls, with its reason, when their answers are no longer needed. Default: none. */
  readonly until?: Cancellation | undefined;
}

/**
 * An attempt of a call. When its time is up, the next attempt starts beside it, but the earlier attempt may still
 * succeed. The first answer counts.
 */
export class Attempt implements Limit {
  #isOver = false;
  #acts: Set<() => void> | undefined = undefined;

  /** @param number - the number of the attempt, from 1 */
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

  /** Ends an attempt that was not answered in time. */
  end(): void {
    this.#isOver = true;
    for (const act of this.#acts ?? []) act();
  }
}

/**
 * Fraction of the total time that the first attempt gets. Each attempt without an answer doubles the time of the next.
 */
const firstShare = 1 / 8;

/**
 * Upper limit in milliseconds, both of the timeout to which `firstShare` applies and of each attempt. Even with an
 * infinite timeout, a call whose answer was lost is repeated after at most this time.
 */
const longest = 120_000;

/** Maximum number of overdue attempts whose answers are still accepted. */
const mostLate = 8;

/** Minimum time of an attempt in milliseconds, unless less time is left. Gives a server under load time to answer. */
const shortest = 1_000;

/** Milliseconds between a failed attempt and the next: the first pause, and the maximum. */
const firstPause = 20;
const longestPause = 500;

export const silence = Symbol('no answer');

/**
 * Retries `work` while the engine is unreachable or silent, until `timeout` has passed. `work` must be idempotent,
 * because an attempt whose answer was lost may have been carried out.
 *
 * @throws {EngineError} at once if the engine refuses the call; otherwise when the time is up
 * @throws the reason of `until`, if `until` aborts
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
        throw new EngineError(name, 'refused the call', { cause: error, reason });
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

/**
 * Creates the error of a call whose time is up.
 *
 * @param cause - the reason why no connection could be made; `undefined` if connections could be made
 */
export function lateError(name: string, timeout: number, cause: unknown): EngineError {
  if (cause === undefined) return new EngineError(name, `did not answer within ${timeout} ms`, { reason: 'timeout' });
  return new EngineError(name, `could not be reached for ${timeout} ms`, {
    cause,
    reason: reasonOf(cause, 'unreachable'),
  });
}

/** Returns the time limit of a call that is sent in a batch. */
export function limitOfCalls({ name, timeout, unreached }: Persistence): CallLimit {
  return { milliseconds: timeout, late: () => lateError(name, timeout, unreached?.()) };
}

/**
 * Resolves with the first answer, or with `silence` if none arrives in time. After the event loop was blocked, answers
 * that have already arrived take precedence over the timer.
 *
 * @param until - rejects the promise with its reason as soon as it aborts
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

/** Settles like `answer`, but stays pending if `answer` rejects. */
function unlessRejected<Result>(answer: Promise<Result>): Promise<Result> {
  return new Promise((resolve) => {
    answer.then(resolve, () => undefined);
  });
}

/**
 * Wraps a store so that each of its operations is retried as a whole. An operation that the store calls on itself is
 * part of the outer operation, and is not retried separately.
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
