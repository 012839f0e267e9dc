/**
 * The same three trivial nodes for all contenders: one counts, one doubles, one adds up. The first node also measures:
 * it ends after a time for warm-up and a time that counts, so that fast and slow contenders are measured equally long.
 * This module must not import the package, because its `AsyncLocalStorage` would slow down contenders without it.
 *
 * @param {object} options
 * @param {unknown} [options.end] value that the first node returns at the end
 * @param {number} [options.every] number of iterations between two looks at the clock
 * @param {boolean} options.quick
 */
export function jobOf({ end, every = 1_000, quick }) {
  const [warmUp, time] = quick ? [5, 10] : [120, 180];
  let count = 0;
  let sum = 0;
  let began;
  let from;
  let rate;
  const isOver = () => {
    const now = performance.now();
    began ??= now;
    if (from === undefined) {
      if (now - began >= warmUp) from = { now, count };
      return false;
    }
    if (now - from.now < time) return false;
    rate = (1_000 * (count - from.count)) / (now - from.now);
    return true;
  };
  return {
    next() {
      if (++count % every === 0 && isOver()) return end;
      return count;
    },
    double: (value) => 2 * value,
    add(value) {
      sum += value;
    },
    /** Iterations per second, provided that nothing was lost on the way. */
    result(total = sum) {
      // The last number is not passed on.
      const expected = (count - 1) * count;
      if (total !== expected) throw new Error(`expected a sum of ${expected}, got ${total}`);
      return rate;
    },
  };
}
