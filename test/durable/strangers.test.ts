import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { AbortError } from 'orchestrator';
import {
  again,
  DivergenceError,
  DurableFunction,
  InterruptedError,
  memoryJournal,
  sleep,
  waitFor,
} from 'orchestrator/durable';
import { describe, expect, it } from 'vitest';
import { ErrorForms } from '../../src/durable/error-forms.js';
import { rejection } from '../support.js';
import { mortal } from './support.js';

describe('groups that end early', () => {
  it('need not begin the same members in each life: any, with a stagger', async () => {
    const { action, die, live, called, orchestrator } = mortal();
    const slow = action('slow', () => wait(30, 'slow'));
    const other = action('other', () => wait(10_000, 'other', { signal: orchestrator.signal }));
    const next = action('next', () => 'next');
    const script = async () => [await orchestrator.any([slow, other], { stagger: 5 })(), await next()];
    await die(4, script, { isStored: false });
    called();
    expect(await live(script)).toEqual(['slow', 'next']);
    expect(called()).toEqual(['next']);
  });

  it('need not begin the same members in each life: each, left with break', async () => {
    const { action, die, live, called, orchestrator } = mortal();
    let pause = 0;
    async function* items() {
      for (let item = 0; item < 6; item++) {
        await wait(pause);
        yield item;
      }
    }
    const work = action('work', (item: number) => item);
    const next = action('next', () => 'next');
    const script = async () => {
      for await (const item of orchestrator.each(items(), work, { concurrency: 3 })) {
        await wait(20 - 10 * pause);
        if (item === 1) break;
      }
      return next();
    };
    await die(5, script);
    called();
    pause = 2;
    expect(await live(script)).toBe('next');
    expect(called().filter((call) => ['work 0', 'work 1'].includes(call))).toEqual([]);
  });

  it('still diverge if a member of a whole group does less than before', async () => {
    const { action, die, live, orchestrator } = mortal();
    const work = action('work', (item: number) => item);
    const next = action('next', () => 'next');
    const script = (items: number[]) => async () => {
      await orchestrator.map(items, work);
      return next();
    };
    await die(4, script([1, 2, 3]));
    expect(await rejection(live(script([1, 2])))).toBeInstanceOf(DivergenceError);
  });
});

describe('a new step in front of a group that is recorded', () => {
  const groups = ['map', 'parallel', 'run'] as const;

  it.each(groups)('%s: diverges, and nothing is executed', async (kind) => {
    const { action, die, live, called, orchestrator } = mortal();
    const work = action('work', (item: number) => item);
    const inserted = action('inserted', () => 'inserted');
    const group = {
      map: () => orchestrator.map([1, 2, 3], work, { concurrency: 1 }),
      parallel: () => orchestrator.parallel([() => work(1), () => work(2), () => work(3)], { concurrency: 1 })(),
      run: () => orchestrator.run(async () => [await work(1), await work(2), await work(3)], { name: 'inner' }),
    }[kind];
    await die(3, group);
    called();
    const changed = async () => {
      await inserted();
      return group();
    };
    const error = (await rejection(live(changed))) as DivergenceError;
    expect(error).toBeInstanceOf(DivergenceError);
    expect(error.recorded).toContain('work');
    expect(error.called).toContain('inserted');
    expect(called()).toEqual([]);
    expect(await live(group)).toEqual([1, 2, 3]);
    expect(called()).toEqual(['work 3']);
  });

  it('diverges between two groups, and for further items of a group in front of another one', async () => {
    const { action, die, live, called, orchestrator } = mortal();
    const work = action('work', (item: number) => item);
    const script = (first: number[], between?: () => unknown) => async () => {
      await orchestrator.map(first, work);
      await between?.();
      return orchestrator.map([3, 4], work, { concurrency: 1 });
    };
    await die(4, script([1, 2]));
    called();
    expect(await rejection(live(script([1, 2, 9])))).toBeInstanceOf(DivergenceError);
    expect(await rejection(live(script([1, 2], () => work(9))))).toBeInstanceOf(DivergenceError);
    expect(called()).toEqual([]);
    expect(await live(script([1, 2]))).toEqual([3, 4]);
  });

  it('is executed beside a group that was not alone', async () => {
    const { action, die, live, orchestrator } = mortal();
    const work = action('work', (item: number) => wait(item, item));
    const script = (delay: number) => async () => {
      const group = wait(delay).then(() => orchestrator.map([1, 30], work));
      const others = [await work(2), await work(3), await work(4), await work(40)];
      return [...(await group), ...others];
    };
    await die(5, script(0));
    expect(await live(script(5))).toEqual([1, 30, 2, 3, 4, 40]);
  });
});

describe('waits outside tasks', () => {
  it('may take any time, also beside tasks that were alone in an earlier life', async () => {
    const { action, die, live } = mortal();
    const work = action('work', (item: string) => item);
    const line = async (name: string, delay: number) => {
      await work(name);
      await wait(delay);
      return work(`${name}, then`);
    };
    const script = (a: number, b: number) => () => Promise.all([line('a', a), line('b', b)]);
    await die(4, script(0, 100));
    expect(await live(script(100, 0))).toEqual(['a, then', 'b, then']);
  });

  it('may come before a group that was alone in an earlier life', async () => {
    const { action, die, live, orchestrator } = mortal();
    const work = action('work', (item: string) => item);
    const group = async (delay: number) => {
      await wait(delay);
      return orchestrator.map(['a', 'b'], work, { concurrency: 1 });
    };
    const single = async (delay: number) => {
      await wait(delay);
      return work('single');
    };
    const script = (a: number, b: number) => () => Promise.all([group(a), single(b)]);
    await die(2, script(0, 100));
    expect(await live(script(100, 0))).toEqual([['a', 'b'], 'single']);
  });
});

