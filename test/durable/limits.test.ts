import { setTimeout as wait } from 'node:timers/promises';
import { ParallelError } from 'orchestrator';
import { DurableFunction } from 'orchestrator/durable';
import { replay } from 'orchestrator/durable/testing';
import { describe, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { rejection } from '../support.js';
import { mortal } from './support.js';

/** A run with tasks that end at once, and tasks that end when they are aborted. */
function limited() {
  const run = mortal();
  return {
    ...run,
    work: run.action('work', (n: number) => n),
    slow: run.action('slow', () => wait(60_000, undefined, { signal: run.orchestrator.signal })),
    /** Waits until the due times that are recorded are over. */
    overdue: () =>
      eventually(async () => {
        const dues = (await run.records()).flatMap((record) => ('d' in record ? Number(record.d) : []));
        return dues.length > 0 && Math.max(...dues) < Date.now();
      }),
  };
}

const timeout = 250;

describe('the limit of a group', () => {
  for (const [when, at] of [
    ['has passed in an earlier life', 5],
    ['has passed while no program lived', 3],
  ] as const) {
    it(`that ${when} comes after the results before it, also if they take their time`, async () => {
      const { orchestrator, work, slow, live, die, called, overdue } = limited();
      const script = async () => {
        const group = orchestrator.map(
          [1, 2],
          async (n) => {
            // Work outside of tasks is done again in every life.
            await wait(n * 20);
            if (n === 2) await slow();
            return work(n);
          },
          { timeout, settle: true },
        );
        const settled = (await group).map((one) => (one.status === 'fulfilled' ? one.value : one.reason.name));
        return [settled, await work(9)];
      };
      await die(at, script);
      await overdue();
      called();
      expect(await live(script)).toEqual([[1, 'TimeoutError'], 9]);
      expect(called().filter((call) => call !== 'slow')).toEqual(['work 9']);
    });
  }

  it('is recorded once, and the code then goes on in every life', async () => {
    const { orchestrator, work, slow, live, die, records } = limited();
    const script = async () => {
      const error = await rejection(orchestrator.map([1], slow, { timeout: 20 }));
      return [(error as Error).name, await work(1)];
    };
    for (const at of [2, 2, 2, 2]) await die(at, script);
    expect(await live(script)).toEqual(['ParallelError', 1]);
    const limits = (await records()).filter((record) => 'i' in record && record.i.endsWith('!timeout'));
    expect(limits).toHaveLength(2);
  });

  it('counts anew when the run has failed with it', async () => {
    const { orchestrator, slow, live, called, records } = limited();
    let isSlow = true;
    const script = () => orchestrator.map([1], () => (isSlow ? slow() : undefined), { timeout: 20 });
    expect(await rejection(live(script))).toMatchObject({ name: 'ParallelError' });
    isSlow = false;
    expect(await live(script)).toEqual([undefined]);
    expect(called()).toEqual(['slow']);
    expect((await records()).filter((record) => 'd' in record)).toHaveLength(2);
  });

  it('does not wait for ever for results that changed code does not ask for', async () => {
    const { orchestrator, work, slow, live, die } = limited();
    const run = (fn: () => unknown) => () => orchestrator.map([1], fn, { timeout: 30 });
    await die(
      4,
      run(async () => {
        await work(1);
        await slow();
      }),
    );
    expect(await rejection(live(run(() => new Promise(() => {}))))).toBeInstanceOf(ParallelError);
  });

  it('does not hold up the end of a run that has left the group behind', async () => {
    const { orchestrator, work, slow, live, die } = limited();
    const script = (limit: number, raw: Promise<unknown>) => () => {
      const group = orchestrator.map(
        [1],
        async () => {
          await raw;
          await work(1);
          await slow();
        },
        { timeout: limit },
      );
      return Promise.race([group.catch(() => new Promise(() => {})), wait(60).then(() => work(2))]);
    };
    await die(6, script(20, Promise.resolve()));
    // A limit of an hour would be waited for.
    expect(await live(script(3_600_000, new Promise(() => {})))).toBe(2);
  });

  it('that has passed while no program lived is ahead of a replay', async () => {
    const { orchestrator, slow, store, journal, id, overdue } = limited();
    const options = { timeout: 20, settle: true } as const;
    const fn = new DurableFunction('f', () => orchestrator.map([1], slow, options), { orchestrator });
    const died = store.begin({ at: 1, isStored: true });
    await fn.start(undefined, { id, journal });
    await died;
    await overdue();
    expect(await replay(journal, fn)).toEqual([{ id, reached: 'ahead' }]);
  });

  it('limits calls that are left behind by a run that has ended', async () => {
    const { orchestrator, slow, live } = limited();
    let left: Promise<unknown> = Promise.resolve();
    await live(async () => {
      left = wait(20).then(() => orchestrator.map([1], slow, { timeout: 20 }));
    });
    expect(await rejection(left)).toMatchObject({ name: 'ParallelError' });
  });
});

describe('the limit of a nested run', () => {
  it('is one deadline over all lives, also if results before it take their time', async () => {
    const { orchestrator, work, slow, live, die, called, overdue } = limited();
    const script = async () => {
      const inner = orchestrator.run(
        async () => {
          await wait(20);
          await work(1);
          await wait(20);
          await work(2);
          await slow();
        },
        { name: 'inner', timeout },
      );
      return [await inner.catch((error: Error) => error.message), await work(3)];
    };
    await die(4, script);
    await overdue();
    called();
    expect(await live(script)).toEqual([`"inner" timed out after ${timeout} ms`, 3]);
    expect(called().filter((call) => call !== 'slow')).toEqual(['work 3']);
  });

  it('of a run that has completed is not in the way later', async () => {
    const { orchestrator, work, live, die, overdue } = limited();
    const script = async () => [
      await orchestrator.run(() => work(1), { name: 'inner', timeout: 50 }),
      await work(2),
      await work(3),
    ];
    await die(5, script);
    await overdue();
    expect(await live(script)).toEqual([1, 2, 3]);
  });
});
