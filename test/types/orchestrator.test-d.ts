import { bulkhead, ConsecutiveBreaker, circuitBreaker, handleAll, TimeoutStrategy, timeout } from 'cockatiel';
import {
  AbortError,
  type Action,
  type ActionOptions,
  type EachResults,
  type FallbackCall,
  Orchestrator,
  OrchestratorError,
  type ParallelOptions,
  type Policy,
  type RetryBudgetOptions,
  type RetryContext,
  RetryError,
  type RetryOptions,
  type TaskCompletionEvent,
  type TaskRecord,
  TimeoutError,
  ValidationError,
} from 'orchestrator';
import PQueue from 'p-queue';
import type { AbortError as AbortErrorOfRetry, RetryContext as ContextOfRetry, Options } from 'p-retry';
import { describe, expectTypeOf, it } from 'vitest';

interface State {
  requests: number;
  apiKey?: string;
}
interface User {
  id: string;
}

const orchestrator = new Orchestrator<State>();
const fetchUser = orchestrator.action(async (id: string): Promise<User> => ({ id }));
const countOrders = orchestrator.action((customer: number) => customer);

describe('errors', () => {
  it('are narrowed to the base class, and to their own', () => {
    const error = new Error('a') as unknown;
    if (error instanceof OrchestratorError) expectTypeOf(error.code).toEqualTypeOf<string>();
    if (error instanceof TimeoutError) expectTypeOf(error).toEqualTypeOf<TimeoutError>();
    if (error instanceof ValidationError) expectTypeOf(error).toEqualTypeOf<ValidationError>();
    expectTypeOf<ValidationError>().toExtend<OrchestratorError>();
  });
});

describe('types of p-retry', () => {
  it('fit ours', () => {
    expectTypeOf<ContextOfRetry>().toExtend<RetryContext>();
    expectTypeOf<RetryContext>().toExtend<ContextOfRetry>();
    expectTypeOf<AbortErrorOfRetry>().toExtend<AbortError>();
    expectTypeOf<AbortError>().toExtend<AbortErrorOfRetry>();
    expectTypeOf(AbortError).constructorParameters.toEqualTypeOf<ConstructorParameters<typeof AbortErrorOfRetry>>();
  });

  it('let a class extend ours', () => {
    class Refused extends AbortError {}
    expectTypeOf(new Refused(new RangeError('declined')).originalError).toEqualTypeOf<Error>();
  });
});

