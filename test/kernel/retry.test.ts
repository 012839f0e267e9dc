import { AbortError, Orchestrator, type TaskRetryEvent, ValidationError } from 'orchestrator';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deferred, failing, recorded, rejection } from '../support.js';

const quick = { minTimeout: 0 };

describe('retry', () => {
  it('tries again until the function succeeds', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const flaky = orchestrator.action(failing(2, 'done'), { retry: { retries: 3, ...quick } });
    await expect(flaky()).resolves.toBe('done');
    expect(lines.slice(1, -1)).toEqual([
      'flaky begins',
      'flaky failed attempt 1',
      'flaky failed attempt 2',
      'flaky completed',
    ]);
  });

  it("rejects with the last attempt's own error", async () => {
    const orchestrator = new Orchestrator();
    const errors: Error[] = [];
    const act = orchestrator.action(
      () => {
        errors.push(new Error(`attempt ${errors.length + 1}`));
        throw errors.at(-1);
      },
      { retry: { retries: 2, ...quick } },
    );
    expect(await rejection(act())).toBe(errors[2]);
    expect(errors).toHaveLength(3);
  });

  it('does not happen by default, nor with 0 retries', async () => {
    let calls = 0;
    const fail = () => {
      calls++;
      throw new Error('no');
    };
    const orchestrator = new Orchestrator();
    await rejection(orchestrator.action(fail)());
    await rejection(orchestrator.action(fail, { retry: 0 })());
    expect(calls).toBe(2);
  });

  it('of an orchestrator is the default of its actions, field by field', async () => {
    const orchestrator = new Orchestrator({ retry: { retries: 1, ...quick } });
    const attempts: number[] = [];
    orchestrator.onTaskCompletion((task) => attempts.push(task.attempts));
    const fail = () => Promise.reject(new Error('no'));
    await rejection(orchestrator.action(fail)());
    await rejection(orchestrator.action(fail, { retry: 2 })());
    await rejection(orchestrator.action(fail, { retry: { factor: 1 } })());
    await rejection(orchestrator.action(fail, { retry: 0 })());
    expect(attempts).toEqual([2, 3, 2, 1]);
  });

  it('ends at an AbortError, with the error inside it', async () => {
    const orchestrator = new Orchestrator({ retry: { retries: 5, ...quick } });
    let calls = 0;
    const fatal = new Error('fatal');
    const act = orchestrator.action(() => {
      calls++;
      if (calls === 2) throw new AbortError(fatal);
      throw new Error('again');
    });
    expect(await rejection(act())).toBe(fatal);
    expect(calls).toBe(2);
  });

  it('ends at a mistake in the program, like p-retry, but not at a network error', async () => {
    const orchestrator = new Orchestrator({ retry: { retries: 1, ...quick } });
    const attempts: number[] = [];
    orchestrator.onTaskCompletion((task) => attempts.push(task.attempts));
    await rejection(orchestrator.action(() => Promise.reject(new TypeError('x is not a function')))());
    await rejection(orchestrator.action(() => Promise.reject(new TypeError('fetch failed')))());
    await rejection(orchestrator.action(() => Promise.reject('text'))());
    expect(attempts).toEqual([1, 2, 1]);
  });

  it('calls shouldRetry, shouldConsumeRetry and onFailedAttempt like p-retry', async () => {
    const asked: string[] = [];
    const attempts: number[] = [];
    const orchestrator = new Orchestrator().onTaskCompletion((task) => attempts.push(task.attempts));
    const act = orchestrator.action(() => Promise.reject(new Error('no')), {
      retry: {
        retries: 2,
        ...quick,
        onFailedAttempt: async ({ attemptNumber, retriesLeft }) => {
          asked.push(`failed ${attemptNumber}, ${retriesLeft} left`);
        },
        shouldConsumeRetry: async ({ attemptNumber }) => attemptNumber !== 2,
        shouldRetry: ({ attemptNumber }) => attemptNumber < 4,
      },
    });
    await rejection(act());
    expect(asked).toEqual(['failed 1, 2 left', 'failed 2, 1 left', 'failed 3, 1 left', 'failed 4, 0 left']);
    expect(attempts).toEqual([4]);
  });

  it('ends with the error that a callback throws', async () => {
    const error = new Error('callback');
    const act = new Orchestrator().action(() => Promise.reject(new Error('no')), {
      retry: { retries: 2, ...quick, shouldRetry: () => Promise.reject(error) },
    });
    expect(await rejection(act())).toBe(error);
  });

  it('ends with the error that an onTaskRetry hook throws', async () => {
    const error = new Error('hook');
    let calls = 0;
    let announced = 0;
    const orchestrator = new Orchestrator().onTaskRetry(() => {
      announced++;
      return Promise.reject(error);
    });
    const act = orchestrator.action(
      () => {
        calls++;
        throw new Error('no');
      },
      { retry: { retries: 5, ...quick } },
    );
    expect(await rejection(act())).toBe(error);
    expect([calls, announced]).toEqual([1, 1]);
  });

  it('counts for the action that fails, not for its callers', async () => {
    const orchestrator = new Orchestrator();
    let inner = 0;
    let outer = 0;
    const failingInner = orchestrator.action(() => {
      inner++;
      throw new AbortError('inner gives up');
    });
    const retryingOuter = orchestrator.action(
      () => {
        outer++;
        return failingInner();
      },
      { retry: { retries: 2, ...quick } },
    );
    await expect(retryingOuter()).rejects.toThrow('inner gives up');
    expect([inner, outer]).toEqual([3, 3]);
  });

  it.each([
    [{ retries: -1 }, 'retry.retries must be a whole number of at least 0, or Infinity, got -1'],
    [{ retries: 1.5 }, 'retry.retries must be a whole number of at least 0, or Infinity, got 1.5'],
    [{ retries: Number.NaN }, 'retry.retries must be a whole number of at least 0, or Infinity, got NaN'],
    [{ retries: '3' }, 'retry.retries must be a whole number of at least 0, or Infinity, got String'],
    [{ minTimeout: -1 }, 'retry.minTimeout must be a finite number of at least 0, got -1'],
    [{ minTimeout: Infinity }, 'retry.minTimeout must be a finite number of at least 0, got Infinity'],
    [{ maxTimeout: Number.NaN }, 'retry.maxTimeout must be a number of at least 0, or Infinity, got NaN'],
    [{ factor: '2' }, 'retry.factor must be a finite number of at least 0, got String'],
    [{ randomize: 1 }, 'retry.randomize must be a boolean, got 1'],
    [{ shouldRetry: true }, 'retry.shouldRetry must be a function, got Boolean'],
    [{ signal: new AbortController().signal }, 'retry.signal is unknown, expected retries, minTimeout'],
    [-1, 'retry must be a whole number of at least 0, or Infinity, got -1'],
    ['3', 'retry must be a whole number of at least 0, or Infinity, got String'],
  ])('rejects %o', (retry, message) => {
    const options = { retry } as never;
    expect(() => new Orchestrator(options)).toThrow(ValidationError);
    expect(() => new Orchestrator().action(() => {}, options)).toThrow(message);
  });
});

