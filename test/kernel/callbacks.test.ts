import { setTimeout as sleep } from 'node:timers/promises';
import { limit, Orchestrator, TimeoutError, ValidationError } from 'orchestrator';
import { describe, expect, it } from 'vitest';
import { rejection } from '../support.js';

const failure = new Error('busy');
const fail = () => {
  throw failure;
};

describe('a callback that is async', () => {
  it('decides on fallbacks when it has settled', async () => {
    const options = { fallback: () => 'fallback' };
    const orchestrator = new Orchestrator();
    const refused = orchestrator.action(fail, { ...options, fallbackOn: async () => false });
    expect(await rejection(refused())).toBe(failure);
    expect(await orchestrator.action(fail, { ...options, fallbackOn: async () => true })()).toBe('fallback');
  });

  it('gives the delay of a retry when it has settled', async () => {
    const orchestrator = new Orchestrator();
    const delays: number[] = [];
    orchestrator.onTaskRetry(({ delay }) => delays.push(delay));
    await rejection(orchestrator.action(fail, { retry: { retries: 1, retryAfter: async () => 7 } })());
    expect(delays).toEqual([7]);
  });

  it('is refused by pauseOn, also if it rejects', async () => {
    const orchestrator = new Orchestrator();
    for (const pauseOn of [async () => 100, async () => fail()]) {
      const error = await rejection(orchestrator.action(fail, { limit: { pauseOn: pauseOn as never } })());
      expect(error).toBeInstanceOf(ValidationError);
      expect(error).toMatchObject({
        message: expect.stringContaining('the result of limit.pauseOn must be milliseconds, a Date, '),
        suppressed: [failure],
      });
    }
  });
});

describe('a callback that throws', () => {
  it.each([
    ['retry.shouldRetry', (act: () => never) => ({ retry: { retries: 3, minTimeout: 0, shouldRetry: act } })],
    ['retry.onFailedAttempt', (act: () => never) => ({ retry: { retries: 3, minTimeout: 0, onFailedAttempt: act } })],
    ['retry.retryAfter', (act: () => never) => ({ retry: { retries: 3, retryAfter: act } })],
    ['limit.pauseOn', (act: () => never) => ({ limit: { pauseOn: act }, retry: { retries: 3, minTimeout: 0 } })],
    ['fallbackOn', (act: () => never) => ({ fallbackOn: act, fallback: () => 'fallback' })],
  ])('as %s ends the task with its error, which keeps the failure', async (_, optionsOf) => {
    const orchestrator = new Orchestrator();
    let calls = 0;
    const act = () => {
      calls++;
      throw failure;
    };
    const bug = new Error('a bug');
    const error = await rejection(
      orchestrator.action(
        act,
        optionsOf(() => {
          throw bug;
        }),
      )(),
    );
    expect(error).toBe(bug);
    expect(error).toMatchObject({ suppressed: [failure] });
    expect(calls).toBe(1);
  });

  it('may rethrow the failure, and does not pause the other limits any less', async () => {
    const orchestrator = new Orchestrator();
    const rethrow = (error: Error) => {
      throw error;
    };
    const open = limit({ pauseOn: rethrow });
    const closed = limit({ pauseOn: () => 40 });
    const act = orchestrator.action(fail, { limit: [open, closed] });
    expect(await rejection(act())).toBe(failure);
    expect(failure).not.toHaveProperty('suppressed');
    const began = performance.now();
    await orchestrator.action(() => 'done', { limit: closed })();
    expect(performance.now() - began).toBeGreaterThan(20);
  });
});

describe('retries without a delay', () => {
  const endless = { retries: Number.POSITIVE_INFINITY, minTimeout: 0 };

  it.each([
    ['minTimeout: 0', { retry: endless }],
    ['retryAfter: () => 0', { retry: { retries: Number.POSITIVE_INFINITY, retryAfter: () => 0 } }],
    ['shouldConsumeRetry: () => false', { retry: { retries: 1, shouldConsumeRetry: () => false } }],
    ['until: () => false', { retry: { ...endless, until: () => false } }],
    ['a limit', { retry: endless, limit: { concurrency: 1 } }],
    ['a policy that refuses', { retry: endless, policy: { execute: fail as never } }],
  ])('with %s leave the event loop to the time limit', async (_, options) => {
    const act = 'until' in options.retry ? () => 'not yet' : fail;
    const orchestrator = new Orchestrator();
    const error = await rejection(orchestrator.action(act, { ...options, timeout: { total: 30 } } as object)());
    expect(error).toBeInstanceOf(TimeoutError);
  });

  it('leave it to the work that they wait for', async () => {
    const orchestrator = new Orchestrator();
    const busy = limit({ concurrency: 1, maxQueue: 0 });
    const retry = { retries: 1, shouldConsumeRetry: () => false };
    const act = orchestrator.action(() => sleep(20, 'done'), { limit: busy, retry, timeout: { total: 10_000 } });
    expect(await Promise.all([act(), act()])).toEqual(['done', 'done']);
  });
});
