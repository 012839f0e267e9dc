import { setTimeout as wait } from 'node:timers/promises';
import { Orchestrator } from 'orchestrator';
import { DivergenceError, DurableFunction, type JournalOwner, type OpenedRun, step } from 'orchestrator/durable';
import { explore, memoryJournal, replay } from 'orchestrator/durable/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { History } from '../../src/durable/history.js';
import { MemoryJournalStore } from '../../src/durable/journals/memory-store.js';
import { rejection } from '../support.js';

/*
 * `explore` and `replay` over stores, a core and scripts that are broken on purpose: they must report each fault.
 */

const orchestrator = new Orchestrator();
const double = orchestrator.action('double', async (n: number) => {
  await wait((n * 7) % 3);
  return n * 2;
});
const inTurn = async () => [await double(1), await double(2), await double(3)];
/** A script whose result depends on the order of results. */
const inOrder = async () => {
  const order: number[] = [];
  await Promise.all([1, 2, 3].map(async (n) => order.push(await double(n))));
  await double(Number(order.join('')));
  return order;
};

afterEach(() => vi.restoreAllMocks());

/** Breaks what stores return of a run, or what they do with its records. */
function breakStores(broken: (opened: OpenedRun) => Partial<OpenedRun>) {
  const { open } = MemoryJournalStore.prototype;
  vi.spyOn(MemoryJournalStore.prototype, 'open').mockImplementation(async function (this: MemoryJournalStore, request) {
    const opened = await open.call(this, request);
    return opened && { ...opened, ...broken(opened) };
  });
}

function ownerWith(owner: JournalOwner, append: JournalOwner['append']): JournalOwner {
  return { append, rewrite: owner.rewrite.bind(owner), close: () => owner.close() };
}

const isOutcome = (text: string) => text.includes('"i":"/ double');
const again = /^killed (before|after|at) .*the run executed \/ double \[\w+\]#0 again, which was recorded$/;
const other = /^killed .*the run ended with another result$/;

describe('explore reports', () => {
  it('a store that has lost the first record of a task', async () => {
    breakStores(({ records }) => {
      const lost = records.findIndex(isOutcome);
      return { records: records.filter((_, index) => index !== lost) };
    });
    expect((await rejection(explore(inTurn))) as Error).toMatchObject({ message: expect.stringMatching(/^killed /) });
  });

  it('a store that has lost the last record of a task', async () => {
    breakStores(({ records }) => ({ records: records.filter(isOutcome).length > 1 ? records.slice(0, -1) : records }));
    expect((await rejection(explore(inTurn))) as Error).toMatchObject({ message: expect.stringMatching(again) });
  });

  it('a store that says that a record is stored, and drops it', async () => {
    breakStores(({ owner }) => ({
      owner: ownerWith(owner, (texts, status) =>
        owner.append(
          texts.filter((text) => !text.includes('"j":4')),
          status,
        ),
      ),
    }));
    expect((await rejection(explore(inTurn))) as Error).toMatchObject({ message: expect.stringMatching(again) });
  });

  it('a store that returns records in another order', async () => {
    breakStores(({ records }) => ({ records: [...records.filter(isOutcome).reverse()] }));
    expect((await rejection(explore(inOrder))) as Error).toMatchObject({ message: expect.stringMatching(other) });
  });

  it('a store that changes a result', async () => {
    breakStores(({ records }) => ({ records: records.map((text) => text.replace('"j":4', '"j":5')) }));
    expect((await rejection(explore(inTurn))) as Error).toMatchObject({ message: expect.stringMatching(other) });
  });

  it('a core that does not find a record', async () => {
    const { claim } = History.prototype;
    vi.spyOn(History.prototype, 'claim').mockImplementation(function (this: History, identity) {
      const entry = claim.call(this, identity);
      if (entry?.outcome === undefined || entry.outcome.j !== 4) return entry;
      this.remove(entry);
      return undefined;
    });
    expect((await rejection(explore(inTurn))) as Error).toMatchObject({ message: expect.stringMatching(again) });
  });

  it('a core that hands outcomes out in another order', async () => {
    vi.spyOn(History.prototype, 'next', 'get').mockImplementation(function (this: History) {
      let last = this.first;
      for (let entry = this.first; entry !== undefined; entry = entry.next) if (entry.isClaimed) last = entry;
      return last?.isClaimed ? last : undefined;
    });
    expect((await rejection(explore(inOrder))) as Error).toMatchObject({ message: expect.stringMatching(other) });
  });

  it('a script that reads chance outside of steps', async () => {
    let calls = 0;
    vi.spyOn(Math, 'random').mockImplementation(() => (calls++ % 2) / 2);
    const branching = async () => (Math.random() < 0.5 ? [await double(1), await double(2)] : [await double(3)]);
    const error = (await rejection(explore(branching))) as Error & { cause: { actual: { reason: unknown } } };
    expect(error.message).toMatch(other);
    const returned = async () => [await double(1), Math.random()];
    expect((await rejection(explore(returned))) as Error).toMatchObject({ message: expect.stringMatching(other) });
    await explore(async () => [await double(1), await step('chance', () => Math.random() * 0)]);
  });

  it('nothing of a script that ends in a failure of its own', async () => {
    const failing = async () => {
      await double(1);
      throw new RangeError('as always');
    };
    expect(await explore(failing, { reset: () => {} })).toMatchObject({ records: 2 });
  });
});

