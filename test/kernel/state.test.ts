import { runInNewContext } from 'node:vm';
import { Orchestrator, ValidationError } from 'orchestrator';
import { describe, expect, it } from 'vitest';
import { copyOf } from '../../src/kernel/scope/state.js';
import { deferred, rejection } from '../support.js';

interface State {
  count: number;
  tags: string[];
  user?: { name: string; seen: Map<string, Set<number>>; born: Date };
}

describe('state', () => {
  it('set outside a run is the initial state of every run', async () => {
    const orchestrator = new Orchestrator<State>({ state: { count: 1 } })
      .setState('tags', ['a'])
      .setState({ count: 2 });
    expect(orchestrator.getState()).toEqual({ count: 2, tags: ['a'] });
    await expect(orchestrator.run(() => orchestrator.getState())).resolves.toEqual({ count: 2, tags: ['a'] });
  });

  it('of a run is a copy of its own, as deep as plain data goes', async () => {
    const born = new Date(0);
    const seen = new Map([['x', new Set([1])]]);
    const orchestrator = new Orchestrator<State>({ state: { count: 0, tags: [], user: { name: 'Ada', seen, born } } });
    await orchestrator.run(() => {
      const state = orchestrator.getState();
      state.count = 9;
      state.tags.push('changed');
      state.user?.seen.get('x')?.add(2);
      state.user?.born.setTime(99);
    });
    await orchestrator.run(() => {
      expect(orchestrator.getState()).toEqual({
        count: 0,
        tags: [],
        user: { name: 'Ada', seen: new Map([['x', new Set([1])]]), born: new Date(0) },
      });
    });
    expect(born.getTime()).toBe(0);
    expect(seen.get('x')?.size).toBe(1);
  });

  it('keeps everything else by reference: a client, a function', async () => {
    class Client {
      calls = 0;
    }
    const client = new Client();
    const log = () => {};
    const orchestrator = new Orchestrator({ state: { client, deep: [{ log }] } });
    await orchestrator.run(() => {
      const state = orchestrator.getState();
      expect(state.client).toBe(client);
      expect(state.deep?.[0]?.log).toBe(log);
      state.client.calls++;
    });
    expect(client.calls).toBe(1);
  });

  it('of concurrent runs is never mixed', async () => {
    const orchestrator = new Orchestrator({ state: { steps: [] as string[] } });
    const gates = [deferred(), deferred()] as const;
    const step = orchestrator.action(async (label: string, gate: Promise<void>) => {
      orchestrator.getState().steps.push(label);
      await gate;
      return orchestrator.getState().steps;
    });
    const first = orchestrator.run(() => step('first', gates[0].promise));
    const second = orchestrator.run(() => step('second', gates[1].promise));
    gates[1].resolve();
    gates[0].resolve();
    await expect(first).resolves.toEqual(['first']);
    await expect(second).resolves.toEqual(['second']);
  });

  it('set inside a run changes only that run', async () => {
    const orchestrator = new Orchestrator({ state: { count: 1 } });
    await orchestrator.run(async () => {
      orchestrator.setState('count', 2).setState({ count: orchestrator.getState().count + 1 });
      await expect(orchestrator.run(() => orchestrator.getState().count)).resolves.toBe(1);
      expect(orchestrator.getState().count).toBe(3);
    });
    await expect(orchestrator.run(() => orchestrator.getState().count)).resolves.toBe(1);
  });

  it('read outside is the state that the last finished run left', async () => {
    const orchestrator = new Orchestrator({ state: { count: 1 } });
    const add = orchestrator.action(() => orchestrator.getState().count++);
    await orchestrator.run(add);
    expect(orchestrator.getState().count).toBe(2);
    await rejection(
      orchestrator.run(async () => {
        orchestrator.getState().count = 50;
        throw new Error('failed');
      }),
    );
    expect(orchestrator.getState().count).toBe(50);
    orchestrator.setState('count', 7);
    expect(orchestrator.getState().count).toBe(7);
    await expect(orchestrator.run(() => orchestrator.getState().count)).resolves.toBe(7);
  });

  it('of a run that has ended stays its own: its remaining work neither sees nor changes the state of other runs', async () => {
    const orchestrator = new Orchestrator({ state: { user: 'nobody' } });
    const gate = deferred();
    let straggler: Promise<string> | undefined;
    await orchestrator.run(
      () => {
        straggler = gate.promise.then(() => {
          const { user } = orchestrator.getState();
          orchestrator.setState('user', 'changed too late');
          return user;
        });
      },
      { state: { user: 'alice' } },
    );
    await orchestrator.run(() => {}, { state: { user: 'bob' } });
    gate.resolve();
    await expect(straggler).resolves.toBe('alice');
    expect(orchestrator.getState().user).toBe('bob');
    await expect(orchestrator.run(() => orchestrator.getState().user)).resolves.toBe('nobody');
  });

  it('set outside does not change the state that a run left, nor alias the given values', async () => {
    const orchestrator = new Orchestrator({ state: { list: ['a'], count: 0 } });
    const gate = deferred();
    let straggler: Promise<number> | undefined;
    const read = orchestrator.action(async () => {
      await gate.promise;
      return orchestrator.getState().count;
    });
    await orchestrator.run(() => {
      straggler = read();
    });
    const list = ['b'];
    orchestrator.setState({ count: 99, list });
    list.push('c');
    gate.resolve();
    await expect(straggler).resolves.toBe(0);
    expect(orchestrator.getState()).toEqual({ list: ['b'], count: 99 });
  });

  it('given to one run overrides the initial state, for that run only', async () => {
    const orchestrator = new Orchestrator({ state: { region: 'eu', tags: ['a'] } });
    const tags = ['b'];
    const read = () => orchestrator.getState();
    const state = await orchestrator.run(read, { state: { tags } });
    expect(state).toEqual({ region: 'eu', tags: ['b'] });
    expect(state.tags).not.toBe(tags);
    await expect(orchestrator.run(read)).resolves.toEqual({ region: 'eu', tags: ['a'] });
  });

  it('is one object for all runs when it is shared', async () => {
    const state = { count: 0 };
    const orchestrator = new Orchestrator({ state, sharedState: true });
    const add = orchestrator.action(() => orchestrator.getState().count++);
    await Promise.all([add(), orchestrator.run(add), orchestrator.run(add)]);
    expect(orchestrator.getState()).toBe(state);
    expect(state.count).toBe(3);
    orchestrator.setState('count', 0);
    expect(state.count).toBe(0);
    orchestrator.getState().count = 5;
    await expect(orchestrator.run(add)).resolves.toBe(5);
  });

  it('cannot be given to one run if all runs share it', async () => {
    const orchestrator = new Orchestrator({ state: { user: 'nobody' }, sharedState: true });
    const called = orchestrator.run(() => expect.fail('was called'), { state: { user: 'ann' } });
    expect(await rejection(called)).toMatchObject({
      code: 'ERR_VALIDATION',
      message: expect.stringContaining('state cannot be given to a run with sharedState'),
    });
    expect(orchestrator.getState()).toEqual({ user: 'nobody' });
  });

  it('read outside is frozen in every case: only setState changes the initial state', async () => {
    const orchestrator = new Orchestrator({ state: { n: 1, deep: { list: [1] }, seen: new Set([1]) } });
    const histories = [
      () => {},
      () => void orchestrator.setState('n', 1),
      () => orchestrator.run(() => {}),
      () => orchestrator.run(() => Promise.reject(new Error('failed'))).catch(() => {}),
      () => void orchestrator.setState({ n: 1 }),
    ];
    for (const history of histories) {
      await history();
      const outside = orchestrator.getState();
      expect(() => (outside.n = 5)).toThrow(TypeError);
      expect(() => outside.deep.list.push(2)).toThrow(TypeError);
      outside.seen.add(2);
      expect(orchestrator.getState()).toBe(outside);
      await orchestrator.run(() => {
        expect(orchestrator.getState()).toEqual({ n: 1, deep: { list: [1] }, seen: new Set([1]) });
        orchestrator.getState().n = 1;
      });
    }
    orchestrator.setState({ ...orchestrator.getState(), n: 7 });
    await expect(orchestrator.run(() => orchestrator.getState().n++)).resolves.toBe(7);
    expect(orchestrator.getState().n).toBe(8);
  });

  it('may be an instance of a class: each run has its own, with its methods', async () => {
    class Counter {
      count = 0;
      tags: string[] = [];
      client = new Client();
      add() {
        this.count++;
        this.tags.push('added');
        return this;
      }
    }
    class Client {}
    const given = new Counter();
    const orchestrator = new Orchestrator({ state: given });
    const run = () => orchestrator.run(() => orchestrator.getState().add());
    for (const counter of [await run(), await run()]) {
      expect(counter).toBeInstanceOf(Counter);
      expect(counter).toMatchObject({ count: 1, tags: ['added'] });
      expect(counter.client).toBe(given.client);
    }
    expect(given).toMatchObject({ count: 0, tags: [] });
    expect(orchestrator.setState(Object.assign(new Counter(), { count: 5 })).getState()).toMatchObject({ count: 5 });
    const overridden = await orchestrator.run(() => orchestrator.getState().add(), { state: { count: 9 } });
    expect(overridden.count).toBe(10);
  });

  it('may be nested deeper than the call stack allows', async () => {
    const deep = { next: {} as object };
    for (let at = deep, depth = 0; depth < 10_000; depth++) {
      at.next = depth % 2 === 0 ? { next: {} } : { next: [], also: new Map([[{}, new Set([[]])]]) };
      at = at.next as typeof deep;
    }
    const orchestrator = new Orchestrator({ state: { deep } });
    await orchestrator.run(() => orchestrator.getState(), { state: { deep } });
    let depth = 0;
    for (let at: object | undefined = orchestrator.getState().deep; at !== undefined; depth++) {
      expect(Object.isFrozen(at)).toBe(true);
      at = (at as Partial<typeof deep>).next;
    }
    expect(depth).toBeGreaterThan(10_000);
  });

  it('is not changed by later changes to the given object', async () => {
    const initial = { list: ['a'] };
    const orchestrator = new Orchestrator({ state: initial });
    const other = new Orchestrator({ state: initial });
    initial.list.push('b');
    expect(orchestrator.getState().list).toEqual(['a']);
    expect(other.getState().list).toEqual(['a']);
  });

  it.each(['__proto__', 'constructor', 'prototype'])('rejects the reserved key %s', async (key) => {
    const orchestrator = new Orchestrator();
    const hostile = JSON.parse(`{ "${key}": { "polluted": true } }`);
    const message =
      'must be a plain object, or an instance of a class, without reserved keys (__proto__, constructor, prototype), got';
    expect(() => orchestrator.setState(key, 1)).toThrow(`state ${message}`);
    expect(() => orchestrator.setState(hostile)).toThrow(ValidationError);
    expect(() => new Orchestrator({ state: hostile })).toThrow(`state ${message}`);
    await expect(orchestrator.run(() => {}, { state: hostile })).rejects.toThrow(ValidationError);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(orchestrator.getState()).toEqual({});
  });

  it('rejects keys and values of the wrong type', () => {
    const orchestrator = new Orchestrator();
    expect(() => orchestrator.setState(1 as never, 2 as never)).toThrow('key must be a non-empty string, got 1');
    expect(() => orchestrator.setState(new Map() as never)).toThrow('state must be a plain object');
    expect(() => orchestrator.setState('alone' as never)).toThrow('got String');
    expect(() => orchestrator.setState(undefined as never)).toThrow('got undefined');
    expect(() => new Orchestrator({ state: [] as never })).toThrow('got Array');
  });
});

