/**
 * @typedef {{ atMost: number } | { atLeast: number } | { above: number } | { below: number }} Target
 */

const rules = {
  atMost: ['at most', (value, limit) => value <= limit],
  atLeast: ['at least', (value, limit) => value >= limit],
  above: ['above', (value, limit) => value > limit],
  below: ['below', (value, limit) => value < limit],
};

/** The target in words, such as `at least 10`; empty without a target. */
export function wordsOf(target = {}) {
  return Object.entries(target)
    .map(([kind, limit]) => `${rules[kind][0]} ${limit}`)
    .join('');
}

/** ` met` or ` missed`, to append to the figure; empty without a target. */
export function verdictOn(value, target = {}) {
  return Object.entries(target)
    .map(([kind, limit]) => (rules[kind][1](value, limit) ? ' met' : ' missed'))
    .join('');
}
