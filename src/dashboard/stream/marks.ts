/** After how many milliseconds is told again what has not changed, for what moves by itself: ages, durations. */
const freshFor = 2_000;

const movesByItself = ['time', 'age', 'seenAt'];

/** A state, and what tells it from others; see `State`. */
export function marked<Value>(value: Value): { readonly value: Value; readonly mark: string } {
  const mark = JSON.stringify(value, (key, part) => (movesByItself.includes(key) ? undefined : part));
  return { value, mark: `${epoch()} ${mark}` };
}

/** Another one every few seconds. */
export function epoch(): number {
  return Math.floor(performance.now() / freshFor);
}