describe('copyOf', () => {
  it('preserves cycles, shared parts, symbols, holes and objects without a prototype', () => {
    const symbol = Symbol('key');
    const holes = Object.assign(new Array(3), { 0: 'first', 2: 'third' });
    const shared = new Date(5);
    const bare = Object.assign(Object.create(null), { shared });
    const source: Record<PropertyKey, unknown> = { shared, bare, [symbol]: holes, map: new Map(), set: new Set() };
    source.self = source;
    (source.map as Map<unknown, unknown>).set(source, source);
    (source.set as Set<unknown>).add(source);
    const copy = copyOf(source) as typeof source & { bare: { shared: Date } };
    expect(copy).not.toBe(source);
    expect(copy.self).toBe(copy);
    expect((copy.map as Map<unknown, unknown>).get(copy)).toBe(copy);
    expect((copy.set as Set<unknown>).has(copy)).toBe(true);
    expect(copy.shared).not.toBe(shared);
    expect(copy.bare.shared).toBe(copy.shared);
    expect(Object.getPrototypeOf(copy.bare)).toBe(null);
    expect(copy[symbol]).toEqual(holes);
    expect(1 in (copy[symbol] as number[])).toBe(false);
  });

  it('keeps a nested own key __proto__ as a key, and does not copy frozenness', () => {
    const source = Object.freeze({ deep: JSON.parse('{ "__proto__": { "polluted": true } }') });
    const copy = copyOf(source) as { deep: object; more?: number };
    expect(Object.keys(copy.deep)).toEqual(['__proto__']);
    expect((copy.deep as { polluted?: boolean }).polluted).toBeUndefined();
    copy.more = 1;
    expect(copy.more).toBe(1);
  });

  it('copies objects of another realm, and keeps their realm', () => {
    const source = runInNewContext(`
      class Client {}
      class Tags extends Set {}
      ({ list: [1, , 3], map: new Map([['a', { b: 1 }]]), set: new Set([[1]]), born: new Date(5), plain: { x: 1 },
         client: new Client(), tags: new Tags(), Map, Date, Array })
    `);
    const copy = copyOf(source);
    for (const key of ['list', 'map', 'set', 'born', 'plain']) {
      expect(copy[key], key).not.toBe(source[key]);
      expect(Object.getPrototypeOf(copy[key])).toBe(Object.getPrototypeOf(source[key]));
    }
    expect(copy.map.get('a')).not.toBe(source.map.get('a'));
    expect(copy.map.get('a').b).toBe(1);
    expect(copy.map instanceof source.Map && copy.born instanceof source.Date).toBe(true);
    expect(copy.born.getTime()).toBe(5);
    expect(copy.list).toHaveLength(3);
    expect(1 in copy.list).toBe(false);
    expect([...copy.set][0]).not.toBe([...source.set][0]);
    expect(copy.client).toBe(source.client);
    expect(copy.tags).toBe(source.tags);
  });

  it('does not copy subclasses of the classes that it copies', () => {
    class Tags extends Set<string> {}
    class Stamp extends Date {}
    const source = { tags: new Tags(), stamp: new Stamp() };
    expect(copyOf(source).tags).toBe(source.tags);
    expect(copyOf(source).stamp).toBe(source.stamp);
  });
});
