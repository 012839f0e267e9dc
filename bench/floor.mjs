import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * The floor: the least that a wrapper with a scope, a clock and hooks can do, written by hand. It reads the async
 * scope, takes the time before and after, spreads its arguments and walks two lists of hooks. A hook is awaited only
 * where it returns something. It has no retry, no timeout, no cancellation, no state, no ids and no error handling.
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
