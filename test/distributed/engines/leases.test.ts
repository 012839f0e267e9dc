import { describe, expect, it, vi } from 'vitest';
import { type Held, type LeaseStore, Leases } from '../../../src/distributed/engines/leases.js';
import { rejection } from '../../support.js';

/** Holds in memory, in a place with no dead processes. */
function inMemory(): LeaseStore & { readonly holds: Map<string, Held> } {
  const holds = new Map<string, Held>();
  return {
    holds,
    place: async () => ({ id: 'here', isDead: async (id) => id === 'dead' }),
    take: async ({ runId, instead, ...hold }) => {
      const held = holds.get(runId);
      if (held !== undefined && held.token !== instead) return held;
      holds.set(runId, { ...hold, since: 1 });
      return undefined;
    },
    renew: async (held) =>
      held.filter(({ runId, token }) => holds.get(runId)?.token === token).map(({ token }) => token),
    release: async (runId, token) => {
      if (holds.get(runId)?.token === token) holds.delete(runId);
    },
  };
}

describe('holds of a program', () => {
  it('are renewed together, three times in a lease, until the last is released', async () => {
    vi.useFakeTimers();
    const store = inMemory();
    const renew = vi.spyOn(store, 'renew');
    const leases = new Leases(store, 900);
    const claims = [await leases.claim('a'), await leases.claim('b')] as const;
    await vi.advanceTimersByTimeAsync(650);
    expect(renew.mock.calls.map(([holds]) => holds.map(({ runId }) => runId))).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
    await claims[0].release();
    await vi.advanceTimersByTimeAsync(300);
    expect(renew.mock.lastCall?.[0].map(({ runId }) => runId)).toEqual(['b']);
    await claims[1].release();
    await vi.advanceTimersByTimeAsync(3_000);
    expect([renew.mock.calls.length, vi.getTimerCount()]).toEqual([3, 0]);
    vi.useRealTimers();
  });

  it('are renewed again after a failed renewal, one renewal at a time, but not once they are lost', async () => {
    vi.useFakeTimers();
    const store = inMemory();
    let answer = () => {};
    const renew = vi
      .spyOn(store, 'renew')
      .mockRejectedValueOnce(new Error('away'))
      .mockImplementationOnce(
        (held) => new Promise((resolve) => (answer = () => resolve(held.map(({ token }) => token)))),
      );
    const leases = new Leases(store, 900);
    await leases.claim('a');
    await vi.advanceTimersByTimeAsync(1_300);
    expect(renew).toHaveBeenCalledTimes(2);
    answer();
    store.holds.clear();
    await vi.advanceTimersByTimeAsync(1_000);
    expect([renew.mock.calls.length, vi.getTimerCount()]).toEqual([3, 0]);
    vi.useRealTimers();
  });

  it('of other programs are named, and those of dead programs are taken over', async () => {
    const store = inMemory();
    const leases = new Leases(store, 900);
    store.holds.set('a', { token: 't', holder: 'another', place: 'there', since: 5 });
    store.holds.set('b', { token: 't', holder: 'another', place: 'dead', since: 5 });
    expect(await rejection(leases.claim('a'))).toMatchObject({ code: 'ERR_LOCKED', holder: 'another', since: 5 });
    const { release } = await leases.claim('b', 'me');
    expect(store.holds.get('b')).toMatchObject({ holder: 'me', place: 'here' });
    await release();
  });

  it('that could not be released do not block the program itself', async () => {
    const store = inMemory();
    const leases = new Leases(store, 900);
    vi.spyOn(store, 'release').mockRejectedValueOnce(new Error('away'));
    const first = await leases.claim('a');
    await first.release();
    expect(store.holds.has('a')).toBe(true);
    const second = await leases.claim('a');
    expect(store.holds.get('a')?.token).toBe(second.token);
    await first.release();
    expect(store.holds.get('a')?.token).toBe(second.token);
    await second.release();
    expect(store.holds.has('a')).toBe(false);
  });
});
