import type { Durations } from './health.js';

/** Number of buckets for each power of two of nanoseconds. 42 powers of two cover durations of more than an hour. */
const perOctave = 8;
const octaves = 42;

/** Histogram of the durations of iterations. Memory is constant, and recording takes a few nanoseconds. */
export class Histogram {
  readonly #counts = new Float64Array(perOctave * octaves);
  #total = 0;
  #max = 0;

  record(milliseconds: number): void {
    const nanoseconds = milliseconds * 1e6;
    if (milliseconds > this.#max) this.#max = milliseconds;
    this.#total++;
    const bucket = bucketOf(nanoseconds);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
  }

  get durations(): Durations {
    return { p50: this.#quantile(0.5), p90: this.#quantile(0.9), p99: this.#quantile(0.99), max: this.#max };
  }

  #quantile(share: number): number {
    if (this.#total === 0) return 0;
    const rank = Math.ceil(share * this.#total);
    let seen = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      seen += this.#counts[bucket] as number;
      if (seen >= rank) return Math.min(upperOf(bucket) / 1e6, this.#max);
    }
    return this.#max;
  }
}

function bucketOf(nanoseconds: number): number {
  // Durations beyond two seconds exceed 31 bits and take the slower path.
  if (nanoseconds >= 2 ** 31) return longBucketOf(nanoseconds);
  const whole = nanoseconds | 0;
  if (whole < perOctave) return Math.max(0, whole);
  const octave = 31 - Math.clz32(whole);
  return (octave - 2) * perOctave + (whole >>> (octave - 3)) - perOctave;
}

function longBucketOf(nanoseconds: number): number {
  const octave = Math.floor(Math.log2(nanoseconds));
  const part = Math.floor(nanoseconds / 2 ** (octave - 3)) - perOctave;
  return Math.min((octave - 2) * perOctave + part, perOctave * octaves - 1);
}

function upperOf(bucket: number): number {
  if (bucket < perOctave) return bucket + 1;
  const octave = Math.floor(bucket / perOctave) + 2;
  return (perOctave + (bucket % perOctave) + 1) * 2 ** (octave - 3);
}