describe('the delay between attempts', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Returns the announced delays, with the time that actually passed before each attempt. */
  async function waits(retry: object, error = () => new Error('no')) {
    const orchestrator = new Orchestrator();
    const announced: number[] = [];
    const times: number[] = [];
    orchestrator.onTaskRetry(({ delay }) => announced.push(delay));
    const act = orchestrator.action(
      () => {
        times.push(performance.now());
        throw error();
      },
      { retry },
    );
    const pending = rejection(act());
    await vi.runAllTimersAsync();
    await pending;
    const passed = times.slice(1).map((time, index) => Math.round(time - (times[index] ?? 0)));
    expect(passed).toEqual(announced);
    return announced;
  }

  it('is one second, doubled each time', async () => {
    expect(await waits({ retries: 4 })).toEqual([1000, 2000, 4000, 8000]);
  });

  it('follows minTimeout, factor and maxTimeout', async () => {
    expect(await waits({ retries: 4, minTimeout: 10, factor: 3, maxTimeout: 100 })).toEqual([10, 30, 90, 100]);
    expect(await waits({ retries: 2, minTimeout: 10, factor: 0 })).toEqual([10, 10]);
  });

  it('can be randomized, from once to twice as long', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    expect(await waits({ retries: 2, minTimeout: 100, randomize: true })).toEqual([150, 300]);
  });

  it('never exceeds maxRetryTime, counted from the first attempt', async () => {
    expect(await waits({ retries: 9, minTimeout: 400, maxRetryTime: 1000 })).toEqual([400, 600]);
  });

  it('is zero for a failure that uses up no retry', async () => {
    let failures = 0;
    expect(await waits({ retries: 1, shouldConsumeRetry: () => ++failures > 2 })).toEqual([0, 0, 1000]);
  });

  it('is the delay that the server asked for', async () => {
    vi.setSystemTime(new Date('2026-01-01T00:00:00Z'));
    const answers = [
      '2',
      250,
      new Date('2026-01-01T00:00:05.250Z'),
      'Thu, 01 Jan 2026 00:00:06 GMT',
      undefined,
      'soon',
    ];
    const retry = { retries: 6, minTimeout: 10, factor: 1, retryAfter: () => answers.shift() };
    expect(await waits(retry)).toEqual([2000, 250, 3000, 750, 10, 10]);
  });

  it('asked for by the server stays within maxTimeout', async () => {
    expect(await waits({ retries: 1, maxTimeout: 500, retryAfter: () => '3600' })).toEqual([500]);
  });

  it('is never longer than a timer can hold', async () => {
    expect(await waits({ retries: 1, retryAfter: () => '99999999999' })).toEqual([2 ** 31 - 1]);
  });

  it('is announced with all details of the retry', async () => {
    const orchestrator = new Orchestrator({ retry: { retries: 2, minTimeout: 5 }, state: { key: 'k' } });
    const events: TaskRetryEvent[] = [];
    orchestrator.onTaskRetry((event) => events.push(event));
    const error = new Error('no');
    const act = orchestrator.action(
      failing(1, 'done', () => error),
      { name: 'act' },
    );
    const pending = orchestrator.run(() => act(), { id: 'p' });
    await vi.runAllTimersAsync();
    await pending;
    expect(events).toEqual([
      expect.objectContaining({
        id: 'p/1',
        processId: 'p',
        name: 'act',
        args: [],
        attempt: 1,
        retriesLeft: 2,
        delay: 5,
      }),
    ]);
    expect(events[0]?.error).toBe(error);
    expect(events[0]?.context).toEqual({ key: 'k' });
  });

  it('is interrupted by an abort, and no attempt follows', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    let calls = 0;
    const act = orchestrator.action(
      () => {
        calls++;
        throw new Error('no');
      },
      { retry: { retries: Infinity, minTimeout: 60_000 } },
    );
    const pending = rejection(orchestrator.run(() => act(), { signal: controller.signal }));
    await vi.advanceTimersByTimeAsync(1000);
    expect(vi.getTimerCount()).toBe(1);
    const reason = new Error('stop');
    controller.abort(reason);
    expect(await pending).toBe(reason);
    await vi.runAllTimersAsync();
    expect(vi.getTimerCount()).toBe(0);
    expect(calls).toBe(1);
  });
});

