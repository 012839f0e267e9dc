import { isDeepStrictEqual } from 'node:util';
import type { Codec } from '../../shared/codec.js';
import { isPlainObject } from '../../shared/validate.js';
import type { MergeFunction } from '../flow-options.js';

/** Merge functions by context key. Keys without a merge function use `merged`. */
export type Merges = Readonly<Record<string, MergeFunction>>;

/**
 * Returns the text that a key holds after a commit. If the key has not changed since the node read it, the text is that
 * of the node. Otherwise, the key's merge function decides; the default is `merged`. If the function throws, the last
 * write wins, because a journal must stay readable to its end.
 *
 * @param current - the committed text
 * @param written - the text that the node has written
 * @param base - the text that the node had read
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

/**
 * Returns the text that a key holds after the given changes. Like `mergeInto`, but looks up the key's base and merge
 * function.
 */
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

/** Returns true if `merged` may need the base value to merge this value. */
export function isMergeable(value: unknown): boolean {
  return Array.isArray(value) || isPlainObject(value);
}

/** Represents a missing key. */
const nothing = Symbol('nothing');

/**
 * Merges two changes to the same value. If one side only appended elements to a list, these elements are kept, however
 * the other side changed the list. If both sides appended, the elements of the later commit come last. Plain objects
 * are merged by key. In all other cases, if only one side changed the value, that change wins; if both sides did, the
 * later commit wins.
 *
 * @param theirs - the value that was committed first
 * @param mine - the value that is committed later
 * @param base - the value that both sides had read; if it is of another kind, it is treated as empty
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

/** Returns true if `list` starts with all elements of `base`. */
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
