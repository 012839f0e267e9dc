import { expect, it } from 'vitest';
import { Histogram } from '../../src/loops/histogram.js';
import fc from '../properties.js';

/** The smallest value that the given share of all values does not exceed. */
function quantile(values: readonly number[], share: number): number {
  return [...values].sort((one, other) => one - other)[Math.ceil(share * values.length) - 1] as number;
}

it('has every quantile within 12.5 percent, from 8 nanoseconds to an hour', () => {
  const duration = fc.double({ min: Math.log(8e-6), max: Math.log(3.6e6), noNaN: true }).map(Math.exp);
  fc.assert(
    fc.property(fc.array(duration, { minLength: 1, maxLength: 300 }), (values) => {
      const histogram = new Histogram();
      for (const value of values) histogram.record(value);
      const { p50, p90, p99, max } = histogram.durations;
      expect(max).toBe(Math.max(...values));
      for (const [found, share] of [
        [p50, 0.5],
        [p90, 0.9],
        [p99, 0.99],
      ] as const) {
        const exact = quantile(values, share);
        expect(found / exact).toBeGreaterThanOrEqual(1 - 1e-9);
        expect(found / exact).toBeLessThanOrEqual(1.125 + 1e-9);
      }
    }),
    { numRuns: 500 },
  );
});

it('is exact at the boundaries of its buckets', () => {
  for (let octave = 3; octave < 43; octave++) {
    for (let part = 8; part < 16; part++) {
      const nanoseconds = part * 2 ** (octave - 3);
      const histogram = new Histogram();
      for (let time = 0; time < 9; time++) histogram.record(nanoseconds / 1e6);
      histogram.record(1e9);
      expect(histogram.durations.p90 / (nanoseconds / 1e6)).toBeCloseTo(1 + 1 / part, 9);
    }
  }
});

it('records zero and very small values exactly', () => {
  const histogram = new Histogram();
  expect(histogram.durations).toEqual({ p50: 0, p90: 0, p99: 0, max: 0 });
  histogram.record(0);
  histogram.record(-1);
  expect(histogram.durations).toEqual({ p50: 0, p90: 0, p99: 0, max: 0 });
  histogram.record(3e-6);
  expect(histogram.durations).toEqual({ p50: 1e-6, p90: 3e-6, p99: 3e-6, max: 3e-6 });
});

it('counts values beyond its range in the last bucket', () => {
  const histogram = new Histogram();
  histogram.record(1e12);
  expect(histogram.durations).toMatchObject({ max: 1e12 });
  expect(histogram.durations.p50).toBeGreaterThan(3.6e6);
});
