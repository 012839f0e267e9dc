import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { DistributedWorker, EngineError, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { type Plan, TroubledEngine } from 'orchestrator/distributed/testing';
import { Flow, type NodeArgs } from 'orchestrator/flow';
import { afterEach, describe, expect, it } from 'vitest';
import { calm } from '../../src/distributed/testing/trouble-plan.js';
import { gate, rejection } from '../support.js';
import type { AnyFlow } from './protocol/journals.js';
import { eventually } from './servers/eventually.js';

/*
 * What an engine cannot do for a while, and what becomes of nodes then.
 */

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A worker whose engine can be made to fail, and an orchestrator whose engine works. */
async function sceneOf(flow: unknown, plan: Plan = calm) {
  const engine = memory();
  const troubled = new TroubledEngine(engine, { plan });
  const workflow = flow as AnyFlow;
  const worker = new DistributedWorker({ engine: troubled.face, workflows: [workflow], watchInterval: 20 });
  const warnings: Error[] = [];
  worker.on('warning', (error) => warnings.push(error));
  await worker.start();
  const orchestrator = new OrchestratorBuilder().workflow(workflow).engine(engine).build();
  ends.push(
    () => orchestrator.close(),
    () => worker.stop({ deadline: 0 }),
  );
  const failures = () => troubled.history.filter((line) => line.includes('commit(') && line.includes(': fails')).length;
  /** Makes the engine refuse some entries, then accept them again. */
  const outage = async (methods?: readonly string[]) => {
    troubled.suffer('fails', methods);
    const before = failures();
    await eventually(() => failures() >= before + 3);
    troubled.suffer(undefined);
  };
  const finish = async (runId: string) => {
    const info = await orchestrator.waitForCompletion(runId, { signal: AbortSignal.timeout(15_000) });
    const { attempts, failed, retries } = await orchestrator.metrics(runId);
    return { status: info.status, output: info.output, error: info.error, attempts, failed, retries };
  };
  return { engine, troubled, worker, warnings, orchestrator, outage, finish };
}

describe('an engine that accepts no commits for a while fails no node', () => {
  it('whose batch has items that end meanwhile, each of which is executed once', async () => {
    const { executions, open, pass } = gate();
    const flow = new Flow('batch')
      .node('list', () => ['a', 'b', 'c'])
      .batch('each', (item: string) => pass(item), { items: 'list' })
      .edge('list', 'each');
    const { orchestrator, outage, finish, warnings } = await sceneOf(flow);
    const runId = await orchestrator.startRun();
    await eventually(() => executions.length === 3);
    const ended = outage();
    open();
    await ended;
    expect(await finish(runId)).toMatchObject({ status: 'completed', output: ['a', 'b', 'c'], attempts: 2, failed: 0 });
    expect(executions.sort()).toEqual(['a', 'b', 'c']);
    expect(warnings.some((warning) => warning instanceof EngineError)).toBe(true);
  });

  it('that has a sub-flow, in which each node is executed once and counts once', async () => {
    const { executions, open, pass } = gate();
    const inner = new Flow('inner')
      .node('x', () => pass('x'))
      .node('y', () => pass('y'))
      .node('z', (input: unknown) => pass(JSON.stringify(input)))
      .edge('x', 'z')
      .edge('y', 'z');
    const flow = new Flow('outer')
      .node('sub', inner)
      .node('after', (input) => input)
      .edge('sub', 'after');
    const { orchestrator, outage, finish } = await sceneOf(flow);
    const runId = await orchestrator.startRun();
    await eventually(() => executions.length === 2);
    const ended = outage();
    open();
    await ended;
    const output = '{"x":"x","y":"y"}';
    expect(await finish(runId)).toMatchObject({ status: 'completed', output, attempts: 2, failed: 0 });
    expect(executions.sort()).toEqual(['x', 'y', output].sort());
  });

  it('that ends meanwhile: it is executed once', async () => {
    const { executions, open, pass } = gate();
    const flow = new Flow('node')
      .node('a', () => pass('a'))
      .node('b', (input) => input)
      .edge('a', 'b');
    const { orchestrator, outage, finish } = await sceneOf(flow);
    const runId = await orchestrator.startRun();
    await eventually(() => executions.length === 1);
    const ended = outage();
    open();
    await ended;
    expect(await finish(runId)).toMatchObject({ status: 'completed', output: 'a', attempts: 2 });
    expect(executions).toEqual(['a']);
  });

  it('that is retried, waits or sleeps: no attempt is used up', async () => {
    const { executions, open, pass } = gate();
    const flow = new Flow('retried')
      .node(
        'risky',
        async (_input: unknown, { attempt }: NodeArgs) => {
          await pass(`risky ${attempt}`);
          if (attempt < 2) throw new Error('not yet');
          return 'done';
        },
        { retry: { retries: 1, minTimeout: 0 } },
      )
      .sleep('nap', { duration: 1 } as never)
      .wait('go')
      .edge('risky', 'nap')
      .edge('nap', 'go');
    const { orchestrator, outage, finish } = await sceneOf(flow);
    const runId = await orchestrator.startRun();
    await eventually(() => executions.length === 1);
    const ended = outage();
    open();
    await ended;
    await orchestrator.signal(runId, 'go', 'now');
    expect(await finish(runId)).toMatchObject({ status: 'completed', output: 'now', failed: 0, retries: 1 });
    expect(executions).toEqual(['risky 1', 'risky 2']);
  });

  it('whose timeout passes meanwhile: the engine is to blame', async () => {
    let tries = 0;
    const flow = new Flow('limited').batch('each', () => ++tries, { items: '[1.0]', timeout: 100 } as never);
    const { orchestrator, troubled, finish } = await sceneOf(flow);
    troubled.suffer('fails', ['commit']);
    const runId = await orchestrator.startRun();
    await eventually(() => troubled.history.some((line) => line.includes('handled') && tries > 0));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await orchestrator.status(runId)).toBe('running');
    troubled.suffer(undefined);
    expect(await finish(runId)).toMatchObject({ status: 'completed', failed: 0, retries: 0 });
  });

  it('however often it is retried: its policies do not hear of the engine', async () => {
    const heard: unknown[] = [];
    const flow = new Flow('policies').batch('each', (item: number) => item, {
      items: '[1.0, 2.0]',
      retry: { retries: 5, minTimeout: 0, onFailedAttempt: ({ error }: { error: Error }) => void heard.push(error) },
    } as never);
    const { orchestrator, outage, finish } = await sceneOf(flow);
    const ended = outage(['commit']);
    const runId = await orchestrator.startRun();
    await ended;
    expect(await finish(runId)).toMatchObject({ status: 'completed', output: [1, 2], attempts: 1, retries: 0 });
    expect(heard).toEqual([]);
  });
});