describe('an abort between a failure and the delay', () => {
  it.each(['onTaskRetry', 'shouldRetry'] as const)(
    'in %s leaves no timer, and announces nothing more',
    async (where) => {
      vi.useFakeTimers();
      const controller = new AbortController();
      const announced: number[] = [];
      const orchestrator = new Orchestrator().onTaskRetry(({ attempt }) => {
        announced.push(attempt);
        if (where === 'onTaskRetry') controller.abort('reason');
      });
      const shouldRetry = async () => {
        if (where === 'shouldRetry') controller.abort('reason');
        return true;
      };
      const act = orchestrator.action(() => Promise.reject(new Error('no')), {
        retry: { minTimeout: 3000, shouldRetry },
      });
      expect(await rejection(orchestrator.run(() => act(), { signal: controller.signal }))).toBe('reason');
      await vi.advanceTimersByTimeAsync(1);
      expect(vi.getTimerCount()).toBe(0);
      expect(announced).toEqual(where === 'onTaskRetry' ? [1] : []);
      vi.useRealTimers();
    },
  );
});

describe('an abort during an attempt', () => {
  it('ends endless retries', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const gate = deferred();
    let calls = 0;
    const act = orchestrator.action(
      async () => {
        if (++calls > 1) await gate.promise;
        throw new Error('no');
      },
      { retry: { retries: Infinity, ...quick, onFailedAttempt: () => void (calls === 2 && controller.abort()) } },
    );
    const pending = rejection(orchestrator.run(() => act(), { signal: controller.signal }));
    gate.resolve();
    expect(await pending).toHaveProperty('name', 'AbortError');
    expect(calls).toBe(2);
  });
});

describe('unref', () => {
  it('lets the program exit during a delay', async () => {
    const { spawn } = await import('node:child_process');
    const script = `
      import { Orchestrator } from './src/index.ts';
      const act = new Orchestrator().action(() => { throw new Error('no'); }, { retry: { minTimeout: 60_000, unref: true } });
      process.on('exit', () => console.log('ended'));
      act().catch(() => console.log('never'));
    `;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script]);
    const output: string[] = [];
    child.stdout.on('data', (chunk) => output.push(String(chunk)));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(output.join('')).toBe('ended\n');
    expect(code).toBe(0);
  });
});