describe('action', () => {
  it('keeps the parameters and gives a promise of the result', () => {
    expectTypeOf(fetchUser).toEqualTypeOf<Action<[id: string], User>>();
    expectTypeOf(fetchUser).toExtend<(id: string) => Promise<User>>();
    const many = orchestrator.action((name: string, age?: number, ...rest: boolean[]) => [name, age, rest] as const);
    expectTypeOf(many).parameters.toEqualTypeOf<[name: string, age?: number, ...rest: boolean[]]>();
    expectTypeOf(fetchUser).toExtend<Action<[id: string], User>>();
  });

  it('keeps generics', () => {
    const identity = orchestrator.action(<Value>(value: Value) => [value]);
    expectTypeOf(identity('text')).resolves.toEqualTypeOf<string[]>();
    expectTypeOf(identity<Date | null>(null)).resolves.toEqualTypeOf<(Date | null)[]>();
    const named = orchestrator.action(<Value>(value: Value) => ({ value }), { retry: 1 });
    expectTypeOf(named(1)).resolves.toEqualTypeOf<{ value: number }>();
  });

  it('refuses wrong arguments and options', () => {
    // @ts-expect-error a number is no id
    fetchUser(1);
    // @ts-expect-error an action wraps a function
    orchestrator.action('fetchUser');
    // @ts-expect-error there is no such option
    orchestrator.action(() => {}, { retires: 3 });
  });

  it('gives the fallback the arguments of the action, and takes its result', () => {
    orchestrator.action(async (id: string): Promise<User> => ({ id }), {
      timeout: {
        attempt: 5,
        fallback: (id) => {
          expectTypeOf(id).toEqualTypeOf<string>();
          return { id };
        },
      },
    });
    // @ts-expect-error a fallback gives what the action gives
    orchestrator.action(async (id: string): Promise<User> => ({ id }), { timeout: { fallback: () => 1 } });
  });

  it('takes its arguments from the function alone, whatever the fallback takes of them', () => {
    const fallback = (id: string) => ({ id });
    const find = orchestrator.action(async (id: string, n?: number): Promise<User> => ({ id: id.repeat(n ?? 1) }), {
      timeout: { attempt: 5, fallback },
    });
    expectTypeOf(find).toEqualTypeOf<Action<[id: string, n?: number], User>>();
    const list = orchestrator.action(<Value>(value: Value, ...more: Value[]) => [value, ...more], {
      timeout: { attempt: 5, fallback: (value) => [value] },
    });
    expectTypeOf(list(1, 2)).resolves.toEqualTypeOf<number[]>();
    expectTypeOf(list('a')).resolves.toEqualTypeOf<string[]>();
    const again = orchestrator.withOptions(find, { timeout: { attempt: 5, fallback: (id) => ({ id }) } });
    expectTypeOf(again).toEqualTypeOf(find);
    // @ts-expect-error a fallback gets what the function gets
    orchestrator.action((id: string) => id, { timeout: { attempt: 5, fallback: (id: number) => String(id) } });
  });

  it('keeps the this of its function', () => {
    class Users {
      readonly base = '/users/';
      find = orchestrator.action(function (this: Users, id: string) {
        return this.base + id;
      });
    }
    const users = new Users();
    expectTypeOf(users.find('1')).resolves.toEqualTypeOf<string>();
    expectTypeOf(orchestrator.withOptions(users.find, { retry: 1 })).toEqualTypeOf(users.find);
    const { find } = users;
    // @ts-expect-error this is not an object of the class
    find('1');
    // @ts-expect-error nor here
    orchestrator.parallel([users.find]);
    // @ts-expect-error nor here
    orchestrator.map(['1'], users.find);
    // @ts-expect-error an arrow function has none
    orchestrator.action(() => this.base);
  });

  it('takes options that are kept apart, and functions of a list that cannot be changed', () => {
    const preset: ActionOptions = { retry: 3 };
    expectTypeOf(orchestrator.action((text: string) => text.length, preset)('a')).resolves.toEqualTypeOf<number>();
    const sum = orchestrator.action((...numbers: readonly number[]) => numbers.length);
    expectTypeOf(sum(1, 2)).resolves.toEqualTypeOf<number>();
  });

  it('is the same type with other options', () => {
    expectTypeOf(orchestrator.withOptions(fetchUser, { timeout: 1 })).toEqualTypeOf(fetchUser);
  });
});

