import { TimeoutError } from 'orchestrator';
import { DistributedOrchestrator, DistributedWorker, memory } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import { rejection } from '../support.js';

/* Schemas that never answer, on a fleet. */

const validate = (): Promise<never> => new Promise(() => {});
const silent = { '~standard': { version: 1, vendor: 'own', validate } } as never;

const flows = [
  new Flow('input', { input: silent }).node('end', () => 'end'),
  new Flow('event', { events: { go: silent } }).wait('go'),
  new Flow('output', { output: silent }).node('end', () => 'x'),
] as never;

async function onFleet(
  work: (withoutCode: DistributedOrchestrator, withCode: DistributedOrchestrator) => Promise<void>,
) {
  const engine = memory();
  const worker = new DistributedWorker({ engine, workflows: flows, maintenanceInterval: 50, watchInterval: 50 });
  await worker.start();
  try {
    await work(new DistributedOrchestrator({ engine }), new DistributedOrchestrator({ engine, workflows: flows }));
    // The worker holds nothing any more.
    await expect.poll(() => engine.queue.depth(), { timeout: 10_000 }).toEqual({ waiting: 0, delayed: 0, active: 0 });
  } finally {
    await worker.stop({ deadline: 1_000 });
    await engine.close();
  }
}

it('end with the limits of the call where the program has the code', async () => {
  await onFleet(async (_, orchestrator) => {
    expect(await rejection(orchestrator.start('input', { timeout: 20 }))).toBeInstanceOf(TimeoutError);
    const { id } = await orchestrator.start('event');
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    expect(await rejection(orchestrator.signal(id, 'go', 1, { signal }))).toBe(reason);
    await orchestrator.cancel(id);
  });
});

it.each(['input', 'event', 'output'])('end in a worker when the run is cancelled: %s', async (workflow) => {
  await onFleet(async (orchestrator) => {
    const { id } = await orchestrator.start(workflow);
    if (workflow === 'event') await orchestrator.signal(id, 'go', 1);
    await expect.poll(() => orchestrator.engine.queue.depth()).toMatchObject({ active: 1 });
    await orchestrator.cancel(id);
    expect((await orchestrator.waitForCompletion(id)).status).toBe('cancelled');
  });
});
