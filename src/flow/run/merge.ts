import { isDeepStrictEqual } from 'node:util';
import { isPlainObject } from '../../shared/validate.js';
import type { MergeFunction } from '../flow-options.js';
import type { Codec } from './codec.js';

/** How keys of the context are merged, of those that have a function for it. */
export type Merges = Readonly<Record<string, MergeFunction>>;

/**
 * The text that a key holds after a commit. Where nobody else has written since the node looked, that is what the node
 * has left. Else the key's merge function decides, or `merged`. What a function throws does not count, because a journal
 * has to be read to its end: then what was written last holds.
 *
 * @param current - what is committed, as text
 * @param written - what a node has left
 * @param base - what that node had found
 */
export function mergeInto(
  current: string | undefined,
  written: string,
  base: string | undefined,
  merge: MergeFunction | undefined,
  codec: Codec,
): string {
  if (current === base || (merge === undefined && current === undefined)) return written;
  try {
    const [theirs, mine, found] = [codec.decodeMaybe(current), codec.decode(written), codec.decodeMaybe(base)];
    return codec.encode((merge ?? merged)(theirs, mine, found));
  } catch {
    return written;
  }
}

type Texts = Readonly<Record<string, string>>;

/** The text that a key holds after changes that have set it: `mergeInto` with what they and the flow say of the key. */
export function mergeChange(
  key: string,
  current: string | undefined,
  { set, base = {} }: { readonly set: Texts; readonly base?: Texts | undefined },
  merges: Merges,
  codec: Codec,
): string {
  const merge = Object.hasOwn(merges, key) ? merges[key] : undefined;
  const found = Object.hasOwn(base, key) ? base[key] : undefined;
  return mergeInto(current, set[key] as string, found, merge, codec);
}

/** If true, `merged` may need to know what a value was before. */
export function isMergeable(value: unknown): boolean {
  return Array.isArray(value) || isPlainObject(value);
}

/** Stands for a key that is not there. */
const nothing = Symbol('nothing');

/**
 * A value that two have changed since they found it: what one has added at the end of a list is there whatever the other has
 * made of the list, the later one's additions behind; plain objects are merged by key. Else a change of one of them holds, and
 * of two changes the later one.
 *
 * @param theirs - what was committed first
 * @param mine - what is committed later
 * @param base - what both have found; what is of another kind counts as empty
 */
export function merged(theirs: unknown, mine: unknown, base: unknown): unknown {
  if (isDeepStrictEqual(mine, base)) return theirs;
  if (isDeepStrictEqual(theirs, base)) return mine;
  if (Array.isArray(theirs) && Array.isArray(mine)) return mergedLists(theirs, mine, Array.isArray(base) ? base : []);
  if (isPlainObject(theirs) && isPlainObject(mine)) return mergedObjects(theirs, mine, isPlainObject(base) ? base : {});
  return mine;
}

function mergedLists(theirs: readonly unknown[], mine: readonly unknown[], base: readonly unknown[]) {
  if (extend(mine, base)) return theirs.concat(mine.slice(base.length));
  return extend(theirs, base) ? mine.concat(theirs.slice(base.length)) : mine;
}

/** Whether a list is another one with more behind. */
function extend(list: readonly unknown[], base: readonly unknown[]): boolean {
  return list.length >= base.length && isDeepStrictEqual(list.slice(0, base.length), base);
}

type Plain = Readonly<Record<string, unknown>>;

function mergedObjects(theirs: Plain, mine: Plain, base: Plain): object {
  const entries: [string, unknown][] = [];
  for (const key of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
    const value = merged(valueIn(theirs, key), valueIn(mine, key), valueIn(base, key));
    if (value !== nothing) entries.push([key, value]);
  }
  return Object.setPrototypeOf(Object.fromEntries(entries), Object.getPrototypeOf(mine));
}

function valueIn(object: Plain, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : nothing;
}
