/**
 * Returns the name that a misspelt name most likely stands for: the one with the fewest inserted, removed and replaced
 * characters, regardless of case. `undefined` if none is close.
 */
export function closestTo(name: string, names: Iterable<string>): string | undefined {
  let closest: string | undefined;
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const known of names) {
    const distance = distanceOf(name.toLowerCase(), known.toLowerCase());
    if (distance >= least) continue;
    least = distance;
    closest = known;
  }
  return closest;
}

/** The Levenshtein distance, row by row. */
function distanceOf(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1];
    for (let column = 0; column < to.length; column++) {
      const replaced = (row[column] as number) + (letter === to[column] ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] as number) + 1, (next[column] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}
