import { type ActionOptions, Orchestrator, type Policy, TimeoutError } from 'orchestrator';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { rejection, timers } from '../support.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const forever = () => new Promise<never>(() => {});

/** Counts the calls of a function that always fails under the given options. The default is two retries. */
async function callsOf(options: ActionOptions, onFailedAttempt = () => {}): Promise<number> {
  const orchestrator = new Orchestrator({ retry: { retries: 2, minTimeout: 5, onFailedAttempt } });
  let calls = 0;
  const act = orchestrator.action(() => {
    calls++;
    throw new Error('down');
  }, options);
  const failed = rejection(act());
  await vi.runAllTimersAsync();
  await failed;
  return calls;
}

/** Returns the outcome of a function that never ends under the given options. The defaults set limits. */
async function outcomeOf(options: ActionOptions): Promise<unknown> {
  const limits = { attempt: 100, total: 200, fallback: () => 'fallback' };
  const act = new Orchestrator({ timeout: limits }).action(forever, options);
  const ended = act().catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1_000);
  return Promise.race([ended, 'pending']);
}

describe('a default that is switched off', () => {
  it('is retry: null for all of it, and retry: 0 for the retries only', async () => {
    const onFailedAttempt = vi.fn();
    expect(await callsOf({}, onFailedAttempt)).toBe(3);
    expect(onFailedAttempt).toHaveBeenCalledTimes(3);
    onFailedAttempt.mockClear();
    expect(await callsOf({ retry: 0 }, onFailedAttempt)).toBe(1);
    expect(onFailedAttempt).toHaveBeenCalledTimes(1);
    onFailedAttempt.mockClear();
    expect(await callsOf({ retry: null }, onFailedAttempt)).toBe(1);
    expect(onFailedAttempt).not.toHaveBeenCalled();
  });

  it.each([[null], [0], [-0]])('is timeout: %s for all limits and the fallback', async (timeout) => {
    expect(await outcomeOf({ timeout })).toBe('pending');
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([[null], [0], [Infinity]])('is one of the limits if it is %s', async (none) => {
    expect(await outcomeOf({ timeout: { attempt: none, total: none } })).toBe('pending');
    expect(await outcomeOf({ timeout: { attempt: none, fallback: null } })).toMatchObject({ limit: 200 });
    expect(await outcomeOf({ timeout: { total: none } })).toBe('fallback');
  });

  it('keeps a total limit if the timeout is Infinity', async () => {
    expect(await outcomeOf({ timeout: Infinity })).toBe('fallback');
  });

  it('is fallback: null for the fallback', async () => {
    expect(await outcomeOf({ timeout: { fallback: null } })).toBeInstanceOf(TimeoutError);
  });

  it('is policy: null for the policy', async () => {
    const execute = vi.fn<Policy['execute']>((fn) => fn());
    const orchestrator = new Orchestrator({ policy: { execute } });
    await orchestrator.action(() => 1)();
    expect(execute).toHaveBeenCalledTimes(1);
    await orchestrator.action(() => 1, { policy: null })();
    expect(execute).toHaveBeenCalledTimes(1);
  });

  it('stays off under withOptions, unless the options say otherwise', async () => {
    const orchestrator = new Orchestrator({ timeout: { attempt: 100, fallback: () => 'fallback' } });
    const act = orchestrator.action(forever, { timeout: null });
    const failed = rejection(orchestrator.withOptions(act, { timeout: 50 })());
    await vi.advanceTimersByTimeAsync(60);
    expect(await failed).toMatchObject({ name: 'TimeoutError', limit: 50 });
    void orchestrator.withOptions(act, { retry: 1 })();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('can be switched off for an orchestrator, too', async () => {
    const orchestrator = new Orchestrator({ retry: null, timeout: null, policy: null });
    expect(await orchestrator.action(() => 1)()).toBe(1);
  });

  it.each([[null], [0], [Infinity]])('is the limit of a run if it is %s', async (timeout) => {
    vi.useRealTimers();
    const before = timers();
    expect(await new Orchestrator().run(() => timers(), { timeout })).toBe(before);
  });
});