describe('with', () => {
  const add = orchestrator.action((a: number, b?: number) => a + (b ?? 0));

  it('takes the arguments of the action, and gives a function without parameters', () => {
    expectTypeOf(add.with).parameters.toEqualTypeOf<[a: number, b?: number]>();
    expectTypeOf(add.with(1, 2)()).resolves.toEqualTypeOf<number>();
    expectTypeOf(orchestrator.withOptions(add, { retry: 1 }).with(1)()).resolves.toEqualTypeOf<number>();
    // @ts-expect-error an argument is missing
    add.with();
    // @ts-expect-error a text is no number
    add.with('1');
  });

  it('lets parallel take actions with several parameters', () => {
    const load = orchestrator.parallel([fetchUser.with('42'), add.with(1, 2)]);
    expectTypeOf(load).parameters.toExtend<unknown[]>();
    expectTypeOf(load()).resolves.toEqualTypeOf<[User, number]>();
  });

  it('keeps the this of a method', () => {
    class Users {
      readonly base = '/users/';
      find = orchestrator.action(function (this: Users, id: string) {
        return this.base + id;
      });
    }
    const users = new Users();
    expectTypeOf(users.find.with('1').call(users)).resolves.toEqualTypeOf<string>();
    // @ts-expect-error this is not an object of the class
    users.find.with('1')();
  });

  it('is not on the type of a generic action, which keeps its type parameters', () => {
    const identity = orchestrator.action(<Value>(value: Value) => [value]);
    expectTypeOf(identity('text')).resolves.toEqualTypeOf<string[]>();
    // @ts-expect-error TypeScript keeps type parameters in plain functions only
    identity.with('text');
  });

  it('is on actions of functions that are generic outside', () => {
    const wrap = <Args extends readonly unknown[], Result>(fn: (...args: Args) => Result) => orchestrator.action(fn);
    expectTypeOf(wrap((n: number) => `${n}`).with(1)()).resolves.toEqualTypeOf<string>();
  });
});

describe('state', () => {
  it('is typed by key and by object', () => {
    expectTypeOf(orchestrator.getState()).toEqualTypeOf<State>();
    expectTypeOf(orchestrator.setState('requests', 1)).toEqualTypeOf(orchestrator);
    orchestrator.setState({ apiKey: 'k' });
    // @ts-expect-error there is no such key
    orchestrator.setState('request', 1);
    // @ts-expect-error requests is a number
    orchestrator.setState('requests', '1');
    // @ts-expect-error requests is a number
    orchestrator.setState({ requests: '1' });
    orchestrator.run(() => {}, { state: { requests: 1 } });
    // @ts-expect-error there is no such key
    orchestrator.run(() => {}, { state: { count: 1 } });
  });

  it('is inferred from the initial state, and open without one', () => {
    const inferred = new Orchestrator({ state: { count: 1, tags: ['a'] } });
    expectTypeOf(inferred.getState()).toEqualTypeOf<{ count: number; tags: string[] }>();
    expectTypeOf(new Orchestrator().getState()).toEqualTypeOf<Record<string, unknown>>();
    new Orchestrator().setState('anything', 1);
  });

  it('is what hooks and middleware see that a signal takes off, and these stay fluent', () => {
    const { signal } = new AbortController();
    const taken = orchestrator
      .onProcessBegin(({ context }) => expectTypeOf(context).toEqualTypeOf<State>(), { signal })
      .onTaskBegin(({ context }) => expectTypeOf(context).toEqualTypeOf<State>(), { signal: undefined })
      .use((task, next) => {
        expectTypeOf(task).toEqualTypeOf<TaskRecord<State>>();
        return next();
      }, {});
    expectTypeOf(taken).toEqualTypeOf<Orchestrator<State>>();
    // @ts-expect-error it is no signal
    orchestrator.onTaskCompletion(() => {}, { signal: 'abort' });
    // @ts-expect-error there is no such option
    orchestrator.onTaskRetry(() => {}, { once: true });
  });

  it('is what hooks and middleware see', () => {
    orchestrator
      .onProcessBegin(({ context }) => expectTypeOf(context).toEqualTypeOf<State>())
      .onTaskBegin(({ context, args }) => {
        expectTypeOf(context).toEqualTypeOf<State>();
        expectTypeOf(args).toEqualTypeOf<readonly unknown[]>();
      })
      .onTaskRetry(({ context, error }) => {
        expectTypeOf(context).toEqualTypeOf<State>();
        expectTypeOf(error).toEqualTypeOf<Error>();
      })
      .onTaskCompletion((event) => expectTypeOf(event).toEqualTypeOf<TaskCompletionEvent<State>>())
      .onTaskCompletion(({ status, error }) => {
        if (status === 'failed') expectTypeOf(error).toEqualTypeOf<Error>();
        if (status === 'completed') expectTypeOf(error).toEqualTypeOf<undefined>();
      })
      .onProcessCompletion(({ context }) => expectTypeOf(context).toEqualTypeOf<State>())
      .use((task, next) => {
        expectTypeOf(task).toEqualTypeOf<TaskRecord<State>>();
        return next();
      });
  });
});

