import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Seats } from '../../../src/distributed/engines/seats.js';
import { deferred } from '../../support.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** Seats with a source, and a function that lets a job of the given name come and returns how to end it. */
function scene(count: number) {
  const seats = new Seats(count);
  const events: string[] = [];
  seats.join({ onFull: () => events.push('full'), onFree: () => events.push('free') });
  const comes = (name: string) => {
    const work = deferred();
    const answer = seats.use(async () => {
      events.push(`${name} begins`);
      await work.promise;
      return 'done';
    });
    return { end: work.resolve, answer };
  };
  return { seats, events, comes };
}

describe('seats', () => {
  it('are taken at once while there are any', async () => {
    const { events, comes } = scene(2);
    comes('a');
    comes('b');
    await vi.advanceTimersByTimeAsync(0);
    expect(events).toEqual(['a begins', 'b begins']);
  });

  it('go to waiting jobs in the order of their arrival', async () => {
    const { events, comes } = scene(1);
    const first = comes('a');
    const second = comes('b');
    comes('c');
    first.end();
    await vi.advanceTimersByTimeAsync(1);
    second.end();
    await vi.advanceTimersByTimeAsync(1);
    expect(events.filter((event) => event.endsWith('begins'))).toEqual(['a begins', 'b begins', 'c begins']);
    expect(await first.answer).toBe('done');
  });

  it('let a job wait for a moment only, and give it back then', async () => {
    const { events, comes } = scene(1);
    comes('a');
    const { answer } = comes('b');
    await vi.advanceTimersByTimeAsync(250);
    expect(await answer).toEqual({ delay: 0 });
    expect(events).not.toContain('b begins');
  });

  it('hold the sources back as soon as a job waits, and let them come when a seat is free', async () => {
    const { events, comes } = scene(1);
    const { end } = comes('a');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(events).toEqual(['a begins']);
    comes('b');
    expect(events).toEqual(['a begins', 'full']);
    await vi.advanceTimersByTimeAsync(1_000);
    end();
    await vi.advanceTimersByTimeAsync(0);
    expect(events).toEqual(['a begins', 'full', 'free']);
  });

  it('let as many jobs wait as have left within a moment', async () => {
    const { events, comes } = scene(1);
    for (let number = 0; number < 10; number++) {
      const { end, answer } = comes('short');
      end();
      await answer;
    }
    for (let number = 0; number < 10; number++) comes('next');
    expect(events).not.toContain('full');
    comes('one too many');
    expect(events.at(-1)).toBe('full');
  });

  it('are free again after a job that fails', async () => {
    const { seats } = scene(1);
    await expect(seats.use(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(await seats.use(async () => 'done')).toBe('done');
  });

  it('hold back a source that joins while they are full', async () => {
    const { seats, comes } = scene(1);
    comes('a');
    comes('b');
    const onFull = vi.fn();
    seats.join({ onFull, onFree: () => {} });
    expect(onFull).toHaveBeenCalledOnce();
  });
});
