/** Milliseconds after which an unchanged state is sent again, because ages and durations change constantly. */
const freshFor = 2_000;

const movesByItself = ['time', 'age', 'seenAt'];

/** Adds a mark to a state; see `State`. */
export function marked<Value>(value: Value): { readonly value: Value; readonly mark: string } {
  const mark = JSON.stringify(value, (key, part) => (movesByItself.includes(key) ? undefined : part));
  return { value, mark: `${epoch()} ${mark}` };
}

/** A number that changes every `freshFor` milliseconds. */
export function epoch(): number {
  return Math.floor(performance.now() / freshFor);
}