describe('an orchestrator', () => {
  it('of any state is taken where no state is named', () => {
    const take = (given: Orchestrator) => given.getState();
    take(orchestrator);
    take(new Orchestrator());
    take(new Orchestrator({ state: { count: 1 } }));
    expectTypeOf<Orchestrator<State>>().toExtend<Orchestrator>();
    // @ts-expect-error of another state
    const other: Orchestrator<{ other: string }> = orchestrator;
    class Own extends Orchestrator<State> {}
    expectTypeOf(new Own().getState()).toEqualTypeOf<State>();
    expectTypeOf(other).toExtend<Orchestrator>();
  });
});

describe('run', () => {
  it('gives what its function gives', () => {
    expectTypeOf(orchestrator.run(() => 1)).resolves.toEqualTypeOf<number>();
    expectTypeOf(orchestrator.run(() => fetchUser('1'))).resolves.toEqualTypeOf<User>();
    expectTypeOf(orchestrator.run(orchestrator.action(() => 1))).resolves.toEqualTypeOf<number>();
  });

  it('gives its function the process', () => {
    const seen = orchestrator.run(({ context, signal, id }) => {
      expectTypeOf(context).toEqualTypeOf<State>();
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      expectTypeOf(id).toEqualTypeOf<string>();
      return context.requests;
    });
    expectTypeOf(seen).resolves.toEqualTypeOf<number>();
    const open = new Orchestrator();
    open.run(({ context }) => expectTypeOf(context).toEqualTypeOf<Record<string, unknown>>());
    // @ts-expect-error the id is not to be changed
    orchestrator.run((process) => (process.id = 'a'));
    // @ts-expect-error nothing else is passed
    orchestrator.run((id: string) => id);
  });
});

