import { describe, expect, it } from 'vitest';
import { Model } from '../../src/progress/model/model.js';
import { Rate } from '../../src/progress/model/rate.js';
import type { Activity, Kind, Tally } from '../../src/progress/model/tally.js';
import { totalsOf } from '../../src/progress/model/totals.js';
import fc from '../properties.js';
import { completed, failed, groupRecord, modelWith, processRecord, taskRecord } from './support.js';

function* all(tally: Tally): Generator<Tally> {
  yield tally;
  for (const inner of tally.inner) yield* all(inner);
}

const sizeOf = ({ root }: Model) => [...all(root)].length;
const begunIn = ({ root }: Model) => [...all(root)].reduce((sum, { begun }) => sum + begun, 0);

describe('the model', () => {
  it('counts tasks of one name in one place together', () => {
    const { model, process } = modelWith();
    for (let number = 1; number <= 100; number++) {
      const task = model.begin('task', taskRecord('fetchUser', number), process, number);
      model.end(task, number % 10 === 0 ? failed('503', 50, 2) : completed(10), number + 10);
    }
    const [tally] = process.tally.inner;
    expect(tally).toMatchObject({ label: 'fetchUser', begun: 100, live: 0 });
    expect(tally?.counts).toMatchObject({ completed: 90, failed: 10, retries: 20, duration: 1_400, slowest: 50 });
    expect(process.tally.tasks).toMatchObject({ completed: 90, failed: 10 });
  });

  it('distinguishes places: a task in a group in a task of a process', () => {
    const { model, process } = modelWith();
    const outer = model.begin('task', taskRecord('loadPage'), process, 1);
    const group = model.begin('parallel', groupRecord({ kind: 'parallel', name: 'parallel' }), outer, 2);
    model.begin('task', taskRecord('fetchUser', 2), group, 3);
    model.begin('task', taskRecord('fetchUser', 3), process, 3);
    const path = (tally: Tally): string => `${tally.outer?.outer ? `${path(tally.outer)} ` : ''}${tally.label}`;
    expect([...all(model.root)].slice(1).map(path)).toEqual([
      'import',
      'import loadPage',
      'import loadPage parallel',
      'import loadPage parallel fetchUser',
      'import fetchUser',
    ]);
    expect(model.root.live).toBe(5);
  });

  it('keeps successive groups apart, and combines groups that run at the same time', () => {
    const { model, process } = modelWith();
    const first = model.begin('map', groupRecord(), process, 1);
    model.begin('map', groupRecord(), process, 2);
    expect(process.tally.inner.map(({ begun }) => begun)).toEqual([2]);
    for (const group of first.tally.running) model.end(group, completed(), 3);
    model.begin('map', groupRecord(), process, 4);
    expect(process.tally.inner.map(({ begun }) => begun)).toEqual([2, 1]);
  });

  it('sums up the items of ended groups', () => {
    const { model, process } = modelWith();
    const groups = [groupRecord({ settled: 10, failed: 1 }), groupRecord({ settled: 5, total: undefined })];
    const activities = groups.map((group) => model.begin('map', group, process, 1));
    for (const activity of activities) model.end(activity, completed(), 2);
    expect(activities[0]?.tally.items).toEqual({ settled: 15, failed: 1, total: undefined });
  });

  it('reads the progress of groups, for their rate', () => {
    const { model, process } = modelWith();
    const record = groupRecord({ total: 1_000 });
    const { tally } = model.begin('map', record, process, 0);
    for (let now = 100; now <= 10_000; now += 100) {
      record.settled += 5;
      model.tick(now);
    }
    expect(Math.round(tally.rate.at(10_000) / 5) * 5).toBe(50);
  });

  it('makes room for new names: ended tallies are added to the rest', () => {
    const { model, process } = modelWith();
    for (let number = 1; number <= 1_000; number++) {
      const task = model.begin('task', taskRecord(`item-${number}`, number), process, number);
      model.end(task, completed(), number);
    }
    expect(process.tally.inner.length).toBeLessThanOrEqual(65);
    expect(process.tally.inner.at(-1)).toMatchObject({ kind: undefined, begun: 936 });
    expect(process.tally.inner.at(-1)?.counts.completed).toBe(936);
    expect(process.tally.tasks.completed).toBe(1_000);
  });

  it('counts with the rest if the tasks of all names are running', () => {
    const { model, process } = modelWith();
    const tasks = Array.from({ length: 200 }, (_, index) =>
      model.begin('task', taskRecord(`item-${index}`, index), process, index),
    );
    expect(process.tally.inner.at(-1)).toMatchObject({ kind: undefined, begun: 136, live: 136 });
    for (const task of tasks) model.end(task, completed(), 300);
    expect(model.root.live).toBe(1);
    expect(process.tally.tasks.completed).toBe(200);
  });

  it('keeps the names of nested tasks when their groups make room', () => {
    const { model, process } = modelWith();
    for (let round = 0; round < 500; round++) {
      const group = model.begin('map', groupRecord(), process, round);
      const task = model.begin('task', taskRecord('fetchUser'), group, round);
      model.end(task, completed(), round);
      model.end(group, completed(), round);
    }
    const [totals] = totalsOf(model.root);
    expect(totals?.names.get('fetchUser')).toMatchObject({ begun: 500, unfinished: 0 });
    expect(sizeOf(model)).toBeLessThan(300);
  });

  it('is as large as the number of names, whatever the events and their order', () => {
    const step = fc.record({
      kind: fc.constantFrom<Kind>('process', 'task', 'parallel', 'map'),
      name: fc.oneof(fc.constantFrom('a', 'b'), fc.nat(5_000).map(String)),
      inside: fc.nat(50),
      ends: fc.nat(60),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 500, maxLength: 3_000 }), (steps) => {
        const model = new Model(0);
        const live: Activity[] = [];
        let begun = 0;
        for (const [now, { kind, name, inside, ends }] of steps.entries()) {
          const outer = live[inside];
          const id = String(now);
          const record =
            kind === 'process'
              ? processRecord(name, id)
              : kind === 'task'
                ? taskRecord(name, now)
                : groupRecord({ kind, name });
          live.push(model.begin(kind, record, outer, now));
          begun++;
          const ended = live.splice(ends, live.length > 40 ? 2 : 1);
          for (const activity of ended) model.end(activity, completed(), now);
        }
        expect(begunIn(model)).toBe(begun);
        expect(sizeOf(model)).toBeLessThan(4_100);
        expect(Math.max(...[...all(model.root)].map(({ inner }) => inner.length))).toBeLessThanOrEqual(65);
        expect(model.root.live).toBe(live.length);
        for (const activity of live) model.end(activity, completed(), steps.length);
        expect([...all(model.root)].map(({ live }) => live)).toEqual([...all(model.root)].map(() => 0));
      }),
      { numRuns: 30 },
    );
  });

  it('does not grow with depth if actions call each other without end', () => {
    const model = new Model(0);
    let outer: Activity | undefined;
    for (let depth = 0; depth < 1_000; depth++)
      outer = model.begin('task', taskRecord(`at ${depth % 3}`), outer, depth);
    expect(sizeOf(model)).toBeLessThan(20);
    expect(model.root.live).toBe(1_000);
  });
});

