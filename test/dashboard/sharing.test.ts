import { afterEach, describe, expect, it, vi } from 'vitest';
import { EngineHealth } from '../../src/dashboard/stream/engine-health.js';
import { Feed } from '../../src/dashboard/stream/feed.js';
import { shared } from '../../src/dashboard/views/shared.js';
import { eventually } from '../distributed/servers/eventually.js';
import { deferred, rejection, settled } from '../support.js';

describe('concurrent requests', () => {
  it('share one call that starts after they have arrived', async () => {
    const makings: { key: string; made: ReturnType<typeof deferred<string>> }[] = [];
    const get = shared((key) => {
      const made = deferred<string>();
      makings.push({ key, made });
      return made.promise;
    });
    const first = get('a');
    const other = get('b');
    const second = [get('a'), get('a')];
    expect(makings.map(({ key }) => key)).toEqual(['a', 'b']);
    makings[0]?.made.resolve('old');
    makings[1]?.made.resolve('of b');
    expect([await first, await other]).toEqual(['old', 'of b']);
    await settled();
    expect(makings).toHaveLength(3);
    const third = get('a');
    makings[2]?.made.reject(new Error('bad'));
    for (const one of second) expect(await rejection(one)).toEqual(new Error('bad'));
    await settled();
    expect(makings).toHaveLength(4);
    makings[3]?.made.resolve('new');
    expect(await third).toBe('new');
    await settled();
    void get('a');
    expect(makings).toHaveLength(5);
  });
});

describe('a feed', () => {
  it('looks again if something may have changed during a look, and sends the change', async () => {
    const looks: ReturnType<typeof deferred<string>>[] = [];
    const told: string[] = [];
    const errors: unknown[] = [];
    const feed = new Feed(
      'run',
      async () => {
        const look = deferred<string>();
        looks.push(look);
        const mark = await look.promise;
        return mark === '' ? undefined : { value: { mark }, mark };
      },
      (state) => told.push(state),
      (error) => errors.push(error),
    );
    const look = async (number: number) => {
      await eventually(() => looks.length === number);
      return looks[number - 1] as (typeof looks)[number];
    };
    feed.touch();
    feed.touch();
    const first = await look(1);
    feed.touch();
    feed.touch();
    first.resolve('one');
    (await look(2)).resolve('one');
    await settled();
    expect(told).toEqual(['{"mark":"one"}']);
    feed.touch();
    (await look(3)).reject(new Error('away'));
    await settled();
    expect(errors).toEqual([new Error('away')]);
    feed.touch();
    (await look(4)).resolve('');
    await settled();
    feed.touch();
    const last = await look(5);
    feed.close();
    last.resolve('two');
    await settled();
    feed.touch();
    expect([told, feed.last, looks.length]).toEqual([['{"mark":"one"}'], '{"mark":"one"}', 5]);
  });
});

describe('the health of an engine', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is bad during a long silence, until the engine answers', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const health = new EngineHealth((text) => text);
    expect(health.state.value).toMatchObject({ isAnswering: true });
    const look = deferred<number>();
    const watched = health.watch(look.promise);
    vi.advanceTimersByTime(4_900);
    expect(health.state.value).toMatchObject({ isAnswering: true });
    vi.advanceTimersByTime(200);
    expect(health.state.value).toMatchObject({ isAnswering: false, problem: 'no answer for 5 seconds' });
    look.resolve(7);
    expect(await watched).toBe(7);
    expect(health.state.value).toMatchObject({ isAnswering: true });
  });
});
