import { types } from 'node:util';
import { isPromiseLike } from '../../shared/promise-like.js';
import { aValue } from '../../shared/validate.js';
import type { Cancellation } from '../cancellation.js';

/** The items of `map` and `each`. */
export type Items = Iterable<unknown> | AsyncIterable<unknown>;

export const anIterable = aValue<Items>(
  'an iterable or async iterable',
  (value) => isAsync(value) || Symbol.iterator in Object(value),
);

export function isAsync<Item>(items: AsyncIterable<Item> | unknown): items is AsyncIterable<Item> {
  return Symbol.asyncIterator in Object(items);
}

/**
 * Marks rejections of promises in a list as handled. A promise may reject before its item is processed; the rejection
 * is then reported as a failure of the item.
 */
export function expectFailures(items: unknown): void {
  if (!Array.isArray(items)) return;
  for (const item of items) if (types.isPromise(item)) item.then(undefined, () => {});
}

/** Returns the call of an action with an item. If the item is a promise, the call waits for it. */
export function callWith<Item>(item: Item, action: (item: Item) => unknown): (own: Cancellation) => unknown {
  return (own) => (isPromiseLike(item) ? later(item, action, own) : action(item));
}

/** Calls an action with an item that is a promise, unless an abort happens before the promise resolves. */
async function later<Item>(
  item: PromiseLike<unknown>,
  action: (item: Item) => unknown,
  cancellation: Cancellation,
): Promise<unknown> {
  const given = await item;
  cancellation.throwIfAborted();
  return action(given as Item);
}

/**
 * Returns the number of items if the number is certain. In objects other than the known collections, `length` or `size`
 * may mean something else.
 */
export function sizeOf(items: unknown): number | undefined {
  if (Array.isArray(items) || types.isTypedArray(items)) return items.length;
  return types.isSet(items) || types.isMap(items) ? items.size : undefined;
}
