import { AbortError, type FallbackCall, Orchestrator, TimeoutError, ValidationError } from 'orchestrator';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred, recorded, rejection } from '../support.js';

afterEach(() => void vi.useRealTimers());

const failed = new Error('failed');
const fail = (..._args: unknown[]): Promise<string> => Promise.reject(failed);

describe('fallback', () => {
  it('gives the result of a task that has failed, from its arguments', async () => {
    const orchestrator = new Orchestrator();
    const statuses: string[] = [];
    orchestrator.onTaskCompletion(({ status, result }) => statuses.push(`${status} ${result}`));
    const act = orchestrator.action(fail, { fallback: (...args) => args.join() });
    await expect(act('a', 2)).resolves.toBe('a,2');
    expect(statuses).toEqual(['completed a,2']);
  });

  it('is not called for a task that succeeds', async () => {
    const act = new Orchestrator().action(() => 1, { fallback: () => expect.fail('was called') });
    await expect(act()).resolves.toBe(1);
  });

  it('is called once, after all retries', async () => {
    const lines: string[] = [];
    const attempt = () => {
      lines.push('attempt');
      return fail();
    };
    const act = new Orchestrator().action(attempt, {
      retry: { retries: 2, minTimeout: 0 },
      fallback: () => lines.push('fallback'),
    });
    await act();
    expect(lines).toEqual(['attempt', 'attempt', 'attempt', 'fallback']);
  });

  it.each([{ attempt: 10 }, { total: 10 }])('answers a timeout, with the limit %o', async (timeout) => {
    vi.useFakeTimers();
    const act = new Orchestrator().action(() => deferred<string>().promise, { timeout, fallback: () => 'cached' });
    const pending = act();
    await vi.advanceTimersByTimeAsync(10);
    await expect(pending).resolves.toBe('cached');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('answers the timeout of an inner action, and an AbortError that ended the retries', async () => {
    const orchestrator = new Orchestrator();
    const inner = orchestrator.action(() => deferred().promise, { timeout: 5 });
    await expect(orchestrator.action(() => inner(), { fallback: () => 'cached' })()).resolves.toBe('cached');
    const stopping = () => Promise.reject(new AbortError(failed));
    const errors: unknown[] = [];
    const fallback = function (this: FallbackCall) {
      errors.push(this.error);
    };
    await orchestrator.action(stopping, { retry: 3, fallback })();
    await orchestrator.action(stopping, { fallback })();
    expect(errors).toEqual([failed, failed]);
  });

  it('that is a function finds the failure and the name of the action in `this`', async () => {
    const act = new Orchestrator().action(fail, {
      name: 'load',
      fallback(id) {
        return { id, name: this.name, error: this.error };
      },
    });
    await expect(act('a')).resolves.toEqual({ id: 'a', name: 'load', error: failed });
  });

  it('sees a thrown value that is not an error as the error that would come out', async () => {
    const act = new Orchestrator().action(() => Promise.reject('text'), {
      fallback() {
        return this.error;
      },
    });
    expect(await act()).toEqual(expect.any(ValidationError));
    expect(await act()).toMatchObject({ cause: 'text' });
  });

  it('that is an action is a task of the same process, with its own policies', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    let calls = 0;
    const askClaude = orchestrator.action(
      async function askClaude(question: string) {
        if (++calls === 1) throw failed;
        return `${question}!`;
      },
      { retry: { retries: 1, minTimeout: 0 } },
    );
    const ask = orchestrator.action((_question: string) => fail(), { name: 'askGpt', fallback: askClaude });
    await expect(ask('hello')).resolves.toBe('hello!');
    expect(lines).toEqual([
      'process begins',
      'askGpt begins',
      'askClaude begins',
      'askClaude failed attempt 1',
      'askClaude completed',
      'askGpt completed',
      'process completed',
    ]);
  });

  it('that is an action gets the `this` value and exactly the arguments of the call', async () => {
    const orchestrator = new Orchestrator();
    const users = {
      name: 'users',
      find: orchestrator.action(
        async function (this: unknown, ..._args: unknown[]): Promise<unknown> {
          throw failed;
        },
        {
          fallback: orchestrator.action(function (this: unknown, ...args: unknown[]) {
            return { self: this, args };
          }),
        },
      ),
    };
    await expect(users.find('a')).resolves.toEqual({ self: users, args: ['a'] });
  });

  it('may be a list, tried in order until one succeeds; each sees the failure before', async () => {
    const errors: unknown[] = [];
    const second = new Error('second');
    const act = new Orchestrator().action(fail, {
      fallback: [
        function () {
          errors.push(this.error);
          throw second;
        },
        function () {
          errors.push(this.error);
          return 'third';
        },
        () => expect.fail('was called'),
      ],
    });
    await expect(act()).resolves.toBe('third');
    expect(errors).toEqual([failed, second]);
  });

  it('rejects with the last error if all fail, which has the earlier ones in its list `suppressed`', async () => {
    const first = new Error('first');
    const [second, third] = [new Error('second'), new Error('third')];
    const act = new Orchestrator().action(() => Promise.reject(first), {
      fallback: [() => Promise.reject(second), () => Promise.reject(third)],
    });
    const error = await rejection(act());
    expect(error).toBe(third);
    expect(error).toMatchObject({ suppressed: [first, second] });
  });

  it('that rethrows the failure leaves it as it was, and a frozen error stays frozen', async () => {
    const error = new Error('as it was');
    const rethrow = new Orchestrator().action(() => Promise.reject(error), {
      fallback() {
        throw this.error;
      },
    });
    expect(await rejection(rethrow())).toBe(error);
    expect(error).not.toHaveProperty('suppressed');
    const frozen = Object.freeze(new Error('frozen'));
    expect(await rejection(new Orchestrator().action(fail, { fallback: () => Promise.reject(frozen) })())).toBe(frozen);
  });

  it('is for the failures that `fallbackOn` chooses, also among the fallbacks', async () => {
    const orchestrator = new Orchestrator();
    const fallbackOn = (error: Error) => error instanceof TimeoutError;
    const refused = orchestrator.action(fail, { fallbackOn, fallback: () => expect.fail('was called') });
    expect(await rejection(refused())).toBe(failed);
    const answered = orchestrator.action(() => Promise.reject(new TimeoutError('a', 1)), {
      fallbackOn,
      fallback: [fail, () => expect.fail('was called')],
    });
    expect(await rejection(answered())).toBe(failed);
  });

  it('has a default of `fallbackOn` in the orchestrator, which an action overrides or switches off', async () => {
    const orchestrator = new Orchestrator({ fallbackOn: () => false });
    const fallback = () => 'fallback';
    expect(await rejection(orchestrator.action(fail, { fallback })())).toBe(failed);
    await expect(orchestrator.action(fail, { fallback, fallbackOn: null })()).resolves.toBe('fallback');
    await expect(orchestrator.action(fail, { fallback, fallbackOn: () => true })()).resolves.toBe('fallback');
  });

  it('is not called if `fallbackOn` throws: the task fails with that error', async () => {
    const broken = new Error('broken');
    const fallbackOn = () => {
      throw broken;
    };
    const act = new Orchestrator().action(fail, { fallbackOn, fallback: () => expect.fail('was called') });
    expect(await rejection(act())).toBe(broken);
  });

  it('is not called if the run is aborted, before or during a fallback', async () => {
    const orchestrator = new Orchestrator();
    const statuses: string[] = [];
    orchestrator.onTaskCompletion(({ status }) => statuses.push(status));
    const controller = new AbortController();
    const never = () => expect.fail('was called');
    const hanging = orchestrator.action(() => deferred().promise, { fallback: never });
    const pending = rejection(orchestrator.run(() => hanging(), { signal: controller.signal }));
    controller.abort(failed);
    expect(await pending).toBe(failed);

    const later = new AbortController();
    const act = orchestrator.action(fail, {
      fallback: [
        () => {
          later.abort(new Error('stop'));
          throw failed;
        },
        never,
      ],
    });
    expect(await rejection(orchestrator.run(() => act(), { signal: later.signal }))).toEqual(new Error('stop'));
    expect(statuses).toEqual(['cancelled', 'cancelled']);
  });

  it('is not called for a sibling that failFast aborts', async () => {
    const orchestrator = new Orchestrator();
    const hanging = orchestrator.action(
      async () => {
        const { signal } = orchestrator;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        signal.throwIfAborted();
      },
      { fallback: () => expect.fail('was called') },
    );
    const group = orchestrator.parallel([orchestrator.action(fail), hanging], { failFast: true });
    expect(await rejection(group())).toBe(failed);
  });

  it('is kept by withOptions, and `null` or an empty list switches it off', async () => {
    const orchestrator = new Orchestrator();
    const act = orchestrator.action(fail, { fallback: () => 'fallback' });
    await expect(orchestrator.withOptions(act, { retry: 0 })()).resolves.toBe('fallback');
    await expect(orchestrator.withOptions(act, { fallback: () => 'other' })()).resolves.toBe('other');
    expect(await rejection(orchestrator.withOptions(act, { fallback: null })())).toBe(failed);
    expect(await rejection(orchestrator.withOptions(act, { fallback: [] })())).toBe(failed);
  });

  it('stands around `timeout.fallback`, which goes on to answer the timeouts of the task alone', async () => {
    vi.useFakeTimers();
    const orchestrator = new Orchestrator();
    const options = { timeout: { attempt: 10, fallback: () => 'for timeouts' }, fallback: () => 'for the rest' };
    const slow = orchestrator.action(() => deferred<string>().promise, options)();
    await vi.advanceTimersByTimeAsync(10);
    await expect(slow).resolves.toBe('for timeouts');
    await expect(orchestrator.action(fail, options)()).resolves.toBe('for the rest');
  });

  it('runs in the scope of the task: with its signal and its state', async () => {
    const orchestrator = new Orchestrator({ state: { seen: 0 } });
    const act = orchestrator.action(fail, {
      timeout: { total: 1_000 },
      fallback() {
        orchestrator.getState().seen++;
        return orchestrator.signal.aborted;
      },
    });
    await orchestrator.run(async ({ context }) => {
      expect(await act()).toBe(false);
      expect(context.seen).toBe(1);
    });
  });

  it.each([
    [{ fallback: 'x' }, 'fallback must be a function, got String'],
    [{ fallback: [() => 1, 2] }, 'fallback[1] must be a function, got 2'],
    [{ fallbackOn: 'x' }, 'fallbackOn must be a function, got String'],
  ])('rejects %o', (options, message) => {
    expect(() => new Orchestrator().action(fail, options as never)).toThrow(new ValidationError(message));
  });

  it('is not a default of an orchestrator, as its result cannot fit all actions', () => {
    expect(() => new Orchestrator({ fallback: () => 1 } as never)).toThrow('fallback is unknown');
  });
});