describe('a rate', () => {
  it('is correct from the start, and follows a change', () => {
    const rate = new Rate(0);
    expect(rate.at(0)).toBe(0);
    for (let now = 10; now <= 1_000; now += 10) rate.add(1, now);
    expect(rate.at(1_000)).toBeCloseTo(100, -1);
    for (let now = 1_100; now <= 31_000; now += 100) rate.add(1, now);
    expect(rate.at(31_000)).toBeCloseTo(10, -1);
  });

  it('fades if no more events come', () => {
    const rate = new Rate(0);
    for (let now = 10; now <= 10_000; now += 10) rate.add(1, now);
    expect(rate.at(60_000)).toBeLessThan(0.1);
  });
});

describe('totals', () => {
  it('are grouped by the name of the process and by the name of the task, at any depth', () => {
    const { model, process } = modelWith();
    const group = model.begin('parallel', groupRecord({ kind: 'parallel', name: 'parallel' }), process, 1);
    const tasks = [group, process].map((outer, number) => model.begin('task', taskRecord('fetch', number), outer, 1));
    const nested = model.begin('process', processRecord('sub', 'q'), tasks[0], 1);
    model.begin('task', taskRecord('inner'), nested, 2);
    for (const task of tasks) model.end(task, completed(), 3);
    const totals = totalsOf(model.root);
    expect(totals.map(({ label, names }) => [label, [...names.keys()]])).toEqual([
      ['import', ['fetch']],
      ['sub', ['inner']],
    ]);
    expect(totals[0]?.names.get('fetch')).toMatchObject({ begun: 2, unfinished: 0 });
    expect(totals[1]?.names.get('inner')).toMatchObject({ begun: 1, unfinished: 1 });
    expect(totals[0]?.total.unfinished).toBe(1);
  });

  it('include tasks of processes that began earlier', () => {
    const model = new Model(0);
    model.end(model.begin('task', taskRecord('late'), undefined, 1), failed('no'), 2);
    expect(totalsOf(model.root)).toMatchObject([{ label: '', tasks: { failed: 1 } }]);
  });
});
