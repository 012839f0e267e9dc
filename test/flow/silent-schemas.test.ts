import { getEventListeners } from 'node:events';
import { TimeoutError } from 'orchestrator';
import { Flow, MemoryCheckpointStore } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import { rejection } from '../support.js';

/* Schemas that never answer. */

const validate = (): Promise<never> => new Promise(() => {});
const silent = { '~standard': { version: 1, vendor: 'own', validate } } as never;

const limits = {
  'the signal': () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    setImmediate(() => abort.abort(reason));
    return { options: { signal: abort.signal }, isIt: (error: unknown) => error === reason };
  },
  'the timeout': () => ({ options: { timeout: 20 }, isIt: (error: unknown) => error instanceof TimeoutError }),
};

it.each(Object.entries(limits))('end a run with %s before it begins, and nothing is saved', async (_, limit) => {
  const flow = new Flow('f', { input: silent }).node('end', () => 1);
  const checkpoint = new MemoryCheckpointStore();
  const { options, isIt } = limit();
  const error = await rejection(flow.run({}, { ...options, id: 'r', checkpoint }));
  expect([isIt(error), await checkpoint.load('r')]).toEqual([true, undefined]);
});

it.each(Object.entries(limits))('end the continuation of a run with %s, and release the run', async (_, limit) => {
  const flow = (events: object) => new Flow('f', { version: '1', events: events as never }).wait('go');
  const checkpoint = new MemoryCheckpointStore();
  await flow({}).run({}, { id: 'r', checkpoint });
  const before = await checkpoint.load('r');
  const { options, isIt } = limit();
  const events = { go: 'yes' };
  const error = await rejection(flow({ go: silent }).continue('r', { ...options, checkpoint, events } as never));
  expect([isIt(error), await checkpoint.load('r')]).toEqual([true, before]);
  expect((await flow({}).continue('r', { checkpoint, events } as never)).output).toBe('yes');
});

it.each(Object.entries(limits))('end a sub-flow with %s', async (_, limit) => {
  const flow = new Flow('outer').node(
    'inner',
    new Flow('inner', { input: silent }).node('end', () => 1),
  );
  const { options, isIt } = limit();
  const { status, reason } = await flow.run({}, options);
  expect([status, isIt(reason)]).toEqual(['cancelled', true]);
});

it('leave no listener and no timer behind when they answer', async () => {
  const answering = { '~standard': { version: 1, vendor: 'own', validate: async (value: unknown) => ({ value }) } };
  const { signal } = new AbortController();
  const flow = new Flow('f', { input: answering as never }).node('end', (input) => input);
  expect((await flow.run({}, { input: 5 as never, signal, timeout: 60_000 })).output).toBe(5);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length).toBeLessThan(3);
});
