import { createHash } from 'node:crypto';

/** A shard as the placement of runs sees it: its position in the list, and if it takes new runs. */
export interface Place {
  readonly position: number;
  readonly isOpen: boolean;
}

/**
 * Lists the shards that may have a run, by the id of the run alone. The first is the home of the run, on which it is
 * started now. The others were its home earlier.
 *
 * The home is the open shard with the highest score (rendezvous hashing), so each shard is the home of as many runs as
 * any other, and a shard that is added becomes the home of its share of new runs only. An earlier home has a lower
 * score than the home and is older, because otherwise the run would have been started on the home. From an open earlier
 * home, the same holds again. A drained shard may have been drained before or after that, so the search passes it.
 *
 * @param places - all shards that may have runs, at least one of them open
 * @param initial - the number of shards with which the fleet began: these had no earlier homes
 */
export function placesOf<One extends Place>(runId: string, places: readonly One[], initial: number): readonly One[] {
  const scores = scoresOf(runId);
  const ranked = places
    .map((place) => ({ place, score: scores(place.position) }))
    .sort((one, other) => other.score - one.score || one.place.position - other.place.position);
  const found: One[] = [];
  let before = Infinity;
  for (const { place } of ranked) {
    if (place.position >= before) continue;
    if (place.isOpen) {
      if (before === Infinity) found.unshift(place);
      else found.push(place);
      before = place.position < initial ? 0 : place.position;
    } else found.push(place);
  }
  return found;
}

/**
 * Returns a function that scores the shards for a run: a pseudorandom whole number for each position. The scores are
 * part of the format: with other scores, stored runs would not be found.
 */
function scoresOf(runId: string): (position: number) => number {
  const digest = createHash('sha256').update(runId).digest();
  const [first, second] = [digest.readUInt32BE(0), digest.readUInt32BE(4)];
  return (position) => mixed(first ^ mixed((second + Math.imul(position + 1, 0x9e3779b9)) | 0));
}

/** The finalizer of MurmurHash3: each bit of the number changes about half of the bits of the result. */
function mixed(number: number): number {
  let mix = number;
  mix = Math.imul(mix ^ (mix >>> 16), 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  return (mix ^ (mix >>> 16)) >>> 0;
}
