import { type Action, type CurrentTask, type FailureEvent, Orchestrator, runMain } from 'orchestrator';
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
