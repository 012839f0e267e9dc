import { getEventListeners } from 'node:events';
import { Orchestrator, ParallelError, TimeoutError, ValidationError } from 'orchestrator';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deferred, recorded, rejection, settled } from '../support.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const fail = (message: string) => () => Promise.reject(new Error(message));
const outcomeAfter = (milliseconds: number, value: unknown) => () =>
  new Promise((resolve, reject) =>
    setTimeout(() => (value instanceof Error ? reject(value) : resolve(value)), milliseconds),
  );

/** Notes when each of some actions starts, in milliseconds since the first. */
function timed(outcomes: readonly (readonly [takes: number, outcome: unknown])[]) {
  const began = Date.now();
  const starts: number[] = [];
  const actions = outcomes.map(([takes, outcome], index) => () => {
    starts[index] = Date.now() - began;
    return outcomeAfter(takes, outcome)();
  });
  return { starts, actions };
}

describe('any', () => {
  it('resolves with the first success, whatever has failed before', async () => {
    const orchestrator = new Orchestrator();
    const pending = orchestrator.any([fail('a'), outcomeAfter(20, 'slow'), outcomeAfter(10, 'fast')])();
    await vi.advanceTimersByTimeAsync(10);
    await expect(pending).resolves.toBe('fast');
  });

  it('passes arguments as parallel does, and takes an object as well', async () => {
    const orchestrator = new Orchestrator();
    const twice = orchestrator.action(async (n: number) => n * 2);
    const never = (_: unknown) => deferred<string>().promise;
    await expect(orchestrator.any([never, twice])(4)).resolves.toBe(8);
    await expect(orchestrator.any({ never, twice })('ignored', 5)).resolves.toBe(10);
    await expect(orchestrator.any([() => 'none'])()).resolves.toBe('none');
    const wrong = orchestrator.any([never, never, never]) as (...args: number[]) => Promise<unknown>;
    await expect(wrong(1, 2)).rejects.toThrow(
      new ValidationError('any takes 0, 1 or 3 arguments here, got 2: pass none, one for all actions, or one for each'),
    );
  });

  it('aborts the signals of the other actions, and their tasks end as cancelled', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const signals: Record<string, AbortSignal> = {};
    const gates = { winner: deferred(), loser: deferred() };
    const act = orchestrator.action(
      async (name: 'winner' | 'loser') => {
        signals[name] = orchestrator.signal;
        await gates[name].promise;
        return name;
      },
      { name: 'act' },
    );
    await orchestrator.run(async () => {
      const pending = orchestrator.any([act.with('loser'), act.with('winner')])();
      await settled();
      gates.winner.resolve();
      expect(await pending).toBe('winner');
      expect(orchestrator.signal.aborted).toBe(false);
    });
    expect(signals.loser?.aborted).toBe(true);
    expect(signals.loser?.reason).toMatchObject({ name: 'AbortError' });
    expect(lines).toContain('act cancelled');
    expect(lines).toContain('act completed');
    gates.loser.reject(new Error('nobody hears this'));
    await settled();
  });

  it('keeps the signal of the winner, which then follows the run', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const open = orchestrator.action(() => orchestrator.signal);
    const body = await orchestrator
      .run(
        async () => {
          const signal = await orchestrator.any([open, () => deferred<AbortSignal>().promise])();
          await settled();
          expect(signal.aborted).toBe(false);
          controller.abort();
          return signal;
        },
        { signal: controller.signal },
      )
      .catch(() => undefined);
    expect(body).toBeUndefined();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('rejects with every failure, in order, if all actions fail', async () => {
    const orchestrator = new Orchestrator();
    const pending = rejection(orchestrator.any({ a: outcomeAfter(5, new Error('late')), b: fail('soon') })());
    await vi.advanceTimersByTimeAsync(5);
    const error = (await pending) as ParallelError;
    expect(error).toBeInstanceOf(ParallelError);
    expect(error.message).toBe('2 of 2 parallel actions failed: "a": late; "b": soon');
    expect(error.results).toEqual({
      a: { status: 'rejected', reason: new Error('late') },
      b: { status: 'rejected', reason: new Error('soon') },
    });
    expect(error.cause).toBeUndefined();
  });

  it('treats a function that throws, or throws no error, as failed', async () => {
    const orchestrator = new Orchestrator();
    const throws = () => {
      throw 'text';
    };
    const error = (await rejection(orchestrator.any([throws], { name: 'quote' })())) as ParallelError;
    expect(error.errors[0]).toMatchObject({ code: 'ERR_VALIDATION', cause: 'text' });
    expect(error.errors[0]?.message).toContain('"quote" threw String');
    await expect(orchestrator.any([throws, () => 1])()).resolves.toBe(1);
  });

  it('is one run if called outside a run, and part of the run inside one', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const one = orchestrator.action(() => 1, { name: 'one' });
    await orchestrator.any([one])();
    expect(lines).toEqual(['process begins', 'one begins', 'one completed', 'process completed']);
    lines.length = 0;
    await orchestrator.run(() => orchestrator.any([one])());
    expect(lines.filter((line) => line.startsWith('process'))).toHaveLength(2);
  });

  it('is aborted with its run', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const { starts, actions } = timed([
      [1_000, 1],
      [1_000, 2],
    ]);
    const work = () => orchestrator.any(actions, { stagger: 50 })();
    const pending = rejection(orchestrator.run(work, { signal: controller.signal }));
    await settled();
    controller.abort('enough');
    expect(await pending).toBe('enough');
    await vi.advanceTimersByTimeAsync(100);
    expect(starts).toEqual([0]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(vi.getTimerCount()).toBe(0);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('does not start in a run that is aborted', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const pending = orchestrator.run(
      async () => {
        controller.abort('enough');
        return await rejection(orchestrator.any([() => expect.fail('was called')])());
      },
      { signal: controller.signal },
    );
    expect(await rejection(pending)).toBe('enough');
  });

  it.each([
    [[], undefined, 'actions must have at least one function, got none'],
    [{}, undefined, 'actions must have at least one function, got none'],
    [5, undefined, 'actions must be an array or object of functions, got 5'],
    [[1], undefined, 'actions[0] must be a function, got 1'],
    [[() => {}], { failFast: true }, 'failFast is unknown, expected name, stagger, timeout'],
    [
      [() => {}],
      { stagger: -1 },
      'stagger must be a number of milliseconds of at least 0, up to 2147483647, or Infinity, got -1',
    ],
  ])('rejects %o with %o', (actions, options, message) => {
    expect(() => new Orchestrator().any(actions as never, options as never)).toThrow(new ValidationError(message));
  });
});

