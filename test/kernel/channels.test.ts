import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { Orchestrator, type ProcessRecord, type TaskRecord, type TaskRetryEvent } from 'orchestrator';
import { describe, expect, it } from 'vitest';
import { failing, rejection } from '../support.js';

const events = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;

/** Collects the messages that are published while `work` runs. */
async function published(channel: string, work: () => Promise<unknown>) {
  const seen: { event: string; message: TaskRecord & ProcessRecord }[] = [];
  const subscribers = Object.fromEntries(
    events.map((event) => [event, (message: unknown) => seen.push({ event, message: message as never })]),
  ) as never;
  tracingChannel(channel).subscribe(subscribers);
  await work().catch(() => {});
  tracingChannel(channel).unsubscribe(subscribers);
  return seen;
}

describe('the diagnostics channels', () => {
  it('publish every task, with its record', async () => {
    const orchestrator = new Orchestrator();
    const act = orchestrator.action(async function act(value: number) {
      return value + 1;
    });
    const seen = await published('orchestrator:task', () => orchestrator.run(() => act(1), { id: 'p' }));
    expect(seen.map(({ event }) => event)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(seen[3]?.message).toMatchObject({ id: 'p/1', name: 'act', args: [1], status: 'completed', result: 2 });
  });

  it('publish every process, with its record', async () => {
    const orchestrator = new Orchestrator({ name: 'job', state: { key: 'k' } });
    const seen = await published('orchestrator:process', () => orchestrator.run(() => 'done', { id: 'p' }));
    expect(seen.map(({ event }) => event)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(seen[3]?.message).toMatchObject({
      id: 'p',
      parentId: undefined,
      name: 'job',
      context: { key: 'k' },
      status: 'completed',
      result: 'done',
    });
  });

  it('publish failures, including the errors of completion hooks', async () => {
    const hook = new Error('hook');
    const failure = new Error('failure');
    const orchestrator = new Orchestrator().onTaskCompletion(() => {
      throw hook;
    });
    const act = orchestrator.action(() => Promise.reject(failure));
    const seen = await published('orchestrator:task', () => act());
    expect(seen.map(({ event }) => event)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
    expect(seen[4]?.message).toMatchObject({ status: 'failed', error: failure, suppressed: [hook], attempts: 1 });
  });

  it('publish each retry', async () => {
    const seen: TaskRetryEvent[] = [];
    const listen = (message: unknown) => seen.push(message as TaskRetryEvent);
    subscribe('orchestrator:task:retry', listen);
    const orchestrator = new Orchestrator({ retry: { retries: 2, minTimeout: 0 } });
    const work = () => orchestrator.action(failing(2, 'done'))();
    const tasks = await published('orchestrator:task', work);
    unsubscribe('orchestrator:task:retry', listen);
    expect(seen.map(({ name, attempt, delay }) => [name, attempt, delay])).toEqual([
      ['flaky', 1, 0],
      ['flaky', 2, 0],
    ]);
    expect(tasks.at(-1)?.message.attempts).toBe(3);
  });

  it('publish a retry even if nothing listens to tasks', async () => {
    let seen = 0;
    const listen = () => seen++;
    subscribe('orchestrator:task:retry', listen);
    await new Orchestrator({ retry: { minTimeout: 0 } }).action(failing(1, 'done'))();
    unsubscribe('orchestrator:task:retry', listen);
    expect(seen).toBe(1);
  });

  it('bind stores for everything inside, so that spans find their parents across parallel tasks', async () => {
    const spans = new AsyncLocalStorage<string>();
    const channel = tracingChannel('orchestrator:task');
    channel.start.bindStore(spans, (message) => `${spans.getStore() ?? 'root'} > ${(message as TaskRecord).name}`);
    const orchestrator = new Orchestrator();
    const leaf = orchestrator.action(async () => spans.getStore(), { name: 'leaf' });
    const branch = orchestrator.action(() => orchestrator.parallel([leaf, leaf])(), { name: 'branch' });
    await expect(branch()).resolves.toEqual(['root > branch > leaf', 'root > branch > leaf']);
    channel.start.unbindStore(spans);
    await expect(branch()).resolves.toEqual([undefined, undefined]);
  });

  it('do not affect the outcome', async () => {
    const error = new Error('no');
    const orchestrator = new Orchestrator();
    await published('orchestrator:task', async () => {
      expect(await rejection(orchestrator.action(() => Promise.reject(error))())).toBe(error);
      await expect(orchestrator.action(() => 1)()).resolves.toBe(1);
    });
  });
});
