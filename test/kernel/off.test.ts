import { getEventListeners } from 'node:events';
import { Orchestrator } from 'orchestrator';
import { describe, expect, it } from 'vitest';
import { deferred } from '../support.js';

describe('off', () => {
  it('removes a hook from every event that it was registered for', async () => {
    const calls: string[] = [];
    const hook = () => calls.push('hook');
    const orchestrator = new Orchestrator()
      .onProcessBegin(hook)
      .onTaskBegin(hook)
      .onTaskBegin(() => calls.push('other'))
      .onTaskCompletion(hook, { observe: true })
      .onProcessCompletion(hook)
      .onProcessCompletion(hook);
    expect(orchestrator.off(hook)).toBe(orchestrator);
    await orchestrator.action(() => 1)();
    expect(calls).toEqual(['other']);
  });

  it('removes middleware and onError hooks', async () => {
    const errors: unknown[] = [];
    const middleware = () => 'from middleware';
    const onError = (event: unknown) => errors.push(event);
    const orchestrator = new Orchestrator().use(middleware).onError(onError);
    const read = orchestrator.action('read', () => 'from function');
    expect(await read()).toBe('from middleware');
    orchestrator.off(middleware).off(onError);
    expect(await read()).toBe('from function');
    await expect(
      orchestrator.run(() => {
        throw new Error('failed');
      }),
    ).rejects.toThrow('failed');
    expect(errors).toEqual([]);
  });

  it('leaves no listener on the signal of the hook, which then removes nothing else', async () => {
    const calls: string[] = [];
    const hook = () => calls.push('hook');
    const controller = new AbortController();
    const orchestrator = new Orchestrator().onTaskBegin(hook, { signal: controller.signal });
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    orchestrator.off(hook);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    orchestrator.onTaskBegin(hook);
    controller.abort();
    await orchestrator.action(() => 1)();
    expect(calls).toEqual(['hook']);
  });

  it('does nothing for a function that is not registered, and rejects anything else', () => {
    const orchestrator = new Orchestrator();
    expect(orchestrator.off(() => {})).toBe(orchestrator);
    expect(() => orchestrator.off(undefined as never)).toThrow('off must be a function, got undefined');
  });

  it('lets a task that has begun go on with the hooks that it began with', async () => {
    const gate = deferred();
    const calls: string[] = [];
    const hook = () => calls.push('hook');
    const orchestrator = new Orchestrator().onTaskCompletion(hook);
    const pending = orchestrator.action(() => gate.promise)();
    await Promise.resolve();
    orchestrator.off(hook);
    gate.resolve();
    await pending;
    await orchestrator.action(() => 1)();
    expect(calls).toEqual(['hook']);
  });
});
