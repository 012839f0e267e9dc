import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { TimeoutError, ValidationError } from 'orchestrator';
import {
  again,
  DivergenceError,
  DurableFunction,
  fileJournal,
  Journal,
  JournalError,
  type JournalSummary,
  memoryJournal,
  type OpenRequest,
  patched,
  RunExistsError,
  RunsError,
  sleep,
  step,
  waitFor,
} from 'orchestrator/durable';
import { replay } from 'orchestrator/durable/testing';
import { describe, expect, it, vi } from 'vitest';
import { MemoryJournalStore } from '../../src/durable/journals/memory-store.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { rejection, settled } from '../support.js';
import { mortal } from './support.js';

describe('changed code', () => {
  const changes: Record<
    string,
    (work: (n: number) => Promise<number>, orchestrator: ReturnType<typeof mortal>['orchestrator']) => unknown
  > = {
    'a step inserted': async (work) => [await work(1), await work(9), await work(2), await work(3)],
    'a step with other arguments': async (work) => [await work(1), await work(7), await work(3)],
    'a step moved into map': async (work, orchestrator) => orchestrator.map([1, 2, 3], work),
  };
  for (const [name, changed] of Object.entries(changes)) {
    it(`${name}: nothing is executed`, async () => {
      const { action, orchestrator, live, die, called, status } = mortal();
      const work = action('work', (n: number) => n);
      await die(3, async () => [await work(1), await work(2), await work(3)]);
      called();
      const error = await rejection(live(() => changed(work, orchestrator)));
      expect(error).toBeInstanceOf(DivergenceError);
      expect(error).toMatchObject({ code: 'ERR_DIVERGENCE', recorded: expect.stringMatching(/ work \[[\w-]+\]#0$/) });
      expect((error as DivergenceError).called).toMatch(/ work \[[\w-]+\]#0$/);
      expect(called()).toEqual([]);
      expect(await status()).toBe('failed');
      expect(await live(async () => [await work(1), await work(2), await work(3)])).toEqual([1, 2, 3]);
      expect(called()).toEqual(['work 3']);
    });
  }

  it('a step removed: the end fails', async () => {
    const { action, live, die, called } = mortal();
    const work = action('work', (n: number) => n);
    await die(3, async () => [await work(1), await work(2)]);
    called();
    const error = await rejection(live(() => work(1)));
    expect(error).toBeInstanceOf(DivergenceError);
    expect((error as DivergenceError).called).toBeUndefined();
    expect((error as Error).message).toMatch(/run "run" has ended although \/ work \[\w+\]#0 is recorded/);
    expect(called()).toEqual([]);
  });

  it('cannot be caught', async () => {
    const { live, die } = mortal();
    await die(2, () => step('a', () => 1));
    const script = () => step('b', () => 1).catch(() => 'swallowed');
    expect(await rejection(live(script))).toBeInstanceOf(DivergenceError);
  });

  it('behind patched is used by runs that have not been there', async () => {
    const { live, die, called, action } = mortal();
    const work = action('work', (n: number) => n);
    const old = async () => [await work(1), await work(2), await work(3)];
    const changed = async () => {
      const first = await work(1);
      const more = (await patched('more')) ? [await work(10)] : [];
      return [first, ...more, await work(2), await work(3)];
    };
    await die(3, old);
    await die(2, changed);
    expect(await live(changed)).toEqual([1, 2, 3]);
    expect(called()).toEqual(['work 1', 'work 2', 'work 3']);

    const fresh = mortal();
    const again = fresh.action('work', (n: number) => n);
    const script = async () => [await again(1), await patched('more'), await again(2)];
    await fresh.die(3, script);
    expect(await fresh.live(script)).toEqual([1, true, 2]);

    const under = mortal();
    const slow = under.action('work', (n: number) => n);
    await under.die(2, async () => [await slow(1), await slow(2)]);
    expect(await under.live(async () => [await slow(1), await patched('more'), await slow(2)])).toEqual([1, true, 2]);
  });
});

describe('sleep and waitFor', () => {
  it('sleeps once over all lives', async () => {
    const { live, die } = mortal();
    const script = async () => {
      await sleep(2_000);
      return 'awake';
    };
    await die(2, script);
    await wait(1_800);
    const began = performance.now();
    expect(await live(script)).toBe('awake');
    expect(performance.now() - began).toBeLessThan(1_800);
  });

  it('gives each signal to one wait, whenever it was sent', async () => {
    const { live, die, journal, id } = mortal();
    const script = async () => [
      await waitFor('a'),
      await waitFor('b'),
      ...(await Promise.all([waitFor('a'), waitFor('a')])),
    ];
    expect(await rejection(live(script, { signal: AbortSignal.timeout(5) }))).toMatchObject({ name: 'TimeoutError' });
    await journal.signal(id, 'b', { early: true });
    await journal.signal(id, 'a', 1);
    await die(2, script);
    await journal.signal(id, 'a', 2);
    const pending = live(script);
    await wait(10);
    await journal.signal(id, 'a');
    expect(await pending).toEqual([1, { early: true }, 2, undefined]);
    expect(await rejection(journal.signal('unknown', 'a'))).toBeInstanceOf(JournalError);
  });

  it('fails with a TimeoutError when the wait expires, and no later signal changes that', async () => {
    const { live, die, journal, id } = mortal();
    const script = async () => {
      const error = await waitFor('a', { timeout: 20 }).catch((thrown: Error) => thrown as Error);
      await step('after', () => 1);
      return [error instanceof TimeoutError, (error as Error).message];
    };
    await die(4, script);
    await journal.signal(id, 'a', 1);
    expect(await live(script)).toEqual([true, '"a" timed out after 20 ms']);
  });

  it('last no longer than asked for, in any life, if the clock is set back', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
    try {
      const setBack = () => vi.setSystemTime(Date.now() - 3_600_000);
      const armed = async () => {
        while (vi.getTimerCount() === 0) await settled();
      };
      const scripts = [
        () => sleep(60_000),
        () => waitFor('a', { timeout: 60_000 }).catch((error) => void expect(error).toBeInstanceOf(TimeoutError)),
      ];
      for (const script of scripts) {
        for (const isLater of [false, true]) {
          const { live, die } = mortal();
          if (isLater) {
            await die(2, script);
            setBack();
          }
          const ended = vi.fn();
          const run = live(script).then(ended);
          await armed();
          setBack();
          await vi.advanceTimersByTimeAsync(59_999);
          expect(ended).not.toHaveBeenCalled();
          await vi.advanceTimersByTimeAsync(1);
          await run;
        }
      }
    } finally {
      vi.useRealTimers();
    }
  });

  it('does not wait for a sleep that has lost a race', async () => {
    const { live } = mortal();
    expect(await live(() => Promise.race([sleep(60_000), step('a', () => 1)]))).toBe(1);
  });

  it('are refused outside the function of a run with a journal', async () => {
    const { live } = mortal();
    for (const call of [() => sleep(1), () => waitFor('a'), () => step('a', () => 1), () => patched('a')]) {
      expect(await rejection(call())).toBeInstanceOf(ValidationError);
      expect(await rejection(live(() => step('outer', call)))).toBeInstanceOf(ValidationError);
    }
  });
});

describe('a DurableFunction', () => {
  it('starts, is recovered with its input, and is refused in another version', async () => {
    const { action, store, journal, orchestrator } = mortal();
    const charge = action('charge', (n: number) => n);
    const order = new DurableFunction(
      'order',
      async (input: { n: number }) => (await charge(input.n)) + (await charge(2)),
      {
        orchestrator,
        version: '1',
      },
    );
    const died = store.begin({ at: 1, isStored: true });
    const { id } = await order.start({ n: 5 }, { id: 'order-1', journal });
    await died;
    store.begin();
    const other = new DurableFunction('order', () => 1, { version: '2' });
    expect(await other.recover(journal)).toEqual([]);
    expect(await rejection(other.start(undefined, { id, journal }))).toBeInstanceOf(RunExistsError);
    const [run] = await order.recover(journal);
    expect(run?.id).toBe('order-1');
    expect(await run?.result).toBe(7);
    expect(await order.recover(journal)).toEqual([]);
    expect(await order.run({ n: 99 }, { id, journal })).toBe(7);
    expect(await journal.get(id)).toMatchObject({
      ...{ name: 'order', version: '1', status: 'completed', input: { n: 5 }, result: 7, lives: 2, owner: undefined },
    });
  });

  it('counts its lives, also those of which nothing else is recorded', async () => {
    const { action, store, journal, orchestrator } = mortal();
    const stuck = action('stuck', () => new Promise(() => {}));
    const fn = new DurableFunction('stuck', () => stuck(), { orchestrator });
    for (let number = 1; number <= 3; number++) {
      store.begin();
      await fn.start(undefined, { id: 'a', journal });
      await wait(5);
      expect(await journal.get('a')).toMatchObject({ lives: number, records: { length: number - 1 } });
    }
  });

  it('does not report a failure of a started run as unhandled, and does not recover it', async () => {
    const journal = memoryJournal();
    const fail = new DurableFunction('fail', () => Promise.reject(new Error('no')));
    await fail.start(undefined, { id: 'a', journal });
    await wait(5);
    expect(await fail.recover(journal)).toEqual([]);
    expect(await journal.get('a')).toMatchObject({ status: 'failed', error: { message: 'no' } });
  });

  it('begins anew with again', async () => {
    const { action, store, journal, orchestrator, called } = mortal();
    const work = action('work', (n: number) => n);
    const loop = new DurableFunction(
      'loop',
      async (n: number) => {
        await work(0);
        const signal = n === 2 ? await waitFor('go') : undefined;
        return n < 3 ? again(n + 1) : [n, signal];
      },
      { orchestrator },
    );
    const died = store.begin({ at: 3, isStored: true });
    const { id } = await loop.start(1, { id: 'a', journal });
    await journal.signal(id, 'go');
    await died;
    expect(await journal.get(id)).toMatchObject({ input: 2 });
    store.begin();
    expect(await loop.run(1, { id, journal })).toEqual([3, undefined]);
    expect(called()).toEqual(['work 0', 'work 0', 'work 0']);
    expect((await journal.get(id))?.records).toHaveLength(4);
  });

  it('ends with records left over if that is allowed', async () => {
    const { store, journal } = mortal();
    const died = store.begin({ at: 2, isStored: true });
    const before = new DurableFunction('f', async () => [await step('a', () => 1), await step('b', () => 2)]);
    await before.start(undefined, { id: 'a', journal });
    await died;
    store.begin();
    const after = new DurableFunction('f', async () => step('a', () => 1), { divergence: 'allow' });
    expect(await after.run(undefined, { id: 'a', journal })).toBe(1);
  });

  it('is cancelled, whether a program executes it or not', async () => {
    const journal = memoryJournal();
    const sleeper = new DurableFunction('sleeper', () => sleep(60_000));
    const { result } = await sleeper.start(undefined, { id: 'a', journal });
    await wait(5);
    await journal.cancel('a');
    expect(await rejection(result)).toMatchObject({ name: 'AbortError', message: 'run "a" was cancelled' });
    expect(await journal.get('a')).toMatchObject({ status: 'cancelled' });
    expect(await rejection(sleeper.run(undefined, { id: 'a', journal }))).toBeInstanceOf(JournalError);

    const controller = new AbortController();
    const stopped = sleeper.run(undefined, { id: 'b', journal, signal: controller.signal });
    await wait(5);
    controller.abort();
    await rejection(stopped);
    expect(await journal.list({ status: 'running' })).toMatchObject([{ id: 'b', name: 'sleeper' }]);
    await journal.cancel('b');
    expect(await sleeper.recover(journal)).toEqual([]);
    expect(await journal.delete('b')).toBe(true);
    expect(await journal.get('b')).toBeUndefined();
  });
});

describe('journal.cancel', () => {
  it('cancels a run that has failed, which is then refused at once', async () => {
    const { live, status, called, journal, id, action } = mortal();
    const fail = action('fail', () => {
      throw new Error('no');
    });
    await rejection(live(() => fail()));
    await journal.cancel(id);
    expect(await status()).toBe('cancelled');
    called();
    const error = await rejection(live(() => fail()));
    expect(error).toBeInstanceOf(JournalError);
    expect(error).toMatchObject({ message: expect.stringMatching(/^run "run" was cancelled, and is not continued/) });
    expect(called()).toEqual([]);
    expect(await status()).toBe('cancelled');
  });

  it('leaves a run that has completed alone', async () => {
    const { live, status, journal, id } = mortal();
    await live(() => 1);
    await journal.cancel(id);
    expect(await status()).toBe('completed');
    expect(await live(() => 2)).toBe(1);
  });
});

describe('replay', () => {
  it('says if recorded runs can go on with new code, and executes nothing', async () => {
    const journal = memoryJournal();
    const called: string[] = [];
    const note = (name: string) => step(name, () => void called.push(name));
    const script = (...names: string[]) =>
      new DurableFunction('f', async () => {
        for (const name of names) await note(name);
      });
    await script('a', 'b').run(undefined, { id: 'one', journal });
    called.length = 0;
    expect(await replay(journal, script('a', 'b'))).toEqual([{ id: 'one', reached: 'end' }]);
    expect(await replay(journal, script('a', 'b', 'c'))).toEqual([{ id: 'one', reached: 'ahead' }]);
    expect(await rejection(replay(journal, script('a', 'c')))).toBeInstanceOf(DivergenceError);
    expect(await rejection(replay(journal, script('a')))).toBeInstanceOf(DivergenceError);
    expect(called).toEqual([]);
  });

  it('replays a run whose deadline is over', async () => {
    const journal = memoryJournal();
    const script = (name: string) =>
      new DurableFunction('f', async () => [await step('a', () => 1), await step(name, () => 2), await sleep(1)], {
        timeout: 60_000,
      });
    await script('b').run(undefined, { id: 'one', journal });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 120_000 });
    try {
      expect(await replay(journal, script('b'))).toEqual([{ id: 'one', reached: 'end' }]);
      expect(await rejection(replay(journal, script('c')))).toBeInstanceOf(DivergenceError);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('recover', () => {
  const fn = (done: string[] = []) =>
    new DurableFunction('order', async (id: string) => {
      await step('wait', () => 1);
      done.push(id);
      return id;
    });

  /** Begins runs that a death of the program interrupts. */
  async function interrupted(journal: Journal, ids: readonly string[]) {
    const controller = new AbortController();
    const stuck = new DurableFunction('order', () => step('wait', () => new Promise(() => {})));
    const runs = ids.map((id) => stuck.start(id as never, { id, journal, signal: controller.signal }));
    const results = (await Promise.all(runs)).map(({ result }) => result);
    controller.abort();
    await Promise.allSettled(results);
  }

  it('continues all runs but those that are damaged, and names those', async () => {
    const directory = await temporaryDirectory();
    const journal = fileJournal(directory);
    const ids = Array.from({ length: 8 }, (_, index) => `run-${index}`);
    await interrupted(journal, ids);
    await writeFile(join(directory, 'run-2.journal'), 'garbage');
    await appendFile(join(directory, 'run-5.journal'), 'not a record\nneither\n');
    const [done, good] = [[] as string[], ids.filter((id) => id !== 'run-2' && id !== 'run-5')];
    const error = (await rejection(fn(done).recover(journal))) as RunsError;
    expect(error).toBeInstanceOf(RunsError);
    expect(error.message).toMatch(
      /^the journal has 2 runs that cannot be continued \(all others go on\):\n- run "run-/,
    );
    expect(error.errors.map((each) => (each as JournalError).runId).sort()).toEqual(['run-2', 'run-5']);
    await expect.poll(() => [...done].sort()).toEqual(good);
    const reported: Error[] = [];
    const onError = (each: Error) => void reported.push(each);
    expect(await fn().recover(journal, { onError })).toEqual([]);
    expect(reported).toHaveLength(2);
    expect(await rejection(journal.list())).toBeInstanceOf(RunsError);
    expect((await journal.list({ onError })).map(({ id }) => id).sort()).toEqual(good);
    await journal.close();
    await removeDirectory(directory);
  });

  it('continues no run that has ended, failed or gone since it was listed, or is being executed', async () => {
    const found: JournalSummary[] = [];
    class StaleStore extends MemoryJournalStore {
      override list = async () => found;
    }
    const store = new StaleStore();
    const journal = new Journal(store);
    const ids = ['completed', 'failed', 'cancelled', 'gone', 'live', 'left'];
    await interrupted(journal, ids);
    found.push(...ids.map((id) => ({ id, name: 'order', created: 1, status: 'running' as const })));
    await fn().run('' as never, { id: 'completed', journal });
    const broken = new DurableFunction('order', () => Promise.reject(new Error('no')));
    await rejection(broken.run(undefined, { id: 'failed', journal }));
    await journal.cancel('cancelled');
    await journal.delete('gone');
    const live = new DurableFunction('order', () => step('wait', () => new Promise(() => {})));
    await live.start(undefined, { id: 'live', journal });
    const done: string[] = [];
    const started = await fn(done).recover(journal);
    expect(await Promise.all(started.map(({ result }) => result))).toEqual(['left']);
    expect(done).toEqual(['left']);
    expect(await journal.get('failed')).toMatchObject({ status: 'failed', lives: 2 });
    expect(await journal.get('gone')).toBeUndefined();
  });

  it('opens some runs at a time, and gives up when the journal as a whole fails', async () => {
    let [opening, most, opened] = [0, 0, 0];
    let isDown = false;
    class WatchedStore extends MemoryJournalStore {
      override async open(request: OpenRequest) {
        opened++;
        most = Math.max(most, ++opening);
        await wait(1);
        opening--;
        if (isDown) throw new JournalError(request.id, 'is out of reach');
        return super.open(request);
      }

      override async read(id: string) {
        if (isDown) throw new JournalError(id, 'is out of reach');
        return super.read(id);
      }
    }
    const journal = new Journal(new WatchedStore());
    for (let index = 0; index < 100; index++) await interrupted(journal, [`${index}`]);
    opened = 0;
    isDown = true;
    const reported: Error[] = [];
    const onError = (error: Error) => void reported.push(error);
    const error = await rejection(fn().recover(journal, { onError }));
    expect(error).toBeInstanceOf(JournalError);
    expect(String(error)).toContain('is out of reach');
    expect(opened).toBeLessThan(40);
    expect(reported).toEqual([]);
    isDown = false;
    const started = await fn().recover(journal);
    expect(await Promise.all(started.map(({ result }) => result))).toHaveLength(100);
    expect(most).toBeLessThan(40);
  });
});
