import {
  type Action,
  type ActionsOptions,
  type CurrentTask,
  type FailureEvent,
  type FallbackCall,
  limit,
  Orchestrator,
  runMain,
} from 'orchestrator';
import { describe, expectTypeOf, it } from 'vitest';

interface State {
  requests: number;
}

const orchestrator = new Orchestrator<State>();

describe('action with its name first', () => {
  it('keeps parameters, this and type parameters', () => {
    const fetchUser = orchestrator.action('fetchUser', async (id: string, full?: boolean) => ({ id, full }));
    expectTypeOf(fetchUser).toEqualTypeOf<
      Action<[id: string, full?: boolean], { id: string; full: boolean | undefined }>
    >();
    const first = orchestrator.action('first', <Item>(items: readonly Item[]) => items[0] as Item);
    expectTypeOf(first([1, 2])).toEqualTypeOf<Promise<number>>();
    const find = orchestrator.action('find', function (this: State, id: string) {
      return `${id} ${this.requests}`;
    });
    expectTypeOf(find).toEqualTypeOf<Action<[id: string], string, State>>();
  });

  it('checks the options against the function', () => {
    const double = (n: number) => n * 2;
    orchestrator.action('double', double, { timeout: { attempt: 10, fallback: (n) => n } });
    // @ts-expect-error the fallback has to return a number
    orchestrator.action('double', double, { timeout: { attempt: 10, fallback: () => 'two' } });
  });
});

describe('actions', () => {
  it('have the types of their functions, by key', () => {
    const api = orchestrator.actions({
      fetchUser: async (id: string, full?: boolean) => ({ id, full: full ?? false }),
      count: (...ids: number[]) => ids.length,
    });
    expectTypeOf(api.fetchUser).toEqualTypeOf<Action<[id: string, full?: boolean], { id: string; full: boolean }>>();
    expectTypeOf(api.count).toEqualTypeOf<Action<number[], number>>();
    expectTypeOf(api).toHaveProperty('count');
    // @ts-expect-error a key that was not given
    api.missing;
    // @ts-expect-error the keys name the actions
    orchestrator.actions({ one: () => 1 }, { name: 'two' });
    // @ts-expect-error values have to be functions
    orchestrator.actions({ one: 1 });
  });

  it('add the results of their fallback', () => {
    const functions = {
      length: (text: string) => text.length,
      double: async (n: number, times?: number) => [n, times],
    };
    const api = orchestrator.actions(functions, { retry: 3, fallback: (first) => `${first}` });
    expectTypeOf(api.length).toEqualTypeOf<Action<[text: string], number | string>>();
    expectTypeOf(api.double).returns.resolves.toEqualTypeOf<(number | undefined)[] | string>();
    const listed = orchestrator.actions(functions, { fallback: [() => null, async () => 'none' as const] });
    expectTypeOf(listed.length).toEqualTypeOf<Action<[text: string], number | null | 'none'>>();
    const without = orchestrator.actions(functions, { fallback: null, share: { key: (first) => first } });
    expectTypeOf(without.length).toEqualTypeOf<Action<[text: string], number>>();
    const options: ActionsOptions = { retry: 3, fallback: () => 5 };
    expectTypeOf(orchestrator.actions(functions, options).length).toEqualTypeOf<Action<[text: string], number>>();
    // @ts-expect-error a fallback is a function
    orchestrator.actions(functions, { fallback: 5 });
    // @ts-expect-error there is no such option
    orchestrator.actions(functions, { retires: 3 });
  });
});