describe('replay reports', () => {
  const durable = (fn: () => unknown) => new DurableFunction('f', fn, { orchestrator });
  const recorded = async (fn: () => unknown) => {
    const journal = memoryJournal();
    await durable(fn).run(undefined, { id: 'a', journal });
    return journal;
  };

  /** Breaks what stores return to readers. */
  function breakReads(broken: (records: readonly string[]) => readonly string[]) {
    const { read } = MemoryJournalStore.prototype;
    vi.spyOn(MemoryJournalStore.prototype, 'read').mockImplementation(async function (this: MemoryJournalStore, id) {
      const copy = await read.call(this, id);
      return copy && { ...copy, records: broken(copy.records) };
    });
  }

  it('a record that was lost', async () => {
    const journal = await recorded(inTurn);
    expect(await replay(journal, durable(inTurn))).toEqual([{ id: 'a', reached: 'end' }]);
    breakReads((records) => records.filter((text) => !text.includes('"j":4')));
    expect(await rejection(replay(journal, durable(inTurn)))).toBeInstanceOf(DivergenceError);
  });

  it('records in another order, if the code depends on it', async () => {
    const journal = await recorded(inOrder);
    breakReads((records) => {
      const [first = '', ...rest] = records.filter(isOutcome);
      return [...rest.slice(0, 2), first, ...rest.slice(2)];
    });
    expect(await rejection(replay(journal, durable(inOrder)))).toBeInstanceOf(DivergenceError);
  });

  it('code that reads chance outside of steps', async () => {
    let calls = 0;
    vi.spyOn(Math, 'random').mockImplementation(() => (calls++ % 2) / 2);
    const branching = async () => (Math.random() < 0.5 ? [await double(1), await double(2)] : [await double(3)]);
    const journal = await recorded(branching);
    expect(await rejection(replay(journal, durable(branching)))).toBeInstanceOf(DivergenceError);
  });

  it('failures of the code only if they are not recorded', async () => {
    const failing = async () => {
      await double(1);
      throw new RangeError('as always');
    };
    const journal = memoryJournal();
    await rejection(durable(failing).run(undefined, { id: 'a', journal }));
    expect(await replay(journal, durable(failing))).toEqual([{ id: 'a', reached: 'end' }]);
    expect(await replay(journal, new DurableFunction('f', failing, { version: '2' }))).toEqual([]);
  });
});
