import { Orchestrator } from 'orchestrator';
import { type Fake, type RecordedTask, record, type Stub, stub } from 'orchestrator/testing';
import { describe, expectTypeOf, it } from 'vitest';

interface User {
  readonly id: string;
}

const orchestrator = new Orchestrator<{ requests: number }>();
const api = orchestrator.actions({
  fetchUser: async (id: string): Promise<User> => ({ id }),
  count: (first: number, second: number) => first + second,
});

describe('stub', () => {
  it('checks fakes against actions', () => {
    expectTypeOf<Fake<typeof api.fetchUser>>().toEqualTypeOf<(id: string) => User | PromiseLike<User>>();
    expectTypeOf(stub(api, { fetchUser: (id) => ({ id }) })).toEqualTypeOf<Stub>();
    expectTypeOf(stub(api.count, (first, second) => first * second)).toEqualTypeOf<Stub>();
    stub(api, { count: () => 1, fetchUser: async () => Promise.reject(new Error('none')) });
    // @ts-expect-error the fake has to return a user
    stub(api, { fetchUser: () => 'user' });
    // @ts-expect-error the fake has other parameters
    stub(api.count, (first: string) => first.length);
    // @ts-expect-error no such action
    stub(api, { fetchUsers: () => ({ id: '1' }) });
  });

  it('takes any functions for an orchestrator, which does not know the types of its actions', () => {
    expectTypeOf(stub(orchestrator, { fetchUser: async (id: string) => ({ id }) })).toEqualTypeOf<Stub>();
    stub(orchestrator, { later: () => 1 }, { allowUnknown: true });
    // @ts-expect-error the names of actions are known
    stub(api, { count: () => 1 }, { allowUnknown: true });
    // @ts-expect-error a fake is a function
    stub(orchestrator, { fetchUser: 'user' });
  });
});

describe('record', () => {
  it('gives tasks as plain objects', () => {
    expectTypeOf(record(orchestrator).tasks).toEqualTypeOf<readonly RecordedTask[]>();
  });
});