describe('parallel', () => {
  it('gives a tuple for a tuple and an object for an object', () => {
    const tuple = orchestrator.parallel([fetchUser, countOrders]);
    expectTypeOf(tuple('1', 2)).resolves.toEqualTypeOf<[User, number]>();
    const object = orchestrator.parallel({ user: fetchUser, orders: countOrders });
    expectTypeOf(object('1', 2)).resolves.toEqualTypeOf<{ user: User; orders: number }>();
    const list = orchestrator.parallel(['a', 'b'].map((id) => () => fetchUser(id)));
    expectTypeOf(list()).resolves.toEqualTypeOf<User[]>();
  });

  it('takes no argument only where no action needs one', () => {
    expectTypeOf(orchestrator.parallel([() => 1, async () => 'two'])()).resolves.toEqualTypeOf<[number, string]>();
    // @ts-expect-error fetchUser needs an id
    orchestrator.parallel([fetchUser, () => 1])();
  });

  it('takes one argument for all only where it fits all', () => {
    const both = orchestrator.parallel([fetchUser, (id: string) => id.length]);
    expectTypeOf(both('1')).resolves.toEqualTypeOf<[User, number]>();
    // @ts-expect-error a number is no id
    both(1);
    // @ts-expect-error nothing is a string and a number
    orchestrator.parallel([fetchUser, countOrders])('1');
  });

  it('takes one argument for each, in order', () => {
    // @ts-expect-error the arguments are in the wrong order
    orchestrator.parallel([fetchUser, countOrders])(2, '1');
    // @ts-expect-error there are two actions
    orchestrator.parallel([fetchUser, countOrders])('1', 2, 3);
    expectTypeOf(orchestrator.parallel([fetchUser, () => 1])('1', undefined)).resolves.toEqualTypeOf<[User, number]>();
  });

  it('takes actions with more parameters only as closures, or with their arguments', () => {
    const add = orchestrator.action((a: number, b: number) => a + b);
    // @ts-expect-error add needs two arguments
    orchestrator.parallel([add]);
    expectTypeOf(orchestrator.parallel([() => add(1, 2)])()).resolves.toEqualTypeOf<[number]>();
  });

  it('gives settled results where it settles', () => {
    const settled = orchestrator.parallel([fetchUser, countOrders], { settle: true });
    expectTypeOf(settled('1', 2)).resolves.toEqualTypeOf<[PromiseSettledResult<User>, PromiseSettledResult<number>]>();
    const either = orchestrator.parallel([countOrders], { settle: Math.random() > 0.5 });
    expectTypeOf(either(1)).resolves.toEqualTypeOf<[number] | [PromiseSettledResult<number>]>();
    const never = orchestrator.parallel([countOrders], { settle: false });
    expectTypeOf(never(1)).resolves.toEqualTypeOf<[number]>();
    const waiting = orchestrator.parallel([fetchUser], { failFast: true, concurrency: 2 });
    expectTypeOf(waiting('1')).resolves.toEqualTypeOf<[User]>();
    const given: ParallelOptions = { settle: true };
    const unknown = orchestrator.parallel([countOrders], given);
    expectTypeOf(unknown(1)).resolves.toEqualTypeOf<[number] | [PromiseSettledResult<number>]>();
    const undecided = orchestrator.parallel([countOrders], { settle: undefined });
    expectTypeOf(undecided(1)).resolves.toEqualTypeOf<[number]>();
  });

  it('checks its options, beside valid ones as well', () => {
    // @ts-expect-error settle and failFast exclude each other
    orchestrator.parallel([countOrders], { settle: true, failFast: true });
    orchestrator.parallel([countOrders], { settle: true, failFast: false });
    orchestrator.parallel([countOrders], { settle: Math.random() > 0.5, failFast: Math.random() > 0.5 });
    // @ts-expect-error there is no such option
    orchestrator.parallel([countOrders], { settle: true, concurency: 2 });
    // @ts-expect-error there is no such option
    orchestrator.map([1], countOrders, { failFast: true, concurency: 2 });
    // @ts-expect-error there is no such option
    orchestrator.each([1], countOrders, { ordered: true, concurency: 2 });
  });
});

describe('map', () => {
  it('gives a list of results, settled where it settles', () => {
    expectTypeOf(orchestrator.map(['1'], fetchUser)).resolves.toEqualTypeOf<User[]>();
    expectTypeOf(orchestrator.map(new Set([1]), countOrders, { concurrency: 2 })).resolves.toEqualTypeOf<number[]>();
    expectTypeOf(orchestrator.map(['1'], fetchUser, { settle: true })).resolves.toEqualTypeOf<
      PromiseSettledResult<User>[]
    >();
    expectTypeOf(orchestrator.map([Promise.resolve('1'), '2'], fetchUser)).resolves.toEqualTypeOf<User[]>();
    expectTypeOf(orchestrator.map([Promise.resolve(1)], (n) => n + 1)).resolves.toEqualTypeOf<number[]>();
    // @ts-expect-error a number is no id
    orchestrator.map([1], fetchUser);
    // @ts-expect-error nor is the promise of one
    orchestrator.map([Promise.resolve(1)], fetchUser);
  });
});

describe('any', () => {
  it('gives the union of the results, for the arguments of parallel', () => {
    const quote = orchestrator.any([fetchUser, countOrders]);
    expectTypeOf(quote('1', 2)).resolves.toEqualTypeOf<User | number>();
    expectTypeOf(orchestrator.any({ a: () => 1, b: async () => 'two' })()).resolves.toEqualTypeOf<number | string>();
    expectTypeOf(orchestrator.any([fetchUser.with('1')], { stagger: 200 })()).resolves.toEqualTypeOf<User>();
    expectTypeOf(orchestrator.any(['a', 'b'].map((id) => () => fetchUser(id)))()).resolves.toEqualTypeOf<User>();
    // @ts-expect-error nothing is a string and a number
    quote('1');
    // @ts-expect-error any has no failFast
    orchestrator.any([fetchUser], { failFast: true });
  });
});