describe('options of actions', () => {
  it('get the arguments and results of every function', () => {
    orchestrator.actions(
      { length: (text: string) => text.length, repeat: async (n: number, text?: string) => `${n}${text}` },
      {
        fallback(first, second) {
          expectTypeOf(first).toEqualTypeOf<string | number>();
          expectTypeOf(second).toEqualTypeOf<string | undefined>();
          expectTypeOf(this).toEqualTypeOf<FallbackCall>();
        },
        share: { key: (first) => expectTypeOf(first).toEqualTypeOf<string | number>() },
        limit: { rate: 1, key: (first, second) => second ?? first, cost: () => 1 },
        retry: {
          until: (result) => {
            expectTypeOf(result).toEqualTypeOf<string | number>();
            return true;
          },
        },
      },
    );
    orchestrator.actions(
      { none: () => 1, sum: (...numbers: number[]) => numbers.length },
      { share: { key: (...numbers) => expectTypeOf(numbers).toEqualTypeOf<number[]>() } },
    );
  });

  it('are refused if one of the functions does not fit', () => {
    const functions = { length: (text: string) => text.length, double: (n: number) => n * 2 };
    // @ts-expect-error a text is no number
    orchestrator.actions(functions, { fallback: (n: number) => n });
    // @ts-expect-error a text is no number
    orchestrator.actions(functions, { fallback: [() => 1, (n: number) => n] });
    // @ts-expect-error a text is no number
    orchestrator.actions(functions, { share: { key: (n: number) => n } });
    // @ts-expect-error a text is no number
    orchestrator.actions(functions, { limit: { rate: 1, key: (n: number) => n } });
    // @ts-expect-error a text is no number
    orchestrator.actions(functions, { limit: limit({ rate: 1, key: (n: number) => n }) });
    // @ts-expect-error the results are numbers
    orchestrator.actions(functions, { retry: { until: (result: string) => result === '' } });
    // @ts-expect-error there may be no argument
    orchestrator.actions({ none: () => 1, one: (text: string) => text }, { fallback: (text: string) => text });
  });
});

describe('this of actions', () => {
  it('is that of the functions', () => {
    const users = orchestrator.actions({
      find(this: State, id: string) {
        return `${this.requests}${id}`;
      },
      async count(this: void) {
        return 1;
      },
      plain: () => 1,
    });
    expectTypeOf(users.find).toEqualTypeOf<Action<[id: string], string, State>>();
    expectTypeOf(users.count).toEqualTypeOf<Action<[], number>>();
    expectTypeOf(users.plain).toEqualTypeOf<Action<[], number>>();
    const { find } = users;
    // @ts-expect-error there is no this
    find('x');
    // @ts-expect-error the object of the actions is no such this
    users.find('x');
    expectTypeOf(find.call({ requests: 1 }, 'x')).toEqualTypeOf<Promise<string>>();
  });
});

describe('a function of type any', () => {
  // biome-ignore lint/suspicious/noExplicitAny: the subject of the tests
  const unknown: any = () => 1;

  it('makes an action with any arguments and results', () => {
    // biome-ignore lint/suspicious/noExplicitAny: as above
    type AnyAction = Action<any[], any>;
    expectTypeOf(orchestrator.action(unknown)).toEqualTypeOf<AnyAction>();
    expectTypeOf(orchestrator.action('unknown', unknown, { retry: 1 })).toEqualTypeOf<AnyAction>();
    orchestrator.action(unknown, { limit: { rate: 1, key: (first) => first.tenant }, fallback: (first) => first });
    expectTypeOf(orchestrator.actions({ unknown, one: () => 1 }).unknown).toEqualTypeOf<AnyAction>();
  });
});

describe('task and remaining', () => {
  it('are typed, and the task may be missing', () => {
    expectTypeOf(orchestrator.task).toEqualTypeOf<CurrentTask | undefined>();
    expectTypeOf(orchestrator.remaining).toEqualTypeOf<number>();
    const { id, signal } = orchestrator.task ?? {};
    expectTypeOf(id).toEqualTypeOf<string | undefined>();
    expectTypeOf(signal).toEqualTypeOf<AbortSignal | undefined>();
  });
});

describe('onError and off', () => {
  it('chain, and know the state', () => {
    orchestrator
      .onError((failure) => {
        expectTypeOf(failure).toEqualTypeOf<FailureEvent<State>>();
        expectTypeOf(failure.error).toEqualTypeOf<Error>();
        failure.context.requests++;
      })
      .off((event: FailureEvent<State>) => event.kind)
      .off(async () => {});
  });
});

describe('runMain', () => {
  it('gives the process to the function, and its result or undefined', () => {
    const result = runMain(
      orchestrator,
      async ({ context, signal }) => {
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
        return context.requests;
      },
      { state: { requests: 1 }, grace: null },
    );
    expectTypeOf(result).toEqualTypeOf<Promise<number | undefined>>();
    // @ts-expect-error an option of neither run nor runMain
    runMain(orchestrator, () => 1, { limit: 5 });
  });
});
