import {
  DistributedOrchestrator,
  type DistributedWorker,
  defineFleet,
  type Engine,
  memory,
  OrchestratorBuilder,
  pglite,
  postgres,
  type RunError,
  type RunInfo,
  type RunPage,
  redis,
  WorkflowCtx,
} from 'orchestrator/distributed';
import { Flow, FlowRuntime, type WorkflowBlueprint } from 'orchestrator/flow';
import { describe, expectTypeOf, it } from 'vitest';

interface Order {
  orderId: string;
  total?: number;
}

const engine = memory();
const order = new Flow<Order>('order').node('charge', () => 1);
const refund = new Flow<{ reason: string }>('refund').node('pay', () => 1);
const orchestrator = new OrchestratorBuilder().workflow(order).workflow(refund).engine(engine).build();

describe('what a run begins with', () => {
  it('is of the first workflow', () => {
    expectTypeOf(orchestrator).toEqualTypeOf<DistributedOrchestrator<Order>>();
    orchestrator.startRun();
    orchestrator.startRun({ orderId: '42' });
    orchestrator.startRun({ orderId: '42' }, 'input', { priority: 1 });
    orchestrator.startRun(new WorkflowCtx({ orderId: '42' }));
    // @ts-expect-error it has no such key
    orchestrator.startRun({ nonsense: 1 });
    // @ts-expect-error a number is no text
    orchestrator.startRun({ orderId: 42 });
    // @ts-expect-error nor is it as one thing
    orchestrator.startRun(new WorkflowCtx({ orderId: 42 }));
  });

  it('is of any where the workflow is named', () => {
    orchestrator.startRun({ reason: 'broken' }, undefined, { workflow: 'refund' });
    orchestrator.startRun({ anything: 1 }, undefined, { workflow: 'elsewhere', version: '1' });
  });

  it('is anything where nothing is known of it', () => {
    const blueprint: WorkflowBlueprint = order.toBlueprint();
    for (const builder of [
      new OrchestratorBuilder(),
      new OrchestratorBuilder().workflow(blueprint),
      new OrchestratorBuilder().workflow(new Flow('untyped')),
    ]) {
      builder.engine(engine).build().startRun({ anything: 1 });
    }
  });

  it('does not matter to whoever takes any orchestrator', () => {
    const take = (_any: DistributedOrchestrator) => {};
    take(orchestrator);
    take(new OrchestratorBuilder().workflow(refund).engine(engine).build());
  });
});

describe('an orchestrator of its options', () => {
  it('begins runs with the context of the first workflow', () => {
    const one = new DistributedOrchestrator({ engine, workflows: [order, refund], retention: 1_000 });
    expectTypeOf(one).toEqualTypeOf<DistributedOrchestrator<Order>>();
    one.startRun({ orderId: '42' }, undefined, { id: 'order-42' });
    // @ts-expect-error it has no such key
    one.startRun({ nonsense: 1 });
    // @ts-expect-error it has no engine
    new DistributedOrchestrator({ workflows: [order] });
  });

  it('begins runs with anything where the first workflow is data, or there is none', () => {
    const blueprint: WorkflowBlueprint = order.toBlueprint();
    const workflows: readonly (Flow | WorkflowBlueprint)[] = [];
    for (const one of [
      new DistributedOrchestrator({ engine }),
      new DistributedOrchestrator({ engine, workflows: [blueprint, order] }),
      new DistributedOrchestrator({ engine, workflows }),
      defineFleet({ engine, workflows: [blueprint] }).orchestrator(),
    ]) {
      one.startRun({ anything: 1 });
    }
  });
});

describe('a start of a workflow', () => {
  it('takes the context of the flow', async () => {
    const started = await orchestrator.start(refund, { id: 'r', context: { reason: 'broken' }, input: 1, delay: 5 });
    expectTypeOf(started.id).toBeString();
    expectTypeOf(started.existed).toBeBoolean();
    orchestrator.start(refund);
    orchestrator.start(refund, { context: new WorkflowCtx({ reason: 'broken' }) });
    // @ts-expect-error it has no such key
    orchestrator.start(refund, { context: { nonsense: 1 } });
    // @ts-expect-error a number is no text
    orchestrator.start(refund, { context: { reason: 1 } });
    // @ts-expect-error nor is it as one thing
    orchestrator.start(refund, { context: new WorkflowCtx({ reason: 1 }) });
    // @ts-expect-error there is no such option
    orchestrator.start(refund, { runId: 'r' });
  });

  it('takes anything where the workflow is an id', () => {
    orchestrator.start('elsewhere', { context: { anything: 1 }, version: '1' });
    const contexts = [{ dead: 'north' }, { slow: 'south' }];
    for (const context of contexts) orchestrator.start('elsewhere', { context });
    const either = refund as Flow | string;
    orchestrator.start(either, { id: 'r' });
  });

  it('is as it was in 0.8, too', () => {
    orchestrator.start({ orderId: '42' }, 'input', { runId: 'r' });
    orchestrator.start({ reason: 'broken' }, undefined, { workflow: 'refund' });
    // @ts-expect-error it has no such key
    orchestrator.start({ nonsense: 1 });
  });
});

