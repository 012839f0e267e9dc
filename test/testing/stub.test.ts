import { Orchestrator, TimeoutError, ValidationError } from 'orchestrator';
import { Flow, FlowRuntime } from 'orchestrator/flow';
import { done, Loop, WorkflowOrchestrator } from 'orchestrator/loops';
import { stub } from 'orchestrator/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred, rejection, settled } from '../support.js';

afterEach(() => {
  vi.useRealTimers();
});

function shop() {
  const orchestrator = new Orchestrator();
  const api = orchestrator.actions({
    fetchUser: async (id: string) => `user ${id}`,
    fetchOrders: async (id: string) => [`order of ${id}`],
  });
  return { orchestrator, api };
}

describe('stub', () => {
  it('calls the fake instead of the function, until it is restored', async () => {
    const { orchestrator, api } = shop();
    const stubs = stub(orchestrator, { fetchUser: async (id: string) => `fake ${id}` });
    expect([await api.fetchUser('1'), await api.fetchOrders('1')]).toEqual(['fake 1', ['order of 1']]);
    stubs.restore();
    stubs.restore();
    expect(await api.fetchUser('1')).toBe('user 1');
  });

  it('is undone at the end of the block by using', async () => {
    const { orchestrator, api } = shop();
    {
      using _ = stub(orchestrator, { fetchUser: () => 'fake' });
      expect(await api.fetchUser('1')).toBe('fake');
    }
    expect(await api.fetchUser('1')).toBe('user 1');
  });

  it('takes an object of actions, or a single action', async () => {
    const { api } = shop();
    using _ = stub(api, { fetchOrders: () => [] });
    using __ = stub(api.fetchUser, (id) => `fake ${id}`);
    expect([await api.fetchUser('1'), await api.fetchOrders('1')]).toEqual(['fake 1', []]);
  });

  it('keeps policies and hooks: retries call the fake, limits end it', async () => {
    const orchestrator = new Orchestrator();
    const events: string[] = [];
    orchestrator.onTaskCompletion(({ name, status, attempts }) => events.push(`${name} ${status} ${attempts}`));
    const fetchUser = orchestrator.action('fetchUser', async () => 'user', {
      retry: { retries: 2, minTimeout: 0 },
      timeout: 20,
    });
    const fake = vi.fn(async () => 'fake').mockRejectedValueOnce(new Error('again'));
    const stubs = stub(fetchUser, fake);
    expect(await fetchUser()).toBe('fake');
    stubs.restore();
    using _ = stub(fetchUser, () => new Promise<string>(() => {}));
    expect(await rejection(orchestrator.withOptions(fetchUser, { retry: 0 })())).toBeInstanceOf(TimeoutError);
    expect(events).toEqual(['fetchUser completed 2', 'fetchUser failed 1']);
  });

  it('works with fake timers', async () => {
    vi.useFakeTimers();
    const orchestrator = new Orchestrator();
    const fetchUser = orchestrator.action('fetchUser', async () => 'user', { retry: 3 });
    const fake = vi.fn(async () => 'fake').mockRejectedValueOnce(new Error('again'));
    using _ = stub(fetchUser, fake);
    const pending = fetchUser();
    await vi.runAllTimersAsync();
    expect(await pending).toBe('fake');
    expect(fake).toHaveBeenCalledTimes(2);
  });

  it('refuses different fakes for actions with the same name, which would answer for each other', async () => {
    const orchestrator = new Orchestrator();
    const users = orchestrator.actions({ find: async () => 'user', count: () => 1 });
    const orders = orchestrator.actions({ find: async () => 'order' });
    const api = { findUser: users.find, countUsers: users.count, findOrder: orders.find };
    expect(() =>
      stub(api, { findUser: () => 'fake user', countUsers: () => 2, findOrder: () => 'fake order' }),
    ).toThrow(
      new ValidationError(
        'fakes.findUser and fakes.findOrder replace actions that are both named "find", and stubs find actions by name: give the actions different names',
      ),
    );
    expect(await Promise.all([api.findUser(), api.countUsers(), api.findOrder()])).toEqual(['user', 1, 'order']);
    const fake = vi.fn(() => 'fake');
    using _ = stub(api, { findUser: fake, findOrder: fake });
    expect(await Promise.all([api.findUser(), api.findOrder()])).toEqual(['fake', 'fake']);
  });

  it('takes fakes for actions with the same name of different orchestrators', async () => {
    const api = { first: shop().api.fetchUser, second: shop().api.fetchUser };
    using _ = stub(api, { first: () => 'first', second: () => 'second' });
    expect([await api.first('1'), await api.second('1')]).toEqual(['first', 'second']);
  });

  it('may be nested, and restored in any order', async () => {
    const { orchestrator, api } = shop();
    const outer = stub(orchestrator, { fetchUser: () => 'outer', fetchOrders: () => ['outer'] });
    const inner = stub(orchestrator, { fetchUser: () => 'inner' });
    expect([await api.fetchUser('1'), await api.fetchOrders('1')]).toEqual(['inner', ['outer']]);
    outer.restore();
    expect([await api.fetchUser('1'), await api.fetchOrders('1')]).toEqual(['inner', ['order of 1']]);
    inner.restore();
    expect(await api.fetchUser('1')).toBe('user 1');
  });

  it('concerns one orchestrator', async () => {
    const [first, second] = [shop(), shop()];
    using _ = stub(first.orchestrator, { fetchUser: () => 'fake' });
    expect([await first.api.fetchUser('1'), await second.api.fetchUser('1')]).toEqual(['fake', 'user 1']);
  });

  it('holds for copies, and for actions that are defined later', async () => {
    const { orchestrator, api } = shop();
    using _ = stub(orchestrator, { fetchUser: () => 'fake', later: () => 'fake' }, { allowUnknown: true });
    expect(await orchestrator.withOptions(api.fetchUser, { retry: 1 })('1')).toBe('fake');
    expect(await orchestrator.action('later', () => 'real')()).toBe('fake');
  });

  it('leaves earlier stubs as they are if one of its names is unknown', async () => {
    const { orchestrator, api } = shop();
    expect(() => stub(orchestrator, { fetchUser: () => 'fake', fetchMenu: () => 'fake' })).toThrow(ValidationError);
    expect(await api.fetchUser('1')).toBe('user 1');
  });

  it('accepts any name if the orchestrator has too many names to know all', async () => {
    const orchestrator = new Orchestrator();
    for (let number = 0; number < 1_000; number++) orchestrator.action(`action ${number}`, () => 'real');
    const last = orchestrator.action('last', () => 'real');
    using _ = stub(orchestrator, { last: () => 'fake', nobody: () => 'fake' });
    expect(await last()).toBe('fake');
  });

  it.each(['run', Infinity, 60_000] as const)(
    'forgets what share %o has kept, when it is set and when it is restored',
    async (share) => {
      const orchestrator = new Orchestrator();
      const api = orchestrator.actions({ fetchUser: async (id: string) => `user ${id}`, other: () => 1 }, { share });
      const fake = vi.fn(async (id: string) => `fake ${id}`);
      await orchestrator.run(async () => {
        expect(await api.fetchUser('1')).toBe('user 1');
        const stubs = stub(orchestrator, { fetchUser: fake });
        expect([await api.fetchUser('1'), await api.fetchUser('1')]).toEqual(['fake 1', 'fake 1']);
        const unrelated = stub(orchestrator, { other: () => 2 });
        expect(await api.fetchUser('1')).toBe('fake 1');
        unrelated.restore();
        expect(fake).toHaveBeenCalledTimes(1);
        stubs.restore();
        expect(await api.fetchUser('1')).toBe('user 1');
        using _ = stub(orchestrator, { fetchUser: fake });
        expect(await api.fetchUser('1')).toBe('fake 1');
        expect(fake).toHaveBeenCalledTimes(2);
      });
    },
  );

  it('does not join a call in flight to the function, and the results of such a call are not kept', async () => {
    const orchestrator = new Orchestrator();
    const gate = deferred();
    let calls = 0;
    const fetchUser = orchestrator.action(
      'fetchUser',
      async () => {
        if (++calls > 1) return 'real';
        await gate.promise;
        throw new Error('again');
      },
      { share: Infinity, retry: { retries: 1, minTimeout: 0 } },
    );
    const pending = fetchUser();
    await settled();
    const stubs = stub(fetchUser, () => 'fake');
    expect(await fetchUser()).toBe('fake');
    gate.resolve();
    expect(await pending).toBe('fake');
    stubs.restore();
    expect(await fetchUser()).toBe('real');
  });

  it('hands `this` to the fake', async () => {
    const orchestrator = new Orchestrator();
    const users = { prefix: 'u', find: orchestrator.action('find', () => '') };
    using _ = stub(orchestrator, {
      find(this: { prefix: string }) {
        return this.prefix;
      },
    });
    expect(await users.find()).toBe('u');
  });

  it('holds for nodes of flows and loops that are actions', async () => {
    const { orchestrator, api } = shop();
    using _ = stub(orchestrator, { fetchUser: (id: string) => `fake ${id}` });
    const flow = new Flow('page').node('user', api.fetchUser);
    const { output } = await new FlowRuntime({ orchestrator }).run(flow, {}, { input: '1' } as object);
    expect(output).toMatch(/^fake /);

    const users: unknown[] = [];
    let left = 1;
    const loop = new Loop('users', { orchestrator })
      .producer('id', () => (left-- > 0 ? '1' : done))
      .blocking('user', api.fetchUser)
      .blocking('keep', (user) => {
        users.push(user);
      });
    const workflow = new WorkflowOrchestrator().load({ loops: [loop] });
    await workflow.start();
    await workflow.ended();
    await workflow.close();
    expect(users).toEqual(['fake 1']);
  });

  it('rejects what cannot be stubbed, and names it', () => {
    const { orchestrator, api } = shop();
    const cases: [() => unknown, string][] = [
      [() => stub(orchestrator, { fetchUser: 'x' as never }), 'fakes.fetchUser must be a function, got String'],
      [() => stub(orchestrator, undefined as never), 'fakes must be an object of functions, got undefined'],
      [
        () => stub(orchestrator, { fetchUser: () => 1, FetchUsr: () => 1 }),
        'fakes.FetchUsr is not the name of an action: did you mean "fetchUser"? If not, define the action first, or give { allowUnknown: true }',
      ],
      [
        () => stub(orchestrator, { anonymous: () => 1 }),
        'fakes.anonymous is not the name of an action: define the action first, or give { allowUnknown: true }',
      ],
      [() => stub(orchestrator, {}, { allowUnknwon: true } as never), 'allowUnknwon is unknown, expected allowUnknown'],
      [() => stub(api, { fetchUsr: () => 1 } as never), 'target.fetchUsr must be an action, got undefined'],
      [() => stub(api.fetchUser, 'x' as never), 'fake must be a function, got String'],
      [() => stub((() => 1) as never, (() => 1) as never), 'target must be an action, got Function'],
      [
        () => stub(undefined as never, { a: () => 1 } as never),
        'target must be an Orchestrator, an action or an object of actions, got undefined',
      ],
      [
        () =>
          stub(
            orchestrator.action(() => 1),
            () => 2,
          ),
        'target has no name that a stub could find it by: give the action a name',
      ],
    ];
    for (const [call, message] of cases) expect(call).toThrow(new ValidationError(message));
  });
});
