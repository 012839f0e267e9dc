import { setTimeout as wait } from 'node:timers/promises';
import { Orchestrator } from 'orchestrator';
import { again, sleep, waitFor } from 'orchestrator/durable';
import { explore } from 'orchestrator/durable/testing';
import { describe, expect, it } from 'vitest';
import { rejection, timers } from '../support.js';

const orchestrator = new Orchestrator();
const options = { orchestrator };
const double = orchestrator.action('double', async (n: number) => {
  await wait((n * 7) % 3);
  return n * 2;
});
const fail = orchestrator.action('fail', async (n: number): Promise<number> => {
  await wait(n % 2);
  throw new RangeError(`no ${n}`);
});

describe('a killed run ends like one that is not killed', () => {
  it('steps, one after the other', async () => {
    const done = await explore(async () => [await double(1), await double(1), await double(2)]);
    expect(done.records).toBe(4);
  });

  it('map, with and without a limit', async () => {
    await explore(async () => orchestrator.map([1, 2, 3, 4, 5], double, { concurrency: 2 }));
    await explore(async () => orchestrator.map([1, 2, 3, 4, 5], double));
  });

  it('raw Promise.all with two steps a branch', async () => {
    const chain = async (n: number) => double(await double(n));
    await explore(() => Promise.all([1, 2, 3, 4].map(chain)));
  });

  it('raw Promise.all with I/O between', async () => {
    const chain = async (n: number) => {
      const first = await double(n);
      await wait(n % 3);
      return double(first);
    };
    await explore(() => Promise.all([1, 2, 3].map(chain)));
  });

  it('failures that are caught', async () => {
    await explore(async () => {
      const error = await fail(1).catch((thrown) => thrown);
      return [error instanceof RangeError, error.message, await double(1)];
    });
  });

  it('failures that end the run', async () => {
    await explore(async () => {
      await double(1);
      await orchestrator.map([1, 2, 3], (n) => (n === 2 ? fail(n) : double(n)));
    });
  });

  it('failFast, which aborts the others', async () => {
    const slow = orchestrator.action('slow', (n: number) => wait(20, n, { signal: orchestrator.signal }));
    await explore(async () => {
      const load = orchestrator.parallel([() => slow(1), () => fail(1)], { failFast: true });
      const reason = await load().catch((error) => error.message);
      return [reason, await double(3)];
    });
  });

  it('any', async () => {
    await explore(async () => [await orchestrator.any([() => fail(1), () => double(2)])(), await double(1)], options);
  });

  it('each', async () => {
    const script = async () => {
      const all: number[] = [];
      for await (const n of orchestrator.each([1, 2, 3], double, { concurrency: 2 })) all.push(n);
      return [all.sort(), await double(9)];
    };
    await explore(script, options);
  });

  it('nested runs', async () => {
    const inner = () => orchestrator.run(async () => (await double(5)) + (await double(6)), { name: 'inner' });
    await explore(async () => [await inner(), await double(1), await inner()], options);
  });

  it('sleeps', async () => {
    await explore(async () => [await sleep(3), await double(1), await Promise.all([sleep(2), sleep(2)])], options);
  });

  it('signals', async () => {
    await explore(async () => [await waitFor('approved'), await double(1)], {
      ...options,
      signals: { approved: 'eve' },
    });
  });

  it('a group that reaches its limit', async () => {
    const slow = orchestrator.action('slow', (ms: number) => wait(ms, ms, { signal: orchestrator.signal }));
    await explore(async () => {
      const settled = await orchestrator.map([1, 60_000], slow, { settle: true, timeout: 400 });
      return [settled.map(({ status }) => status), await double(1)];
    });
  });
});

describe('explore', () => {
  it('takes incarnations of a run that begins anew for what they are', async () => {
    let round = 0;
    const script = async () => {
      await double(1);
      return round++ < 2 ? again() : 'end';
    };
    const done = await explore(script, {
      ...options,
      reset: () => {
        round = 0;
      },
    });
    expect(done.deaths).toBeGreaterThan(4);
  });

  it('sends signals once, also to a run that has forgotten them', async () => {
    const seen: unknown[] = [];
    const script = async () => {
      const state = orchestrator.getState() as { approved?: unknown };
      if (state.approved !== undefined) {
        const more = await waitFor('approved', { timeout: 1 }).catch(() => 'none');
        seen.push(more);
        return [state.approved, more];
      }
      const approved = await waitFor('approved');
      await note(approved);
      return again();
    };
    const note = orchestrator.action('note', (approved: unknown) => {
      Object.assign(orchestrator.getState(), { approved });
    });
    await explore(script, { ...options, signals: { approved: 'eve' } });
    expect(new Set(seen)).toEqual(new Set(['none']));
  });

  it('leaves nothing behind that keeps the program alive', async () => {
    const before = timers();
    await explore(() => Promise.race([sleep(3_600_000), double(1)]), options);
    expect(timers()).toBeLessThanOrEqual(before);
  });

  it('says which signal is missing', async () => {
    const message = (name: string) =>
      `the run waits for the signal "${name}", of which none is left, and does nothing else: add it to signals`;
    expect(await rejection(explore(() => waitFor('a b/ü')))).toMatchObject({ message: message('a b/ü') });
    const twice = async () => [await waitFor('a'), await orchestrator.run(() => waitFor('a'), { name: 'inner' })];
    expect(await rejection(explore(twice, { ...options, signals: { a: 1 } }))).toMatchObject({ message: message('a') });
  });

  it('waits for a signal together with work, a sleep or a limit', async () => {
    const work = orchestrator.action('work', (ms: number) => wait(ms));
    const waits = [
      (ms: number) => Promise.race([waitFor('a'), work(ms)]),
      (ms: number) => Promise.race([waitFor('a'), sleep(ms)]),
      (ms: number) => waitFor('a', { timeout: ms }).catch(() => 'late'),
    ];
    for (const script of waits) {
      let lives = 0;
      // Only the run that is not killed takes long.
      await explore(() => script(lives++ === 0 ? 1_500 : 1), options);
    }
  });
});