describe('a fleet', () => {
  const fleet = defineFleet({ engine, workflows: [order, refund], maxPayload: 1_024 });

  it('gives orchestrators of the first workflow, and workers', () => {
    expectTypeOf(fleet.orchestrator()).toEqualTypeOf<DistributedOrchestrator<Order>>();
    expectTypeOf(fleet.worker({ concurrency: 5 })).toEqualTypeOf<DistributedWorker>();
    // @ts-expect-error the fleet has said that
    fleet.worker({ engine });
    // @ts-expect-error it says no workflows
    defineFleet({ engine });
  });

  it('ends like all that ends', async () => {
    await fleet.close({ timeout: 100 });
    await fleet.worker().close({ timeout: 100 });
    await fleet.orchestrator().close({ timeout: 100 });
    await memory().close({ timeout: 100 });
    expectTypeOf(fleet).toExtend<AsyncDisposable>();
    for (const disposable of [memory(), pglite('.'), postgres(''), redis('')])
      expectTypeOf(disposable).toExtend<AsyncDisposable>();
    expectTypeOf(fleet.worker()).toExtend<AsyncDisposable>();
    expectTypeOf(fleet.orchestrator()).toExtend<AsyncDisposable>();
    // An engine of one's own need not be.
    const { close, ...rest } = memory();
    const own: Engine = { ...rest, close: async () => close() };
    void own;
  });
});

describe('what comes of a run', () => {
  it('has an output that is for the caller to say', async () => {
    const run = await orchestrator.waitForCompletion('r');
    expectTypeOf(run).toEqualTypeOf<RunInfo>();
    expectTypeOf(run.output).toBeUnknown();
    // @ts-expect-error the output of the last node is not known to be a text
    const text: string = run.output;
    void text;
    expectTypeOf((await orchestrator.waitForCompletion<number>('r', 50)).output).toBeNumber();
    expectTypeOf((await orchestrator.run<{ id: string }>('r')).output.id).toBeString();
  });

  it('has errors that are errors', async () => {
    const [first] = await orchestrator.errors('r');
    expectTypeOf(first).toEqualTypeOf<RunError | undefined>();
    expectTypeOf(first?.error.message).toEqualTypeOf<string | undefined>();
    expectTypeOf(first?.error.code).toBeUnknown();
    for await (const event of orchestrator.events('r'))
      expectTypeOf(event.error?.message).toEqualTypeOf<string | undefined>();
  });
});

// The listings of the text on distributed runs, with its names in this language's spelling.
describe('the text on distributed runs', () => {
  it('builds an orchestrator from its stores', () => {
    const stores: Engine = engine;
    const built = new OrchestratorBuilder()
      .workflow(order)
      .queue(stores.queue)
      .contextStore(stores.contextStore)
      .runInfoStore(stores.runInfoStore)
      .metricsStore(stores.metricsStore)
      .errorStore(stores.errorStore)
      .livenessStore(stores.livenessStore)
      .workItemStateStore(stores.workItemStateStore)
      .runtime(new FlowRuntime())
      .build();
    expectTypeOf(built).toEqualTypeOf<DistributedOrchestrator<Order>>();
  });

  it('starts, looks at and cancels runs', async () => {
    const initialContext = new WorkflowCtx<Order>({ orderId: '42' });
    const runId = await orchestrator.startRun(initialContext, 'start processing this text');
    expectTypeOf(runId).toBeString();
    await orchestrator.status(runId);
    await orchestrator.cancel(runId);
    expectTypeOf(await orchestrator.listRuns('failed')).toEqualTypeOf<RunPage>();
    await orchestrator.listRuns(['failed', 'stalled']);
    await orchestrator.listRuns({ status: 'failed' });
    // @ts-expect-error there is no such status
    await orchestrator.listRuns('done');
    await orchestrator.pause(runId);
    await orchestrator.resume(runId);
    await orchestrator.errors(runId);
    await orchestrator.metrics(runId);
    await orchestrator.liveness();
    await orchestrator.listWorkerHealth();
    await orchestrator.pendingWork(runId);
    await orchestrator.context(runId);
    await orchestrator.waitForCompletion(runId, 50);
  });
});
