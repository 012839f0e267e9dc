import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * The floor: a hand-written wrapper that does the least possible work with an async scope, a clock and hooks. It reads
 * the scope, takes the time before and after the call, spreads its arguments and walks two lists of hooks. A hook is
 * awaited only if it returns something. The floor has no retry, timeout, cancellation, state, ids or error handling.
 */
const scopes = new AsyncLocalStorage();

export function insideFloor(work) {
  return scopes.run({ context: {} }, work);
}

export function floor(fn, beginHooks, completionHooks) {
  const { name } = fn;
  return async (...args) => {
    const { context } = scopes.getStore();
    const startTime = performance.now();
    for (const hook of beginHooks) {
      const pending = hook({ name, args, startTime, context });
      if (pending !== undefined) await pending;
    }
    const result = await fn(...args);
    const duration = performance.now() - startTime;
    for (const hook of completionHooks) {
      const pending = hook({ name, duration, result, context });
      if (pending !== undefined) await pending;
    }
    return result;
  };
}

/** The least possible limit of concurrency: a linked list of functions that resume the waiting calls. */
export function limitByHand(fn, concurrency) {
  let running = 0;
  let first;
  let last;
  const enqueue = (resolve) => {
    const waiter = { resolve, next: undefined };
    if (first === undefined) first = waiter;
    else last.next = waiter;
    last = waiter;
  };
  const leave = () => {
    if (first === undefined) {
      running--;
      return;
    }
    const { resolve, next } = first;
    first = next;
    resolve();
  };
  return async (...args) => {
    if (running === concurrency) await new Promise(enqueue);
    else running++;
    try {
      return await fn(...args);
    } finally {
      leave();
    }
  };
}
