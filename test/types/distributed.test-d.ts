import {
  type DistributedOrchestrator,
  type Engine,
  memory,
  OrchestratorBuilder,
  type RunError,
  type RunInfo,
  type RunPage,
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