describe('a task with once', () => {
  it('that was aborted with its group is not executed again after the run has failed', async () => {
    const { action, live, called, orchestrator } = mortal();
    let failures = 0;
    const charge = action('charge', () => wait(10_000, 'paid', { signal: orchestrator.signal }), { once: true });
    const check = action('check', async () => {
      await wait(5);
      if (failures++ === 0) throw new AbortError('check failed');
      return 'ok';
    });
    const script = () => orchestrator.parallel([charge, check], { failFast: true })();
    expect(await rejection(live(script))).toMatchObject({ message: 'check failed' });
    expect(await rejection(live(script))).toBeInstanceOf(InterruptedError);
    expect(called().filter((call) => call === 'charge')).toHaveLength(1);
  });
});

describe('a run that has failed with an error of its own', () => {
  it('executes all its failures again, because any of them may be behind the error', async () => {
    const { action, live, called } = mortal();
    let isDown = true;
    const good = action('good', () => 'good');
    const bad = action('bad', () => {
      if (isDown) throw new AbortError('down');
      return 'up';
    });
    const script = async () => {
      const first = await good();
      try {
        return [first, await bad()];
      } catch (error) {
        throw new Error(`no luck: ${(error as Error).message}`);
      }
    };
    expect(await rejection(live(script))).toMatchObject({ message: 'no luck: down' });
    isDown = false;
    called();
    expect(await live(script)).toEqual(['good', 'up']);
    expect(called()).toEqual(['bad']);
  });
});

describe('again', () => {
  it('keeps no signal that was consumed, although an earlier one of another name waits', async () => {
    const { die, live, journal, action } = mortal();
    let rounds = 0;
    const step = action('step', () => 0);
    const script = async () => {
      rounds++;
      const approval = await waitFor('approved', { timeout: 500 }).catch(() => 'none');
      await step();
      return approval === 'none' ? 'over' : again();
    };
    const dying = die(4, script);
    await turn();
    await journal.signal('run', 'other', 1);
    await journal.signal('run', 'approved', 'yes');
    await dying;
    rounds = 0;
    expect(await live(script)).toBe('over');
    expect(rounds).toBe(2);
    expect((await journal.get('run'))?.status).toBe('completed');
  });

  it('keeps no signal over lives and incarnations', async () => {
    const { die, live, journal, action } = mortal();
    const step = action('step', () => 0);
    const script = async () => {
      const approval = await waitFor('approved', { timeout: 400 }).catch(() => 'none');
      await step();
      return approval === 'none' ? 'over' : again();
    };
    // Dies in the second incarnation, whose beginning has replaced the journal.
    const dying = die(8, script);
    await turn();
    await journal.signal('run', 'other', 1);
    await journal.signal('run', 'approved', 'yes');
    await dying;
    let rounds = 0;
    const counted = () => {
      rounds++;
      return script();
    };
    expect(await live(counted)).toBe('over');
    expect(rounds).toBe(1);
  });

  it('bears a hundred thousand signals', async () => {
    const journal = memoryJournal();
    const flood = new DurableFunction('flood', async (round: number) => {
      if (round > 0) return 'over';
      await waitFor('last');
      return again(1);
    });
    const { id, result } = await flood.start(0, { id: 'flood', journal });
    for (let index = 0; index < 130_000; index++) await journal.signal(id, 'many', index);
    await journal.signal(id, 'last');
    expect(await result).toBe('over');
  });

  it('may be returned while a record is being written', async () => {
    const { action, live, orchestrator } = mortal();
    const work = action('work', (item: number) => wait(item % 3, item));
    let rounds = 0;
    const script = async () => {
      if (++rounds === 5) return 'over';
      await Promise.race([work(1), work(2), work(4), orchestrator.map([1, 1, 1], work)]);
      return again();
    };
    expect(await live(script)).toBe('over');
  });

  it('leaves nothing behind in memory', async () => {
    const { action, live } = mortal();
    const item = action('item', (n: number) => n);
    const heap = () => {
      globalThis.gc?.();
      return process.memoryUsage().heapUsed;
    };
    let [rounds, before, after] = [0, 0, 0];
    const script = async () => {
      if (++rounds === 500) before = heap();
      if (rounds === 2_500) {
        after = heap();
        return 'over';
      }
      await Promise.race([waitFor('never'), sleep(1e9), item(rounds)]);
      return again();
    };
    expect(await live(script)).toBe('over');
    expect((after - before) / 2_000).toBeLessThan(globalThis.gc === undefined ? Infinity : 1_000);
  });
});

describe('errors', () => {
  it('that refer to each other are written in no time', () => {
    const forms = new ErrorForms();
    const all = new AggregateError(
      [1, 2, 3, 4, 5].map((each) => new Error(`${each}`)),
      'all',
    );
    for (const error of all.errors) Object.assign(error, { cause: all, errors: all.errors });
    let deep = new AggregateError([], 'deepest');
    for (let depth = 0; depth < 25; depth++) deep = new AggregateError([deep, deep, deep], `${depth}`);
    for (const error of [all, deep]) {
      const read = forms.read(forms.write(error)) as AggregateError;
      expect(read).toBeInstanceOf(AggregateError);
      expect(read.message).toBe(error.message);
    }
    const read = forms.read(forms.write(all)) as AggregateError;
    expect(read.errors.map(({ message }) => message)).toEqual(['1', '2', '3', '4', '5']);
    expect(read.errors[0].cause).toBeUndefined();
  });
});