describe('stagger', () => {
  it('starts an action each time its milliseconds have passed', async () => {
    const { starts, actions } = timed([
      [1_000, 'a'],
      [1_000, 'b'],
      [100, 'c'],
      [0, 'd'],
    ]);
    const pending = new Orchestrator().any(actions, { stagger: 200 })();
    await vi.advanceTimersByTimeAsync(500);
    await expect(pending).resolves.toBe('c');
    expect(starts).toEqual([0, 200, 400]);
    expect(vi.getTimerCount()).toBe(2);
  });

  it('does not start the second if the first is in time', async () => {
    const { starts, actions } = timed([
      [100, 'a'],
      [0, 'b'],
    ]);
    const pending = new Orchestrator().any(actions, { stagger: 200 })();
    await vi.advanceTimersByTimeAsync(100);
    await expect(pending).resolves.toBe('a');
    expect(vi.getTimerCount()).toBe(0);
    expect(starts).toEqual([0]);
  });

  it('starts the next at once if the last one fails before its milliseconds are over', async () => {
    const { starts, actions } = timed([
      [50, new Error('a')],
      [300, new Error('b')],
      [500, 'c'],
    ]);
    const pending = new Orchestrator().any(actions, { stagger: 200 })();
    await vi.advanceTimersByTimeAsync(1_000);
    await expect(pending).resolves.toBe('c');
    expect(starts).toEqual([0, 50, 250]);
  });

  it('of Infinity starts an action only after a failure', async () => {
    const { starts, actions } = timed([
      [500, new Error('a')],
      [500, new Error('b')],
      [500, 'c'],
      [0, 'd'],
    ]);
    const pending = new Orchestrator().any(actions, { stagger: Infinity })();
    await vi.advanceTimersByTimeAsync(1_500);
    await expect(pending).resolves.toBe('c');
    expect(starts).toEqual([0, 500, 1_000]);
  });

  it('of 0 starts all at once', async () => {
    const { starts, actions } = timed([
      [10, 'a'],
      [10, 'b'],
    ]);
    const pending = new Orchestrator().any(actions, { stagger: 0 })();
    await vi.advanceTimersByTimeAsync(10);
    await pending;
    expect(starts).toEqual([0, 0]);
  });
});

describe('timeout of any', () => {
  it('counts actions that have not ended as failed, and is the cause of the error', async () => {
    const orchestrator = new Orchestrator();
    let signal: AbortSignal | undefined;
    const hang = () => {
      signal = orchestrator.signal;
      return deferred().promise;
    };
    const pending = rejection(orchestrator.any([fail('a'), hang, hang], { name: 'quote', stagger: 30, timeout: 40 })());
    await vi.advanceTimersByTimeAsync(40);
    const error = (await pending) as ParallelError<PromiseSettledResult<unknown>[]>;
    expect(error).toBeInstanceOf(ParallelError);
    const limit = new TimeoutError('quote', 40);
    expect(error.cause).toEqual(limit);
    expect(error.errors).toEqual([new Error('a'), limit, limit]);
    expect(signal?.reason).toBe(error.cause);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves no timer behind if an action is in time', async () => {
    const pending = new Orchestrator().any([outcomeAfter(10, 'a')], { timeout: 50 })();
    await vi.advanceTimersByTimeAsync(10);
    await expect(pending).resolves.toBe('a');
    expect(vi.getTimerCount()).toBe(0);
  });
});