describe('an engine that has carried out a call, and rejects it,', () => {
  it.each(['commit', 'queue.enqueue'])('does not carry it out twice (%s)', async (method) => {
    const { executions, open, pass } = gate();
    open();
    const inner = new Flow('inner')
      .node('x', () => pass('x'))
      .node('y', () => pass('y'))
      .edge('x', 'y');
    const flow = new Flow('twice')
      .node('list', () => ['a', 'b'])
      .batch('each', (item: string) => pass(item), { items: 'list' })
      .node('sub', inner)
      .node('after', () => 'end')
      .edge('list', 'each')
      .edge('list', 'sub')
      .edge('each', 'after')
      .edge('sub', 'after');
    const everySecond = (_call: number, name: string, nth: number) =>
      name === method && nth % 2 === 1 ? 'loses its answer' : undefined;
    const { orchestrator, troubled, finish, engine } = await sceneOf(
      flow,
      Object.assign(everySecond, { text: 'every second answer is lost' }) as Plan,
    );
    const runId = await orchestrator.startRun();
    expect(await finish(runId)).toMatchObject({ status: 'completed', output: 'end', attempts: 4, failed: 0 });
    expect(String(troubled)).toContain('loses its answer');
    expect(executions.sort()).toEqual(['a', 'b', 'x', 'y']);
    const entries: string[] = [];
    for (const { text } of (await engine.checkpointStore.read(runId))?.entries ?? []) entries.push(text);
    const steps = entries.filter((text) => /"type":"(item|started|child)"/.test(text));
    expect(steps.length).toBeGreaterThanOrEqual(5);
    expect(new Set(steps).size).toBe(steps.length);
  });
});

