import { inspect } from 'node:util';
import { Orchestrator, OrchestratorError, RetryError, type TaskRetryEvent, ValidationError } from 'orchestrator';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { rejection } from '../support.js';

afterEach(() => void vi.useRealTimers());

/** Returns a function whose results count up from 1. */
function counter() {
  let calls = 0;
  return async function poll() {
    return ++calls;
  };
}
const isThree = (result: number) => result === 3;

describe('retry.until', () => {
  it('polls until a result is right, with the same delays as after failures', async () => {
    vi.useFakeTimers();
    const orchestrator = new Orchestrator();
    const retries: TaskRetryEvent[] = [];
    orchestrator.onTaskRetry((event) => retries.push(event));
    const poll = orchestrator.action(counter(), { retry: { retries: 5, minTimeout: 100, until: isThree } });
    const pending = poll();
    await vi.advanceTimersByTimeAsync(100);
    expect(retries.map(({ attempt, delay, retriesLeft }) => [attempt, delay, retriesLeft])).toEqual([
      [1, 100, 5],
      [2, 200, 4],
    ]);
    await vi.advanceTimersByTimeAsync(200);
    await expect(pending).resolves.toBe(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('may be asynchronous, and returns a right first result at once', async () => {
    const until = async (result: number) => result === 1;
    await expect(new Orchestrator().action(counter(), { retry: { until } })()).resolves.toBe(1);
  });

  it('rejects with a RetryError that has the last result when no retries are left', async () => {
    const orchestrator = new Orchestrator();
    const errors: unknown[] = [];
    orchestrator.onTaskRetry(({ error }) => errors.push(error));
    const poll = orchestrator.action(counter(), { retry: { retries: 1, minTimeout: 0, until: isThree } });
    const error = (await rejection(poll())) as RetryError;
    expect(error).toBeInstanceOf(RetryError);
    expect(error).toBeInstanceOf(OrchestratorError);
    expect(error).toMatchObject({ name: 'RetryError', code: 'ERR_RETRY', subject: 'poll', attempts: 2, result: 2 });
    expect(error.message).toBe('"poll" has no result that retry.until accepts after 2 attempts');
    expect(errors).toEqual([expect.any(RetryError)]);
    expect(errors[0]).toMatchObject({ attempts: 1, result: 1 });
  });

  it('shows no result in logs, JSON and terminals', async () => {
    const act = new Orchestrator().action(() => ({ token: 'secret' }), { retry: { retries: 0, until: () => false } });
    const error = await rejection(act());
    expect(error).toMatchObject({ attempts: 1, result: { token: 'secret' } });
    expect(JSON.stringify(error) + inspect(error) + Object.keys(error as object)).not.toMatch(/secret|result,/);
  });

  it('retries failures as well, and the last failure comes out', async () => {
    let calls = 0;
    const no = new Error('no');
    const act = new Orchestrator().action(() => (++calls === 2 ? Promise.reject(no) : calls), {
      retry: { retries: 1, minTimeout: 0, until: isThree },
    });
    expect(await rejection(act())).toBe(no);
    await expect(act()).resolves.toBe(3);
  });

  it('that throws fails the task with its error, without a retry', async () => {
    const broken = new Error('broken');
    const orchestrator = new Orchestrator();
    const attempts: number[] = [];
    orchestrator.onTaskCompletion((task) => attempts.push(task.attempts));
    const until = () => Promise.reject(broken);
    expect(await rejection(orchestrator.action(counter(), { retry: { retries: 5, until } })())).toBe(broken);
    expect(await rejection(orchestrator.action(counter(), { retry: { retries: 0, until } })())).toBe(broken);
    expect(attempts).toEqual([1, 1]);
  });

  it('is seen by shouldRetry and answered by a fallback', async () => {
    const seen: unknown[] = [];
    const shouldRetry = ({ error }: { error: Error }) => {
      seen.push(error);
      return false;
    };
    const act = new Orchestrator().action(counter(), {
      retry: { retries: 5, until: isThree, shouldRetry },
      fallback() {
        return (this.error as RetryError).result;
      },
    });
    await expect(act()).resolves.toBe(1);
    expect(seen).toEqual([expect.any(RetryError)]);
  });

  it('ends with the run', async () => {
    const orchestrator = new Orchestrator();
    const poll = orchestrator.action(counter(), { retry: { retries: Infinity, minTimeout: 5, until: () => false } });
    const error = await rejection(orchestrator.run(() => poll(), { timeout: 20 }));
    expect(error).toHaveProperty('limit', 20);
  });

  it('is a default that an action switches off with null', async () => {
    const orchestrator = new Orchestrator({ retry: { retries: 0, until: (result) => result === 3 } });
    expect(await rejection(orchestrator.action(counter())())).toBeInstanceOf(RetryError);
    await expect(orchestrator.action(counter(), { retry: { until: null } })()).resolves.toBe(1);
  });

  it('rejects what is not a function', () => {
    const define = () => new Orchestrator({ retry: { until: 5 } as never });
    expect(define).toThrow(new ValidationError('retry.until must be a function, got 5'));
  });
});
