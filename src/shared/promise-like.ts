/** If true, `value` can be awaited: a promise, or an object that has a `then` as a lazy query has. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
