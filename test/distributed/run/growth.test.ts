import { describe, expect, it } from 'vitest';
import { Growth } from '../../../src/distributed/run/growth.js';

/** Commits entries of 1,000 characters each. The given share of them stays in the snapshot. */
function grown(entries: number, share: number) {
  const growth = new Growth();
  growth.begin(0, 100);
  const snapshots: number[] = [];
  let [kept, since, longest] = [0, 0, 0];
  for (let seq = 1; seq <= entries; seq++) {
    growth.add(seq, 'x'.repeat(1_000));
    kept += 1_000 * share;
    since += 1_000;
    longest = Math.max(longest, since);
    if (!growth.isDue) continue;
    snapshots.push(kept);
    growth.begin(seq, kept);
    since = 0;
  }
  return { written: snapshots.reduce((sum, size) => sum + size, 0), count: snapshots.length, longest };
}

describe('the journal of a run', () => {
  it('is compacted when it has outgrown its snapshot, so that all snapshots are no larger than the entries', () => {
    const { written, count } = grown(20_000, 1);
    expect(written).toBeLessThan(2 * 20_000 * 1_000);
    expect(count).toBeLessThan(10);
  });

  it('stays small if nothing stays in the snapshot, however many entries there are', () => {
    const { longest, count } = grown(20_000, 0);
    expect(longest).toBeLessThan(300_000);
    expect(count).toBeGreaterThan(50);
  });

  it('counts an entry once, and after a compaction that failed only when it has grown as much again', () => {
    const growth = new Growth();
    growth.begin(5, 0);
    growth.add(5, 'x'.repeat(300_000));
    expect(growth.isDue).toBe(false);
    growth.add(6, 'x'.repeat(200_000));
    growth.add(6, 'x'.repeat(200_000));
    expect(growth.isDue).toBe(false);
    growth.add(7, 'x'.repeat(100_000));
    expect(growth.isDue).toBe(true);
    growth.defer(7);
    growth.add(8, 'x'.repeat(100_000));
    expect(growth.isDue).toBe(false);
    growth.add(9, 'x'.repeat(200_000));
    expect(growth.isDue).toBe(true);
  });
});
