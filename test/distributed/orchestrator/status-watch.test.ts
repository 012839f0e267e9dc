import { memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { expect, it } from 'vitest';

const flow = new Flow('f', { version: '1' }).wait('go');

/** An orchestrator with an active run, on an engine whose subscriptions fail until they are allowed. */
async function scene(failure: 'rejects' | 'hangs') {
  const engine = memory();
  const { subscribe } = engine;
  const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
  let tries = 0;
  let open = () => {};
  const isLet = new Promise<void>((resolve) => {
    open = resolve;
  });
  let may = false;
  engine.subscribe = async (listener) => {
    tries++;
    if (!may && failure === 'rejects') throw new Error('no subscriptions today');
    if (!may) await isLet;
    return subscribe.call(engine, listener);
  };
  const allow = () => {
    may = true;
    open();
  };
  return { engine, orchestrator, allow, tries: () => tries, runId: await orchestrator.startRun() };
}

it.each(['rejects', 'hangs'] as const)('a wait polls if subscribing %s', async (failure) => {
  const { orchestrator, runId } = await scene(failure);
  const waiting = orchestrator.waitForCompletion(runId, 20);
  await orchestrator.cancel(runId);
  expect(await waiting).toMatchObject({ status: 'cancelled' });
  const types: string[] = [];
  for await (const { type } of orchestrator.events(runId, { pollInterval: 20 })) types.push(type);
  expect(types).toContain('cancelled');
  await orchestrator.close();
});

it('a wait that polls is woken as soon as a subscription that hung succeeds', async () => {
  const { orchestrator, runId, allow } = await scene('hangs');
  const engineAsked = new Promise<void>((resolve) => {
    const { getRun } = orchestrator.engine.runInfoStore;
    orchestrator.engine.runInfoStore.getRun = async (id) => {
      const record = await getRun.call(orchestrator.engine.runInfoStore, id);
      resolve();
      return record;
    };
  });
  const waiting = orchestrator.waitForCompletion(runId, 3_600_000);
  await engineAsked;
  await orchestrator.cancel(runId);
  allow();
  expect(await waiting).toMatchObject({ status: 'cancelled' });
  await orchestrator.close();
});

it('subscribing is retried while somebody waits', async () => {
  const { orchestrator, runId, allow, tries } = await scene('rejects');
  const end = new AbortController();
  const waiting = orchestrator.waitForCompletion(runId, { pollInterval: 3_600_000, signal: end.signal });
  await expect.poll(tries, { timeout: 60_000 }).toBeGreaterThan(2);
  allow();
  await orchestrator.cancel(runId);
  expect(await waiting).toMatchObject({ status: 'cancelled' });
  await orchestrator.close();
});
