/** Returns true if `value` can be awaited: a promise, or an object with a `then` method, such as a lazy query. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
