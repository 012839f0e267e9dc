import { Orchestrator } from 'orchestrator';
import { describe, expect, it } from 'vitest';
import { failing, recorded, rejection } from '../support.js';

const orders = async (id: string, state = 'open') => `${state} orders of ${id}`;

describe('with', () => {
  it('binds all arguments, so that parallel takes actions with several parameters', async () => {
    const orchestrator = new Orchestrator();
    const fetchUser = orchestrator.action(async (id: string, full: boolean) => ({ id, full }));
    const fetchOrders = orchestrator.action(orders);
    const load = orchestrator.parallel([fetchUser.with('42', true), fetchOrders.with('42')]);
    await expect(load()).resolves.toEqual([{ id: '42', full: true }, 'open orders of 42']);
    const byKey = orchestrator.parallel({ user: fetchUser.with('7', false), orders: fetchOrders.with('7', 'paid') });
    await expect(byKey()).resolves.toEqual({ user: { id: '7', full: false }, orders: 'paid orders of 7' });
  });

  it('ignores arguments of the call, such as the one that parallel passes to all', async () => {
    const orchestrator = new Orchestrator();
    const seen: unknown[][] = [];
    const note = orchestrator.action((...args: unknown[]) => seen.push(args));
    await orchestrator.parallel([note.with('own', 1), note])('for all');
    expect(seen).toEqual([['own', 1], ['for all']]);
  });

  it('gives a task of the action each time, with its name, hooks and policies', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const read = orchestrator.action(failing(1, 'text'), { name: 'read', retry: { retries: 1, minTimeout: 0 } });
    const bound = read.with();
    expect(bound.name).toBe('read');
    await expect(orchestrator.run(bound)).resolves.toBe('text');
    await orchestrator.run(bound);
    expect(lines).toEqual([
      'process begins',
      'read begins',
      'read failed attempt 1',
      'read completed',
      'process completed',
      'process begins',
      'read begins',
      'read completed',
      'process completed',
    ]);
  });

  it('hands the this value of the call on, so that actions may be methods', async () => {
    const orchestrator = new Orchestrator();
    class Users {
      readonly base = '/users/';
      find = orchestrator.action(function (this: Users, id: string, suffix: string) {
        return this.base + id + suffix;
      });
    }
    const users = new Users();
    const bound = users.find.with('7', '?full');
    await expect(bound.call(users)).resolves.toBe('/users/7?full');
    await expect(orchestrator.parallel([bound.bind(users)])()).resolves.toEqual(['/users/7?full']);
  });

  it('is there on copies with other options, and works in any, map and closures', async () => {
    const orchestrator = new Orchestrator();
    const add = orchestrator.action((a: number, b: number) => a + b);
    const named = orchestrator.withOptions(add, { name: 'sum' });
    expect(named.with(1, 2).name).toBe('sum');
    await expect(orchestrator.any([named.with(1, 2), add.with(3, 4)])()).resolves.toBe(3);
    await expect(orchestrator.map([add.with(1, 1), add.with(2, 2)], (call) => call())).resolves.toEqual([2, 4]);
  });

  it('does not show among the properties of an action', async () => {
    const action = new Orchestrator().action(() => Promise.reject(new Error('no')));
    expect(Object.keys(action)).toEqual([]);
    expect(await rejection(action.with()())).toEqual(new Error('no'));
  });
});
