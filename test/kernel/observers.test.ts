import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type HookErrorEvent, type HookName, type HookOptions, Orchestrator, ValidationError } from 'orchestrator';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deferred, failing, rejection, settled } from '../support.js';

let errors: HookErrorEvent[] = [];
const note = (event: unknown) => void errors.push(event as HookErrorEvent);
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => void unhandled.push(reason);

beforeEach(() => {
  errors = [];
  unhandled.length = 0;
  subscribe('orchestrator:hook:error', note);
  process.on('unhandledRejection', onUnhandled);
});
afterEach(async () => {
  await settled();
  unsubscribe('orchestrator:hook:error', note);
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled).toEqual([]);
});

const names: readonly HookName[] = [
  'onProcessBegin',
  'onTaskBegin',
  'onTaskRetry',
  'onTaskCompletion',
  'onProcessCompletion',
];
const observe: HookOptions = { observe: true };

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** Creates an orchestrator with one hook for each event, and an action that fails once. */
function watchedBy(hook: () => unknown) {
  const orchestrator = new Orchestrator({ retry: { retries: 1, minTimeout: 0 } });
  for (const name of names) orchestrator[name](hook, observe);
  return orchestrator.action(failing(1, 'done'), { name: 'act' });
}

describe('a hook with observe: true', () => {
  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('observer');
      },
    ],
    ['rejects', () => Promise.reject(new Error('observer'))],
    [
      'rejects later',
      async () => {
        await settled();
        throw new Error('observer');
      },
    ],
    [
      'throws a revoked proxy',
      () => {
        throw revoked();
      },
    ],
    ['rejects with a revoked proxy', () => Promise.reject(revoked())],
    ['returns a revoked proxy', () => revoked()],
    [
      'throws nothing',
      () => {
        throw undefined;
      },
    ],
    // biome-ignore-start lint/suspicious/noThenProperty: thenables are the subject
    [
      'returns a thenable that throws',
      () => ({
        then() {
          throw new Error('observer');
        },
      }),
    ],
    [
      'returns a thenable that rejects twice',
      () => ({
        then(_: unknown, reject: (e: Error) => void) {
          reject(new Error('a'));
          reject(new Error('b'));
        },
      }),
    ],
    // biome-ignore-end lint/suspicious/noThenProperty: thenables are the subject
  ])('never fails the work if it %s, and its error is published', async (_, hook) => {
    expect(await watchedBy(hook)()).toBe('done');
    await settled();
    await settled();
    expect(errors.map((event) => event.hook)).toEqual(expect.arrayContaining([...names]));
    expect(errors).toHaveLength(5);
  });

  it('does not delay the work if it never settles', async () => {
    expect(await watchedBy(() => new Promise(() => {}))()).toBe('done');
    expect(errors).toEqual([]);
  });

  it('is called in its place among the other hooks, and not awaited', async () => {
    const lines: string[] = [];
    const gate = deferred();
    const orchestrator = new Orchestrator()
      .onTaskBegin(async () => {
        await settled();
        lines.push('first');
      })
      .onTaskBegin(async () => {
        lines.push('observer');
        await gate.promise;
        lines.push('observer ends');
      }, observe)
      .onTaskBegin(() => lines.push('last'));
    await orchestrator.action(() => lines.push('work'))();
    gate.resolve();
    await settled();
    expect(lines).toEqual(['first', 'observer', 'last', 'work', 'observer ends']);
  });

  it('does not change the outcome, and adds no error of its own to a failure', async () => {
    const failure = new Error('work');
    const orchestrator = new Orchestrator().onTaskCompletion(() => {
      throw new Error('observer');
    }, observe);
    const error = await rejection(orchestrator.action(() => Promise.reject(failure))());
    expect(error).toBe(failure);
    expect(Object.keys(failure)).toEqual([]);
    expect(errors).toMatchObject([{ hook: 'onTaskCompletion', record: { status: 'failed', error: failure } }]);
  });

  it('is removed by its signal, even if another hook is the same function', async () => {
    const aborter = new AbortController();
    let calls = 0;
    const hook = () => void calls++;
    const orchestrator = new Orchestrator()
      .onTaskBegin(hook)
      .onTaskBegin(hook, { observe: true, signal: aborter.signal })
      .onTaskBegin(hook, { observe: false });
    const act = orchestrator.action(() => 1);
    await act();
    expect(calls).toBe(3);
    aborter.abort();
    await act();
    expect(calls).toBe(5);
  });

  it('is rejected if observe is not a boolean, and for middleware', () => {
    const orchestrator = new Orchestrator();
    expect(() => orchestrator.onTaskBegin(() => {}, { observe: 1 } as never)).toThrow(
      new ValidationError('observe must be a boolean, got 1'),
    );
    expect(() => orchestrator.use((_, next) => next(), { observe: true } as never)).toThrow(
      new ValidationError('observe is unknown, expected signal'),
    );
    expect(() => orchestrator.onTaskBegin(5 as never, observe)).toThrow('onTaskBegin must be a function, got 5');
  });
});