describe('a call whose answer is lost may be repeated', () => {
  const flow = new Flow('controlled')
    .wait('go')
    .node('a', () => 'done')
    .edge('go', 'a') as unknown as AnyFlow;

  async function controlled() {
    const engine = memory();
    const troubled = new TroubledEngine(engine);
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(troubled.face).build();
    ends.push(() => orchestrator.close());
    const lost = async (method: string, call: () => Promise<void>) => {
      troubled.suffer('loses its answer', [method]);
      expect(await rejection(call())).toBeInstanceOf(EngineError);
      troubled.suffer(undefined);
    };
    return { engine, orchestrator, lost };
  }

  it('cancel, which succeeds then, unless the run has ended in another way', async () => {
    const { engine, orchestrator, lost } = await controlled();
    const runId = await orchestrator.startRun();
    await lost('commit', () => orchestrator.cancel(runId, 'not needed'));
    await orchestrator.cancel(runId, 'not needed');
    expect(await orchestrator.run(runId)).toMatchObject({ status: 'cancelled', error: 'not needed' });
    expect(await engine.queue.depth()).toEqual({ waiting: 0, delayed: 0, active: 0 });
    expect(await rejection(orchestrator.cancel(runId, 'too late'))).toMatchObject({ code: 'ERR_RUN_STATE' });
  });

  it.each(['commit', 'queue.enqueue'])('retry, which succeeds then, also after a failure at %s', async (method) => {
    const { engine, orchestrator, lost } = await controlled();
    const runId = await orchestrator.startRun();
    expect(await rejection(orchestrator.retry(runId))).toMatchObject({ code: 'ERR_RUN_STATE' });
    await orchestrator.cancel(runId);
    await lost(method, () => orchestrator.retry(runId));
    await orchestrator.retry(runId);
    expect(await engine.queue.depth()).toMatchObject({ waiting: 1 });
    expect((await engine.checkpointStore.read(runId))?.entries.map(({ text }) => JSON.parse(text).type)).toEqual([
      'cancelled',
      'retried',
    ]);
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    ends.push(() => worker.stop({ deadline: 0 }));
    await worker.start();
    await orchestrator.signal(runId, 'go');
    expect(await orchestrator.waitForCompletion(runId)).toMatchObject({ status: 'completed', output: 'done' });
    expect(await rejection(orchestrator.retry(runId))).toMatchObject({ code: 'ERR_RUN_STATE' });
  });
});

it.each(['completed', 'failed'] as const)(
  'the end of a run is published once, even if the answer to its last commit is lost: %s',
  async (status) => {
    const { executions, open, pass } = gate();
    const flow = new Flow('last').node('a', async () => {
      await pass('a');
      if (status === 'failed') throw new Error('a');
    });
    const ended: unknown[] = [];
    const listener = (event: unknown) => void ended.push(event);
    subscribe('orchestrator:run:end', listener);
    ends.push(async () => unsubscribe('orchestrator:run:end', listener));
    const { orchestrator, troubled, worker, finish } = await sceneOf(flow);
    const runId = await orchestrator.startRun();
    await eventually(() => executions.length === 1);
    troubled.suffer('loses its answer', ['commit']);
    open();
    expect(await finish(runId)).toMatchObject({ status });
    troubled.suffer(undefined);
    await eventually(() => expect(ended).toMatchObject([{ runId, status, engine: 'memory' }]));
    await worker.stop();
    expect(ended).toHaveLength(1);
  },
);