describe('each', () => {
  it('gives results one by one, settled where it settles', async () => {
    const users = orchestrator.each(['1'], fetchUser, { concurrency: 2, ordered: true });
    expectTypeOf(users).toEqualTypeOf<EachResults<User>>();
    for await (const user of users) expectTypeOf(user).toEqualTypeOf<User>();
    const settled = orchestrator.each([Promise.resolve('1')], fetchUser, { settle: true });
    for await (const user of settled) expectTypeOf(user).toEqualTypeOf<PromiseSettledResult<User>>();
    const either = orchestrator.each([1], countOrders, { settle: Math.random() > 0.5 });
    for await (const count of either) expectTypeOf(count).toEqualTypeOf<number | PromiseSettledResult<number>>();
    expectTypeOf(users).toExtend<AsyncIterable<User>>();
    // @ts-expect-error a number is no id
    orchestrator.each([1], fetchUser);
    // @ts-expect-error each has no failFast
    orchestrator.each(['1'], fetchUser, { failFast: true });
  });
});

describe('policies', () => {
  it('can be switched off', () => {
    const off = { retry: null, timeout: null, policy: null };
    new Orchestrator<State>(off).action((n: number) => n, off);
    orchestrator.withOptions(countOrders, { retry: 0, timeout: 0, policy: null });
    orchestrator.action(() => 1, { timeout: { attempt: null, total: 0, fallback: null } });
    orchestrator.run(() => 1, { timeout: null });
    // @ts-expect-error what else may be missing is left out
    orchestrator.action(() => 1, { name: null });
  });

  it("take p-retry's options by their names", () => {
    type Same = Omit<RetryOptions, 'retryAfter' | 'until' | 'budget'>;
    type Given = { [Key in keyof Same]: Exclude<Same[Key], undefined> };
    expectTypeOf<Given>().toExtend<Options>();
    expectTypeOf<keyof Omit<Options, 'signal'>>().toEqualTypeOf<keyof Same>();
  });

  it("take cockatiel's", () => {
    const breaker = circuitBreaker(handleAll, { halfOpenAfter: 1, breaker: new ConsecutiveBreaker(1) });
    expectTypeOf(breaker).toExtend<Policy>();
    orchestrator.action(() => {}, { policy: breaker });
    orchestrator.action(() => {}, { policy: [breaker, bulkhead(5), timeout(100, TimeoutStrategy.Cooperative)] });
    new Orchestrator({ policy: [breaker] });
    // @ts-expect-error a policy has an execute method
    orchestrator.action(() => {}, { policy: {} });
  });

  it('see the call, and may take its signal alone', () => {
    const policy: Policy = {
      execute(fn, { signal, args, name, attempt }) {
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
        expectTypeOf(args).toEqualTypeOf<readonly unknown[]>();
        expectTypeOf(name).toEqualTypeOf<string>();
        expectTypeOf(attempt).toEqualTypeOf<number>();
        return fn();
      },
    };
    const former = { execute: (fn: () => Promise<unknown>, _signal?: AbortSignal) => fn() };
    expectTypeOf(former).toExtend<Policy>();
    const queue = new PQueue();
    orchestrator.action(() => {}, { policy: [policy, former, { execute: (fn, call) => queue.add(fn, call) }] });
  });
});

