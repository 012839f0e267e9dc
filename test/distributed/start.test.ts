import { DistributedOrchestrator, memory, OrchestratorBuilder, WorkflowCtx } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { rejection } from '../support.js';
import { fleetOf } from './fleet.js';

const flow = new Flow<{ cents: number }>('order', { version: '1' }).node('charge', (input, { context }) => [
  input,
  context.cents,
]);
const other = new Flow('refund', { version: '1' }).node('pay', () => 'paid');

describe('start(workflow, request)', () => {
  it('starts a run of a flow, and reports that', async () => {
    const { orchestrator } = await fleetOf([other, flow]);
    const started = await orchestrator.start(flow, { id: 'one', context: { cents: 5 }, input: 'now' });
    expect(started).toEqual({ id: 'one', runId: 'one', existed: false, incarnation: expect.any(Number) });
    expect(await orchestrator.waitForCompletion('one')).toMatchObject({
      workflow: 'order',
      status: 'completed',
      output: ['now', 5],
    });
  });

  it('starts nothing if a run of the id exists, and reports that', async () => {
    const { orchestrator } = await fleetOf(flow);
    const first = await orchestrator.start(flow, { id: 'one', context: { cents: 1 } });
    const second = await orchestrator.start('order', { id: 'one', context: { cents: 2 } });
    expect(second).toEqual({ ...first, existed: true });
    expect(await orchestrator.waitForCompletion('one')).toMatchObject({ output: [undefined, 1] });
  });

  it('generates an id if none is given, and needs no request', async () => {
    const { orchestrator } = await fleetOf(flow);
    const [one, two] = [await orchestrator.start(flow), await orchestrator.start('order')];
    expect(one.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(two.id).not.toBe(one.id);
  });

  it('accepts a WorkflowCtx as the context', async () => {
    const { orchestrator } = await fleetOf(flow);
    const { id } = await orchestrator.start(flow, { context: new WorkflowCtx({ cents: 7 }) });
    expect(await orchestrator.waitForCompletion(id)).toMatchObject({ output: [undefined, 7] });
  });

  it('starts the version of the flow, and the last given version of an id', async () => {
    const second = new Flow('order', { version: '2' }).node('charge', () => 'second');
    const { orchestrator } = await fleetOf([flow, second]);
    for (const [workflow, request, version] of [
      [flow, {}, '1'],
      [second, {}, '2'],
      ['order', {}, '2'],
      ['order', { version: '1' }, '1'],
    ] as const) {
      const { id } = await orchestrator.start(workflow, request);
      expect(await orchestrator.run(id)).toMatchObject({ version });
    }
  });

  it('starts a workflow of which only the graph is known', async () => {
    const { orchestrator, engine } = await fleetOf(flow);
    const without = new DistributedOrchestrator({ engine });
    const { id } = await without.start('order', { context: { cents: 3 } });
    expect(await orchestrator.waitForCompletion(id)).toMatchObject({ output: [undefined, 3] });
  });

  it('starts a flow that the orchestrator was not given, and reads its runs through its graph', async () => {
    const { engine } = await fleetOf(flow);
    const without = new DistributedOrchestrator({ engine });
    const { id } = await without.start(flow, { context: { cents: 3 } });
    expect(await without.waitForCompletion(id)).toMatchObject({ output: [undefined, 3] });
    expect(await without.context(id)).toEqual({ cents: 3, charge: [undefined, 3] });
  });

  it('passes on delay, priority, timeout and retention', async () => {
    const orchestrator = new DistributedOrchestrator({ engine: memory(), workflows: [flow], retention: 1_000 });
    const { id } = await orchestrator.start(flow, { delay: 60_000, priority: 3, timeout: 1_000 });
    const run = await orchestrator.run(id);
    expect(run).toMatchObject({ status: 'scheduled', priority: 3, retention: 1_000 });
    expect(run.startAt - run.createdAt).toBe(60_000);
    expect((run.deadline as number) - run.startAt).toBe(1_000);
    const kept = await orchestrator.start(flow, { delay: 60_000, retention: 5 });
    expect(await orchestrator.run(kept.id)).toMatchObject({ retention: 5 });
  });

  it.each([
    ['an option that is unknown', { runId: 'one' }, 'runId is unknown, expected id, context, input, version'],
    ['an empty id', { id: '' }, 'id must be'],
    ['an id of a database that would not take it', { id: 'nul \0' }, 'id must be'],
    ['a context that is no object', { context: 5 }, 'context must be a plain object'],
    ['no context', { context: null }, 'context must be a plain object'],
    ['a context with a reserved key', { context: JSON.parse('{"__proto__": 1}') }, 'context must be a plain object'],
    ['a context that cannot be sent', { context: { cents: () => 1 } }, 'context.cents'],
    ['an input that cannot be sent', { input: Symbol('s') }, 'input'],
    ['too large a context', { context: { cents: 'x'.repeat(2_000) } }, 'context.cents must be at most 1024 bytes'],
    ['a delay that is no number', { delay: '1s' }, 'delay must be a whole number of milliseconds'],
    ['too low a priority', { priority: 2 ** 21 }, 'priority must be a whole number from 0 to 2097151'],
    ['less than no time', { timeout: -1 }, 'timeout must be a number of milliseconds above 0'],
    ['a retention in the past', { retention: -1 }, 'retention must be a whole number of milliseconds'],
    ['the version of a flow', { version: '1' }, 'version must be left out: the flow has its own'],
    ['a request that is no object', 5, 'options must be an object, got 5'],
  ])('refuses %s, and starts nothing', async (_name, request, message) => {
    const orchestrator = new DistributedOrchestrator({ engine: memory(), workflows: [flow], maxPayload: 1_024 });
    expect(await rejection(orchestrator.start(flow, request as never))).toMatchObject({
      message: expect.stringContaining(message),
    });
    expect((await orchestrator.listRuns()).runs).toEqual([]);
  });

  it('refuses a workflow that is unknown, invalid, or different from the given one', async () => {
    const orchestrator = new DistributedOrchestrator({ engine: memory(), workflows: [flow] });
    const changed = new Flow('order', { version: '1' }).node('other', () => 1);
    const faulty = new Flow('faulty').node('a', () => 1).edge('a', 'nowhere' as 'a');
    expect(await rejection(orchestrator.start('unknown'))).toMatchObject({ code: 'ERR_WORKFLOW_NOT_FOUND' });
    expect(await rejection(orchestrator.start('order', { version: '9' }))).toMatchObject({
      code: 'ERR_WORKFLOW_NOT_FOUND',
    });
    expect(await rejection(orchestrator.start(''))).toMatchObject({ name: 'ValidationError' });
    expect(await rejection(orchestrator.start(faulty))).toMatchObject({ code: 'ERR_BLUEPRINT' });
    expect(await rejection(orchestrator.start(changed))).toMatchObject({
      name: 'ValidationError',
      message: 'workflow must be the "order" of version "1" that was given, or of another version, got Flow',
    });
    expect((await orchestrator.listRuns()).runs).toEqual([]);
  });

  it('keeps no reference to flows that it was not given', async () => {
    const orchestrator = new DistributedOrchestrator({ engine: memory() });
    await orchestrator.start(new Flow('order', { version: '1' }).node('a', () => 1));
    await orchestrator
      .start(
        new Flow('order', { version: '1' }).node('b', () => 1),
        { id: 'late' },
      )
      .catch(() => {});
    const fresh = new Flow('order', { version: '2' }).node('b', () => 1);
    expect(await orchestrator.start(fresh)).toMatchObject({ existed: false });
  });
});

describe('the start methods of 0.8', () => {
  it('still work: start(context, input, { runId }) and startRun(context, input, { runId })', async () => {
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(memory()).build();
    const started = await orchestrator.start({ cents: 1 }, 'now', { runId: 'one' });
    expect(started).toMatchObject({ id: 'one', runId: 'one', existed: false });
    expect(await orchestrator.startRun({ cents: 1 }, 'now', { runId: 'one' })).toBe('one');
    expect(await orchestrator.startRun({ cents: 1 }, 'now', { id: 'one' })).toBe('one');
    expect(await orchestrator.input('one')).toBe('now');
    expect((await orchestrator.start()).existed).toBe(false);
  });

  it('refuse two ids', async () => {
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(memory()).build();
    expect(await rejection(orchestrator.startRun({}, 1, { id: 'one', runId: 'two' }))).toMatchObject({
      name: 'ValidationError',
      message: 'runId must be left out: it is the older name of id, which is given, got String',
    });
  });
});