it('an execution that ends while the engine fails leaves its item to the next execution, and does not count', async () => {
  const { executions, open, pass } = gate();
  const flow = new Flow('stopped').batch('each', (item: number) => pass(String(item)), { items: '[1.0, 2.0]' });
  const { orchestrator, troubled, worker, engine, finish } = await sceneOf(flow);
  const runId = await orchestrator.startRun();
  await eventually(() => executions.length === 2);
  troubled.suffer('fails', ['commit']);
  open();
  await worker.stop({ deadline: 0 });
  expect(await orchestrator.status(runId)).toBe('running');
  const other = new DistributedWorker({ engine, workflows: [flow as unknown as AnyFlow] });
  ends.push(() => other.stop({ deadline: 0 }));
  await other.start();
  expect(await finish(runId)).toMatchObject({ status: 'completed', output: ['1', '2'], failed: 0, attempts: 1 });
});

it('a worker ends even if its queue cannot be closed, and takes no more work', async () => {
  const { executions, open, pass } = gate();
  const flow = new Flow('ends').node('a', () => pass('a'));
  const { orchestrator, troubled, worker, engine, warnings } = await sceneOf(flow);
  await orchestrator.startRun();
  await eventually(() => executions.length === 1);
  troubled.suffer('fails', ['pause', 'close']);
  const stopped = worker.stop();
  open();
  await stopped;
  await orchestrator.startRun();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(executions).toEqual(['a']);
  expect(await engine.queue.depth()).toMatchObject({ waiting: 1 });
  expect(warnings.map(({ message }) => message)).toContainEqual(expect.stringContaining('pause'));
});

it("the states of a worker's nodes are cleared, even if the engine was unreachable at their end", async () => {
  const { executions, open, pass } = gate();
  const flow = new Flow('states')
    .node('a', () => pass('a'))
    .wait('go')
    .edge('a', 'go');
  const { orchestrator, troubled, engine } = await sceneOf(flow);
  const runId = await orchestrator.startRun();
  await eventually(() => executions.length === 1);
  const states = () => engine.workItemStateStore.getStates(runId);
  const calls = (name: string) => troubled.history.filter((line) => line.includes(name)).length;
  troubled.suffer('loses its answer', ['workItemStateStore.setStates']);
  await eventually(() => calls('setStates') > 2);
  expect(await states()).toHaveLength(1);
  troubled.suffer('fails', ['workItemStateStore.clearStates']);
  open();
  await eventually(() => calls('clearStates') > 2);
  expect(await states()).toHaveLength(1);
  troubled.suffer(undefined);
  await eventually(async () => (await states()).length === 0);
});

it('a compaction that fails is reported, and retried after the journal has grown by as much again', async () => {
  const flow = new Flow('grows').batch('each', () => 'x'.repeat(2_000), {
    items: 'items',
    concurrency: 1,
  } as never);
  const { orchestrator, troubled, warnings, finish } = await sceneOf(flow);
  troubled.suffer('fails', ['checkpointStore.compact']);
  const runId = await orchestrator.startRun({ items: Array.from({ length: 400 }, (_, at) => at) });
  expect(await finish(runId)).toMatchObject({ status: 'completed' });
  const tries = troubled.history.filter((line) => line.includes('compact(')).length;
  // 800 kB of entries, in steps of 256 kB.
  expect(tries).toBeGreaterThanOrEqual(2);
  expect(tries).toBeLessThanOrEqual(4);
  expect(warnings.some(({ message }) => message.includes('checkpointStore.compact'))).toBe(true);
});
