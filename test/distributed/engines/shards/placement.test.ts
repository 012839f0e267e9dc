import { describe, expect, it } from 'vitest';
import { type Place, placesOf } from '../../../../src/distributed/engines/shards/placement.js';

const ids = Array.from({ length: 3_000 }, (_, number) => `order-${number}`);

function open(count: number): Place[] {
  return Array.from({ length: count }, (_, position) => ({ position, isOpen: true }));
}

function withDrained(places: readonly Place[], ...drained: readonly number[]): Place[] {
  return places.map((place) => ({ ...place, isOpen: !drained.includes(place.position) }));
}

function positionsOf(runId: string, places: readonly Place[], initial = 1): number[] {
  return placesOf(runId, places, initial).map(({ position }) => position);
}

function homeOf(runId: string, places: readonly Place[]): number {
  return positionsOf(runId, places)[0] as number;
}

describe('the home of a run', () => {
  it('follows from its id, in every version of this package', () => {
    const homes = ['', 'order-42', 'order-43', 'ä 😀', '0d7c5b9e-6f3e-4a2e-9d61-51f3f0f8a001'].map((id) =>
      homeOf(id, open(8)),
    );
    expect(homes).toMatchInlineSnapshot(`
      [
        5,
        1,
        6,
        4,
        4,
      ]
    `);
  });

  it('is each shard as often as any other', () => {
    const places = open(5);
    const counts = places.map(({ position }) => ids.filter((id) => homeOf(id, places) === position).length);
    expect(Math.min(...counts)).toBeGreaterThan(ids.length / 6);
    expect(Math.max(...counts)).toBeLessThan(ids.length / 4);
  });

  it('does not depend on the order in which the shards are given', () => {
    const places = open(5);
    expect(ids.map((id) => homeOf(id, [...places].reverse()))).toEqual(ids.map((id) => homeOf(id, places)));
  });

  it('changes with a new shard only for runs that move to this shard', () => {
    const moved = ids.filter((id) => homeOf(id, open(5)) !== homeOf(id, open(6)));
    expect(new Set(moved.map((id) => homeOf(id, open(6))))).toEqual(new Set([5]));
    expect(moved.length).toBeGreaterThan(ids.length / 8);
    expect(moved.length).toBeLessThan(ids.length / 5);
  });

  it('is never a drained shard, and stays the same for all runs of the other shards', () => {
    const drained = withDrained(open(4), 2);
    for (const id of ids) {
      const [before, after] = [homeOf(id, open(4)), homeOf(id, drained)];
      if (before === 2) expect(after).not.toBe(2);
      else expect(after).toBe(before);
    }
  });
});

describe('the shards that may have a run', () => {
  /** Every list that a fleet may have had: shards were added and drained in any order, and never opened again. */
  function histories(count: number, initial: number): Place[][][] {
    const found: Place[][][] = [];
    const go = (history: Place[][]) => {
      const now = history.at(-1) as Place[];
      if (now.length === count) found.push(history);
      if (now.length < count) go([...history, [...now, { position: now.length, isOpen: true }]]);
      const isOpen = now.filter((place) => place.isOpen);
      for (const { position } of isOpen.length > 1 ? isOpen : []) {
        go([...history, now.map((place) => (place.position === position ? { position, isOpen: false } : place))]);
      }
    };
    go([open(initial)]);
    return found;
  }

  it.each([1, 2, 3])('are all that were its home at some time, if the fleet began with %i', (initial) => {
    for (const history of histories(4, initial)) {
      for (const id of ids.slice(0, 8)) {
        const places = positionsOf(id, history.at(-1) as Place[], initial);
        for (const then of history) expect(places, JSON.stringify([id, history])).toContain(homeOf(id, then));
      }
    }
  });

  it('begin with its home', () => {
    const places = withDrained(open(6), 1, 4);
    for (const id of ids) expect(places[positionsOf(id, places)[0] as number]?.isOpen).toBe(true);
  });

  it('are its home alone if no shard was added or drained', () => {
    for (const id of ids) expect(positionsOf(id, open(5), 5)).toEqual([homeOf(id, open(5))]);
  });

  it('are few, however many shards there are', () => {
    const sum = ids.reduce((total, id) => total + positionsOf(id, open(50)).length, 0);
    expect(sum / ids.length).toBeLessThan(5);
  });
});
