import { setTimeout as sleep } from 'node:timers/promises';
import { Orchestrator, type RetryContext, TimeoutError } from 'orchestrator';
import { describe, expect, it } from 'vitest';
import { rejection } from '../support.js';

describe('retry', () => {
  it('calls onFailedAttempt even if there is no retry', async () => {
    const told: unknown[] = [];
    const failure = new Error('down');
    const onFailedAttempt = ({ error, attemptNumber, retriesLeft }: RetryContext) =>
      void told.push([error, attemptNumber, retriesLeft]);
    const orchestrator = new Orchestrator({ retry: { retries: 3, minTimeout: 0, onFailedAttempt } });
    const act = orchestrator.action(() => Promise.reject(failure), { retry: 0 });
    expect(await rejection(act())).toBe(failure);
    expect(told).toEqual([[failure, 1, 0]]);
    const replaced = new Error('replaced');
    const throwing = orchestrator.withOptions(act, {
      retry: {
        onFailedAttempt: () => {
          throw replaced;
        },
      },
    });
    expect(await rejection(throwing())).toBe(replaced);
  });

  it('does not retry work that was cancelled by a signal of its own', async () => {
    const orchestrator = new Orchestrator({ retry: { retries: 3, minTimeout: 0 } });
    const own = new AbortController();
    let calls = 0;
    const act = orchestrator.action(async () => {
      calls++;
      own.abort();
      await fetch('http://127.0.0.1:9', { signal: own.signal });
    });
    expect(await rejection(act())).toMatchObject({ name: 'AbortError' });
    expect(calls).toBe(1);
    await rejection(orchestrator.withOptions(act, { retry: { shouldRetry: () => true } })());
    expect(calls).toBe(5);
  });

  it('retries after a limit, even if the work turns the abort into an AbortError', async () => {
    const orchestrator = new Orchestrator({ retry: { retries: 2, minTimeout: 0 }, timeout: 20 });
    let calls = 0;
    const act = orchestrator.action(async () => {
      calls++;
      await sleep(10_000, undefined, { signal: orchestrator.signal });
    });
    expect(await rejection(act())).toBeInstanceOf(TimeoutError);
    expect(calls).toBe(3);
  });

  it('uses only the options of the action if they exclude the policies of the orchestrator', async () => {
    const orchestrator = new Orchestrator({
      retry: { retries: 3, minTimeout: 0 },
      timeout: { attempt: 5_000, fallback: () => 'fallback' },
      policy: { execute: async (fn) => `policy ${await fn()}` },
    });
    let calls = 0;
    const request = orchestrator.action(() => Promise.reject(new Error(`call ${++calls}`)), { name: 'request' });
    const page = orchestrator.action(async () => [await request(), await request()], { policies: 'none' });
    expect(await rejection(page())).toMatchObject({ message: 'call 4' });
    const plain = orchestrator.action(() => 'plain', { policies: 'none' });
    expect(await plain()).toBe('plain');
    calls = 0;
    const own = orchestrator.withOptions(request, { policies: 'none', retry: { retries: 1, minTimeout: 0 } });
    expect(await rejection(own())).toMatchObject({ message: 'call 2' });
    expect(() => orchestrator.action(() => {}, { policies: 'all' as never })).toThrow("policies must be 'none', got");
  });
});
