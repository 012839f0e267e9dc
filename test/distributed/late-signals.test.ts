import { DistributedWorker, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import { gateFor } from '../../src/distributed/testing/gate.js';

/* Signals to waits in sub-flows, whose worker is late or waits for something else. */

type AnyFlow = Flow<never, never, never, never>;

async function onFleet(flow: unknown, work: (fleet: ReturnType<typeof parts>) => Promise<void>): Promise<void> {
  const fleet = parts(flow as AnyFlow);
  await fleet.worker.start();
  try {
    await work(fleet);
  } finally {
    await fleet.worker.stop();
    await fleet.orchestrator.close();
  }
}

function parts(flow: AnyFlow) {
  const engine = memory();
  const orchestrator = new OrchestratorBuilder()
    .workflow(flow as never)
    .engine(engine)
    .build();
  const worker = new DistributedWorker({ engine, workflows: [flow as never], concurrency: 1 });
  const reaches = (runId: string, status: string) =>
    expect.poll(() => orchestrator.status(runId), { interval: 5, timeout: 10_000 }).toBe(status);
  return { engine, orchestrator, worker, reaches };
}

const order = (timeout: number) =>
  new Flow('approval')
    .wait('approve', { event: 'approved', timeout })
    .node('ship', (answer) => ['shipped', answer])
    .node('escalate', () => 'escalated')
    .edge('approve', 'ship')
    .edge('approve', 'escalate', { action: 'timeout' });

it('a signal that comes in time counts, even if the worker resumes the sub-flow after the expiry', async () => {
  const gate = gateFor();
  const flow = new Flow('outer')
    .wait('begin')
    .node('busy', () => gate.opened)
    .node('sub', order(400) as never)
    .edge('begin', 'busy');
  await onFleet(flow, async ({ orchestrator, reaches }) => {
    const runId = await orchestrator.startRun();
    await reaches(runId, 'awaiting');
    const { awaiting } = await orchestrator.result(runId);
    // The only worker is busy until the wait has expired.
    expect(await orchestrator.signal(runId, 'begin')).toBe('delivered');
    expect(await orchestrator.signal(runId, 'approved', 'yes')).toBe('delivered');
    const until = Math.max(...awaiting.map((wait) => wait.until ?? 0));
    await expect.poll(() => Date.now() > until + 50, { interval: 20, timeout: 5_000 }).toBe(true);
    gate.open();
    await orchestrator.waitForCompletion(runId);
    expect((await orchestrator.context(runId)).sub).toEqual(['shipped', 'yes']);
  });
});

it('a signal for a later wait of a sub-flow is kept while the sub-flow waits for something else', async () => {
  const inner = new Flow('inner')
    .wait('one')
    .wait('two')
    .node('end', (answer) => answer)
    .edge('one', 'two')
    .edge('two', 'end');
  const flow = new Flow('outer').node('sub', inner as never);
  await onFleet(flow, async ({ orchestrator, reaches }) => {
    const runId = await orchestrator.startRun();
    await reaches(runId, 'awaiting');
    expect(await orchestrator.signal(runId, 'two', 'early')).toBe('kept');
    expect(await orchestrator.signal(runId, 'one')).toBe('delivered');
    expect((await orchestrator.waitForCompletion(runId)).output).toBe('early');
  });
});

it('a signal comes too late for a wait in a sub-flow that has expired, even if no worker has noticed', async () => {
  const flow = new Flow('outer').node('sub', order(200) as never);
  await onFleet(flow, async ({ orchestrator, worker, reaches }) => {
    const runId = await orchestrator.startRun();
    await reaches(runId, 'awaiting');
    await worker.stop();
    await expect
      .poll(async () => {
        const [wait] = (await orchestrator.result(runId)).awaiting;
        return Date.now() > (wait?.until as number) + 20;
      })
      .toBe(true);
    expect(await orchestrator.signal(runId, 'approved', 'yes')).toBe('too-late');
    await orchestrator.cancel(runId);
  });
});

it('a wait that has ended before its time leaves no timer in the queue', async () => {
  const day = 86_400_000;
  const flow = new Flow('timers')
    .wait('one', { timeout: day })
    .node('fast', () => 'fast')
    .sleep('slow', { duration: day })
    .wait('let go', { timeout: day })
    .node('first', () => 'first', { joinStrategy: 'any' })
    .edge('one', 'first')
    .edge('slow', 'first')
    .edge('let go', 'first')
    .edge('fast', 'let go');
  await onFleet(flow, async ({ engine, orchestrator, reaches }) => {
    const runId = await orchestrator.startRun();
    await reaches(runId, 'awaiting');
    expect(await engine.queue.depth()).toEqual({ waiting: 0, delayed: 3, active: 0 });
    expect(await orchestrator.signal(runId, 'one', 1)).toBe('delivered');
    expect((await orchestrator.waitForCompletion(runId)).status).toBe('completed');
    await expect.poll(() => engine.queue.depth()).toEqual({ waiting: 0, delayed: 0, active: 0 });
  });
});

it('a wait that expires while its run is paused expires when the run is resumed', async () => {
  await onFleet(order(200), async ({ orchestrator, reaches }) => {
    const runId = await orchestrator.startRun();
    await reaches(runId, 'awaiting');
    await orchestrator.pause(runId);
    await expired(orchestrator, runId);
    expect(await orchestrator.signal(runId, 'approved', 'yes')).toBe('too-late');
    expect(await orchestrator.status(runId)).toBe('paused');
    await orchestrator.resume(runId);
    expect((await orchestrator.waitForCompletion(runId)).output).toBe('escalated');
  });
});

it('a signal that comes in time while its run is paused counts when the run is resumed after the expiry', async () => {
  await onFleet(order(300), async ({ orchestrator, reaches }) => {
    const runId = await orchestrator.startRun();
    await reaches(runId, 'awaiting');
    const [wait] = (await orchestrator.result(runId)).awaiting;
    await orchestrator.pause(runId);
    expect(await orchestrator.signal(runId, 'approved', 'yes')).toBe('delivered');
    await expect.poll(() => Date.now() > (wait?.until as number) + 20).toBe(true);
    await orchestrator.resume(runId);
    expect((await orchestrator.waitForCompletion(runId)).output).toEqual(['shipped', 'yes']);
  });
});

it('a run that is cancelled or reaches its deadline takes no signal, and its wait expires after a retry', async () => {
  await onFleet(order(200), async ({ orchestrator, reaches }) => {
    const cancelled = await orchestrator.startRun();
    const late = await orchestrator.startRun({}, undefined, { timeout: 50 });
    await reaches(cancelled, 'awaiting');
    await orchestrator.cancel(cancelled);
    await reaches(late, 'cancelled');
    for (const runId of [cancelled, late]) {
      expect(await orchestrator.signal(runId, 'approved', 'yes')).toBe('too-late');
      await expired(orchestrator, runId);
      await orchestrator.retry(runId);
      expect((await orchestrator.waitForCompletion(runId)).output).toBe('escalated');
    }
  });
});

it('a signal that is sent again after the expiry does not count, and a later one neither', async () => {
  await onFleet(order(150), async ({ orchestrator }) => {
    const runId = await orchestrator.startRun();
    await orchestrator.waitForCompletion(runId);
    const send = (id?: string) => orchestrator.signal(runId, 'approved', 'yes', { id });
    expect([await send('a'), await send('a'), await send()]).toEqual(['too-late', 'too-late', 'too-late']);
    expect((await orchestrator.run(runId)).output).toBe('escalated');
  });
});

it.each([0.001, 1e15, Number.MAX_VALUE])('a wait may have a timeout of %s ms', async (timeout) => {
  await onFleet(order(timeout), async ({ orchestrator, reaches }) => {
    const runId = await orchestrator.startRun();
    if (timeout > 1) {
      await reaches(runId, 'awaiting');
      expect(await orchestrator.signal(runId, 'approved', 'yes')).toBe('delivered');
    }
    const { output } = await orchestrator.waitForCompletion(runId);
    expect(output).toEqual(timeout > 1 ? ['shipped', 'yes'] : 'escalated');
  });
});

it('thousands of waits expire at once', { timeout: 120_000 }, async () => {
  await onFleet(order(400), async ({ engine, orchestrator }) => {
    const runIds = await Promise.all(Array.from({ length: 2_000 }, () => orchestrator.startRun()));
    await Promise.all(runIds.map((runId) => orchestrator.waitForCompletion(runId)));
    expect(await orchestrator.countRuns()).toMatchObject({ completed: 2_000, awaiting: 0 });
    await expect.poll(() => engine.queue.depth()).toEqual({ waiting: 0, delayed: 0, active: 0 });
  });
});

/** Waits until the wait of a run has expired. */
async function expired(orchestrator: ReturnType<typeof parts>['orchestrator'], runId: string): Promise<void> {
  const [wait] = (await orchestrator.result(runId)).awaiting;
  await expect.poll(() => Date.now() > (wait?.until as number) + 20).toBe(true);
}
