import { Orchestrator, ValidationError } from 'orchestrator';
import { describe, expect, it } from 'vitest';
import { rejection } from '../support.js';

function named(orchestrator = new Orchestrator()) {
  const names: string[] = [];
  orchestrator.onTaskBegin(({ name }) => names.push(name));
  return { orchestrator, names };
}

describe('action with its name first', () => {
  it('works when it is taken from its orchestrator', async () => {
    const { orchestrator, names } = named();
    const { action } = orchestrator;
    expect(await action('double', (n: number) => n * 2)(2)).toBe(4);
    expect(names).toEqual(['double']);
  });

  it('has that name in hooks, and its options', async () => {
    const { orchestrator, names } = named();
    let calls = 0;
    const flaky = orchestrator.action(
      'fetchUser',
      async (id: string) => {
        if (++calls < 2) throw new Error('again');
        return id;
      },
      { retry: { retries: 1, minTimeout: 0 } },
    );
    expect(await flaky('42')).toBe('42');
    expect([flaky.name, names, calls]).toEqual(['fetchUser', ['fetchUser'], 2]);
  });

  it('may have the same name in its options', () => {
    const { orchestrator } = named();
    expect(orchestrator.action('fetchUser', () => 1, { name: 'fetchUser' }).name).toBe('fetchUser');
  });

  it('rejects another name in its options, an empty name, and a missing function', () => {
    const { orchestrator } = named();
    expect(() => orchestrator.action('a', () => 1, { name: 'b' })).toThrow(
      new ValidationError('name is given twice, before the function and in the options: leave one of them out'),
    );
    expect(() => orchestrator.action('', () => 1)).toThrow('name must be a non-empty string, got String');
    expect(() => orchestrator.action('a', undefined as never)).toThrow('action must be a function, got undefined');
    expect(() => orchestrator.action('a', { retry: 1 } as never)).toThrow('action must be a function, got Object');
  });

  it('hands `this` on', async () => {
    const { orchestrator } = named();
    const users = {
      prefix: 'user ',
      find: orchestrator.action('find', function (this: { prefix: string }, id: string) {
        return this.prefix + id;
      }),
    };
    expect(await users.find('42')).toBe('user 42');
  });
});

describe('actions', () => {
  it('are named by their keys and share the options', async () => {
    const { orchestrator, names } = named(new Orchestrator({ retry: { minTimeout: 0, retries: 0 } }));
    let calls = 0;
    const { double, fail } = orchestrator.actions(
      {
        double: (n: number) => n * 2,
        fail: async () => {
          calls++;
          throw new Error('declined');
        },
      },
      { retry: 2 },
    );
    expect(await double(21)).toBe(42);
    expect(await rejection(fail())).toEqual(new Error('declined'));
    expect([names, calls]).toEqual([['double', 'fail'], 3]);
  });

  it('may call each other as methods of the object', async () => {
    const { orchestrator, names } = named();
    const api = orchestrator.actions({
      base: () => 20,
      async sum(n: number): Promise<number> {
        return ((await (this as unknown as { base(): Promise<number> }).base()) as number) + n;
      },
    });
    expect(await api.sum(1)).toBe(21);
    expect(names).toEqual(['sum', 'base']);
  });

  it('take the functions of a module, and an empty object', async () => {
    const { orchestrator } = named();
    const fn = Object.assign(Object.create(null), { one: () => 1 }) as { one: () => number };
    expect(await orchestrator.actions(fn).one()).toBe(1);
    expect(orchestrator.actions({})).toEqual({});
  });

  it('reject a value that is not a function, by its key', () => {
    const { orchestrator } = named();
    expect(() => orchestrator.actions({ fetchUser: 'x' as never })).toThrow(
      new ValidationError('actions.fetchUser must be a function, got String'),
    );
    expect(() => orchestrator.actions({ '': () => 1 })).toThrow('name must be a non-empty string, got String');
  });

  it('reject anything but a plain object, and a name in the options', () => {
    const { orchestrator } = named();
    class Api {
      fetchUser() {}
    }
    const message = 'actions must be a plain object of functions, got ';
    expect(() => orchestrator.actions(new Api() as never)).toThrow(`${message}Api`);
    expect(() => orchestrator.actions([() => 1] as never)).toThrow(`${message}Array`);
    expect(() => orchestrator.actions((() => 1) as never)).toThrow(`${message}Function`);
    expect(() => orchestrator.actions({ one: () => 1 }, { name: 'two' } as never)).toThrow(
      'name must be left out, because the keys name the actions, got String',
    );
    expect(() => orchestrator.actions({ one: () => 1 }, { retry: -1 })).toThrow(ValidationError);
    expect(() => orchestrator.actions({ one: () => 1 }, null as never)).toThrow('options must be an object, got null');
  });
});
