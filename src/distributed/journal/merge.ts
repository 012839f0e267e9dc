import type { MergeFunction } from '../../flow/index.js';
import type { Codec } from './codec.js';

/** How keys of the context are merged, of those that are. */
export type Merges = Readonly<Record<string, MergeFunction>>;

/**
 * What a key holds after a commit. Without a merge function, and where that throws, what was written last holds: a journal
 * has to be read to its end, whatever functions make of it.
 *
 * @param current - what is committed, as text
 * @param written - what a node has left
 * @param base - what that node had found; where nobody has written since, there is nothing to merge
 */
export function mergeInto(
  current: string | undefined,
  written: string,
  base: string | undefined,
  merge: MergeFunction | undefined,
  codec: Codec,
): string {
  if (merge === undefined || current === base) return written;
  try {
    return codec.encode(merge(codec.decodeMaybe(current), codec.decode(written), codec.decodeMaybe(base)));
  } catch {
    return written;
  }
}
