import { MemoryCoordinationStore } from 'orchestrator/flow';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

describe('MemoryCoordinationStore', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('sets a key once, counts from 0, and removes', async () => {
    const store = new MemoryCoordinationStore();
    expect(await store.setIfNotExist('a', 'one', 60)).toBe(true);
    expect(await store.setIfNotExist('a', 'two', 60)).toBe(false);
    expect(await store.get('a')).toBe('one');
    expect([await store.increment('n', 60), await store.increment('n', 60)]).toEqual([1, 2]);
    await store.delete('a');
    expect(await store.get('a')).toBeUndefined();
    expect(await store.setIfNotExist('a', 'two', 60)).toBe(true);
  });

  it('drops a key after its lifetime, unless the lifetime is extended', async () => {
    const store = new MemoryCoordinationStore();
    await store.setIfNotExist('a', 'one', 60);
    await store.setIfNotExist('b', 'two', 60);
    await store.increment('n', 60);
    vi.advanceTimersByTime(59_000);
    expect(await store.extendTTL('a', 60)).toBe(true);
    vi.advanceTimersByTime(2_000);
    expect([await store.get('a'), await store.get('b')]).toEqual(['one', undefined]);
    expect(await store.increment('n', 60)).toBe(1);
    expect(await store.extendTTL('b', 60)).toBe(false);
    expect(await store.setIfNotExist('b', 'three', 60)).toBe(true);
  });

  it('holds at most twice the number of live keys, even if nobody reads the expired ones', async () => {
    const store = new MemoryCoordinationStore();
    await store.setIfNotExist('kept', 'yes', 100_000);
    for (let second = 0; second < 5_000; second++) {
      await store.setIfNotExist(`guard ${second}`, 'yes', 100);
      await store.increment(`counter ${second}`, 100);
      vi.advanceTimersByTime(1_000);
      expect(store.size).toBeLessThan(420);
    }
    expect(await store.get('kept')).toBe('yes');
  });
});