describe('fallback', () => {
  const find = async (id: string): Promise<User> => ({ id });

  it('adds its results to those of the action', () => {
    const one = orchestrator.action(find, { fallback: () => undefined });
    expectTypeOf(one).toEqualTypeOf<Action<[id: string], User | undefined>>();
    const several = orchestrator.action(find, {
      retry: 3,
      fallback: [fetchUser, async () => 5, () => 'nobody' as const],
    });
    expectTypeOf(several).toEqualTypeOf<Action<[id: string], User | number | 'nobody'>>();
    const none = orchestrator.action(find, { fallback: null, fallbackOn: () => true });
    expectTypeOf(none).toEqualTypeOf<Action<[id: string], User>>();
    const failing = (): never => {
      throw new Error('no');
    };
    expectTypeOf(orchestrator.action(find, { fallback: failing })).toEqualTypeOf<Action<[id: string], User>>();
    const again = orchestrator.withOptions(fetchUser, { fallback: () => null });
    expectTypeOf(again).toEqualTypeOf<Action<[id: string], User | null>>();
  });

  it('gets the arguments of the action, and the failure as `this`', () => {
    orchestrator.action(find, {
      fallback(id) {
        expectTypeOf(id).toEqualTypeOf<string>();
        expectTypeOf(this).toEqualTypeOf<FallbackCall>();
      },
      fallbackOn: (error) => error.message === '',
    });
    orchestrator.action(find, { fallback: [(id) => expectTypeOf(id).toEqualTypeOf<string>()] });
    // @ts-expect-error a fallback gets what the function gets
    orchestrator.action(find, { fallback: (id: number) => id });
    // @ts-expect-error a fallback gets what the function gets
    orchestrator.action(find, { fallback: [fetchUser, countOrders] });
  });

  it('keeps generics of the function, and options in a variable', () => {
    const same = orchestrator.action(<Value>(value: Value) => value, { fallbackOn: () => true });
    expectTypeOf(same(5)).resolves.toEqualTypeOf<number>();
    const options: ActionOptions = { fallback: () => 5, share: true };
    expectTypeOf(orchestrator.action(find, options)).toEqualTypeOf<Action<[id: string], User>>();
    new Orchestrator({ fallbackOn: (error) => error instanceof TimeoutError });
    // @ts-expect-error a fallback cannot fit all actions
    new Orchestrator({ fallback: () => 5 });
  });
});

describe('share', () => {
  it('takes its key from the arguments of the action', () => {
    const share = { ttl: 5, key: (id: string) => id };
    orchestrator.action(async (id: string) => id, { share });
    orchestrator.action(async (id: string) => id, { share: { ttl: 'run', key: (id) => id.length } });
    for (const shorthand of [true, false, 'run', null] as const) orchestrator.action(() => 1, { share: shorthand });
    // @ts-expect-error the key gets what the function gets
    orchestrator.action(async (id: number) => id, { share });
    // @ts-expect-error a time or 'run'
    orchestrator.action(async (id: number) => id, { share: 'process' });
    // @ts-expect-error sharing by default would be wrong for most actions
    new Orchestrator({ share: true });
  });
});

describe('retry', () => {
  it('until a result is right sees the result of the action', () => {
    orchestrator.action(async (id: string): Promise<User> => ({ id }), { retry: { until: ({ id }) => id === 'a' } });
    // @ts-expect-error the result is a user
    orchestrator.action(async (id: string): Promise<User> => ({ id }), { retry: { until: (n: number) => n > 1 } });
    const options: RetryOptions<User> = { until: async (user) => user.id === 'a' };
    orchestrator.action(async (id: string): Promise<User> => ({ id }), { retry: options });
    expectTypeOf(new RetryError('a', 1, { id: 'b' }).result).toEqualTypeOf<{ id: string }>();
  });

  it('has a budget, of an orchestrator or an action', () => {
    const budget: RetryBudgetOptions = { ratio: 0.1, minPerSecond: 5 };
    new Orchestrator({ retry: { budget } }).action(() => 1, { retry: { budget: 0.5 } });
    orchestrator.action(() => 1, { retry: { budget: null } });
  });
});
