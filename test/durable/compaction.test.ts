import { DivergenceError, JournalError, memoryJournal, step, waitFor } from 'orchestrator/durable';
import { describe, expect, it } from 'vitest';
import { Journal } from '../../src/durable/face.js';
import { MemoryJournalStore } from '../../src/durable/journals/memory-store.js';
import { rejection } from '../support.js';
import { mortal } from './support.js';

/** A run with a nested run of many tasks. */
function large(count = 1_100) {
  const run = mortal();
  const { action, orchestrator } = run;
  const inner = action('inner', (n: number) => n);
  const later = action('later', (n: number) => n);
  const indexes = Array.from({ length: count }, (_, index) => index);
  const sum = (all: readonly number[]) => all.reduce((total, each) => total + each, 0);
  const nested = (rest: () => unknown = () => 0) =>
    orchestrator.run(async () => [sum(await orchestrator.map(indexes, inner)), await rest()], { name: 'nested' });
  return { ...run, nested, later, expected: (count * (count - 1)) / 2 };
}

describe('a journal whose records are mostly inside completed nested runs', () => {
  it('is rewritten without them when the run goes on', async () => {
    const { nested, later, live, die, called, records, expected } = large();
    const script = async () => [await nested(), await later(1), await later(2)];
    // 1,100 tasks, the nested run and a task.
    await die(1_103, script);
    expect(await records()).toHaveLength(1_102);
    called();
    expect(await live(script)).toEqual([[expected, 0], 1, 2]);
    expect(called()).toEqual(['later 2']);
    const left = await records();
    expect(left.filter((record) => 'i' in record && record.i.startsWith('/run:nested#0/'))).toEqual([]);
    expect(left).toHaveLength(5);
  });

  it('keeps in mind which signals were taken inside', async () => {
    const { nested, live, die, journal, id, records, expected } = large();
    const script = async () => [await nested(() => waitFor('go')), await waitFor('go'), await step('last', () => 1)];
    await die(2, script);
    for (const value of ['first', 'second']) await journal.signal(id, 'go', value);
    await die(1_103, script);
    for (let life = 0; life < 2; life++) await die(1, script);
    expect((await records()).length).toBeLessThan(10);
    expect(await records()).toContainEqual({ c: {}, n: [1] });
    expect(await live(script)).toEqual([[expected, 'first'], 'second', 1]);
  });

  it('can be killed while it is rewritten', async () => {
    for (const isStored of [false, true]) {
      const { nested, later, live, die, called, expected } = large();
      const script = async () => [await nested(), await later(1)];
      await die(1_102, script);
      called();
      // The first write of the next life.
      const died = die(1, script, { isStored });
      await died;
      expect(await live(script)).toEqual([[expected, 0], 1]);
      expect(called()).toEqual(['later 1']);
    }
  });

  it('still notices changed code', async () => {
    const { nested, later, live, die, called } = large();
    await die(1_103, async () => [await nested(), await later(1), await later(2)]);
    called();
    expect(await rejection(live(async () => [await nested(), await later(3)]))).toBeInstanceOf(DivergenceError);
    expect(called()).toEqual([]);
  });
});

describe('a journal is left as it is', () => {
  it.each([
    ['of a nested run that has failed', 'fails'],
    ['of a nested run that has not ended', 'open'],
  ] as const)('with the records %s', async (_, how) => {
    const { nested, live, die, called, records } = large();
    let isUp = false;
    const rest = () =>
      step('rest', () => {
        if (!isUp && how === 'fails') throw new RangeError('no');
      });
    const script = () => nested(rest);
    if (how === 'fails') await rejection(live(script));
    else await die(1_101, script);
    isUp = true;
    const before = await records();
    await die(1, script);
    expect((await records()).slice(0, before.length)).toEqual(before);
    called();
    await live(script);
    expect(called()).toEqual([]);
  });

  it('with few records in nested runs, or none', async () => {
    const { nested, later, die, records } = large(300);
    const script = async () => {
      await nested();
      for (let n = 0; n < 900; n++) await later(n);
      await later(-1);
    };
    await die(1_100, script);
    await die(1, script);
    expect(await records()).toHaveLength(1_100);
    const plain = large();
    const loop = async () => {
      for (let n = 0; n < 1_010; n++) await plain.later(n);
    };
    await plain.die(1_005, loop);
    await plain.die(1, loop);
    expect(await plain.records()).toHaveLength(1_005);
  });

  it('when the run has completed', async () => {
    const { nested, live, records, expected } = large();
    expect(await live(() => nested())).toEqual([expected, 0]);
    const before = await records();
    expect(await live(() => nested())).toEqual([expected, 0]);
    expect(await records()).toEqual(before);
  });
});

it('a record that cannot be read is a JournalError that names it, and nothing is executed', async () => {
  for (const damaged of ['{"i":', '"text"', 'null', '[]', '7']) {
    const store = new MemoryJournalStore();
    const run = mortal();
    await run.orchestrator.run(() => step('a', () => 1), { id: 'a', journal: new Journal(store) });
    const open = store.open.bind(store);
    store.open = async (request) => {
      const opened = await open(request);
      return opened && { ...opened, status: 'running', records: [...opened.records.slice(0, 1), damaged] };
    };
    const journal = new Journal(store);
    const error = await rejection(run.orchestrator.run(() => expect.unreachable(), { id: 'a', journal }));
    expect(error).toBeInstanceOf(JournalError);
    expect((error as Error).message).toMatch(/^run "a" has a damaged journal: record 2 cannot be read/);
    // The run is given up.
    expect((await store.read('a'))?.owner).toBeUndefined();
  }
  expect(await memoryJournal().get('unknown')).toBeUndefined();
});
