import { medianOf } from './median.mjs';

/**
 * Measures the given number of rounds. Returns the median of each figure, and of each ratio of figures within a round.
 */
export async function mediansOf(rounds, figuresOfRound, ratiosOf) {
  const found = new Map();
  for (let round = 0; round < rounds; round++) {
    const figures = await figuresOfRound(round);
    for (const figure of [...figures, ...ratiosOf(figures)]) {
      const values = found.get(figure.key)?.values ?? [];
      found.set(figure.key, { ...figure, values: [...values, figure.value] });
    }
  }
  return [...found.values()].map(({ values, ...figure }) => ({ ...figure, value: medianOf(values) }));
}
