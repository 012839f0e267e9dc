import { runInNewContext } from 'node:vm';
import { Orchestrator, type TaskCompletionEvent } from 'orchestrator';
import { describe, expect, it } from 'vitest';
import { failing, rejection } from '../support.js';

/** An error of another realm, as in jest and in `vm`. `instanceof Error` does not recognise it. */
const foreign = (code: string) => runInNewContext(code) as Error;

describe('an error of another realm', () => {
  it('is retried like any other, and reaches callbacks, fallbacks and the caller unchanged', async () => {
    const error = foreign("Object.assign(new Error('busy'), { status: 503 })");
    expect(error).not.toBeInstanceOf(Error);
    const orchestrator = new Orchestrator({ retry: { retries: 2, minTimeout: 0 } });
    expect(await orchestrator.action(failing(2, 'done', () => error))()).toBe('done');

    const seen: Error[] = [];
    const look = ({ error: failure }: { readonly error: Error }) => seen.push(failure) > 0;
    const act = orchestrator.action(
      failing(9, 'done', () => error),
      {
        retry: { shouldRetry: look },
        fallbackOn: (failure) => look({ error: failure }) && false,
        fallback: () => expect.fail('was called'),
      },
    );
    expect(await rejection(act())).toBe(error);
    expect(seen).toEqual([error, error, error]);
  });

  it('is final if it is a TypeError that no network caused', async () => {
    let calls = 0;
    const error = foreign("new TypeError('x is not a function')");
    const act = new Orchestrator({ retry: { retries: 2, minTimeout: 0 } }).action(() => {
      calls++;
      throw error;
    });
    expect(await rejection(act())).toBe(error);
    expect(calls).toBe(1);
    const lost = failing(1, 'done', () => foreign("new TypeError('fetch failed')"));
    expect(await new Orchestrator({ retry: { retries: 1, minTimeout: 0 } }).action(lost)()).toBe('done');
  });
});

describe('an error that is hard to read', () => {
  const unreadable = (name: string) =>
    Object.defineProperty(new Error('busy'), name, {
      get: () => {
        throw new Error(`do not read ${name}`);
      },
    });

  it.each([
    ['without a prototype', () => Object.setPrototypeOf(new Error('busy'), null) as Error],
    ['with a name that throws', () => unreadable('name')],
  ])('%s is retried, and reaches the caller', async (_, make) => {
    const error = make();
    const orchestrator = new Orchestrator({ retry: { retries: 1, minTimeout: 0 } });
    expect(await orchestrator.action(failing(1, 'done', () => error))()).toBe('done');
    expect(await rejection(orchestrator.action(failing(9, 'done', () => error))())).toBe(error);
  });
});

describe('the reason of an abort', () => {
  it.each([Number.NaN, 0, '', false, 'stop'])('may be %j', async (reason) => {
    const orchestrator = new Orchestrator();
    const statuses: string[] = [];
    orchestrator.onTaskCompletion(({ status }: TaskCompletionEvent) => statuses.push(status));
    const controller = new AbortController();
    const hang = orchestrator.action(() => new Promise(() => {}));
    const pending = rejection(orchestrator.run(() => hang(), { signal: controller.signal }));
    await Promise.resolve();
    controller.abort(reason);
    expect(await pending).toBe(reason);
    expect(statuses).toEqual(['cancelled']);
    expect(await rejection(orchestrator.run(() => 1, { signal: controller.signal }))).toBe(reason);
  });

  it('becomes an AbortError if it is null, so that callers can read the error', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const pending = rejection(orchestrator.run(() => new Promise(() => {}), { signal: controller.signal }));
    controller.abort(null);
    const aborted = { name: 'AbortError', message: 'This operation was aborted' };
    expect(await pending).toMatchObject(aborted);
    expect(await rejection(orchestrator.run(() => 1, { signal: controller.signal }))).toMatchObject(aborted);
  });

  it('may throw when it is read, also in groups', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const orchestrator = new Orchestrator();
    const hang = orchestrator.action(() => new Promise(() => {}));
    const controller = new AbortController();
    let caught = false;
    const pending = orchestrator
      .run(() => orchestrator.map([1, 2], hang), { signal: controller.signal })
      .then(undefined, () => {
        caught = true;
      });
    await Promise.resolve();
    controller.abort(proxy);
    await pending;
    expect(caught).toBe(true);
  });
});
