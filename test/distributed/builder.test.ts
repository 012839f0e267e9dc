import { DistributedWorker, type Engine, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { eventually } from './servers/eventually.js';

const flow = new Flow('order')
  .node('charge', () => Promise.reject(new RangeError('declined')), { retry: { retries: 1, minTimeout: 1 } })
  .wait('approval');

/** Stores that work like an engine's, and record the calls of their methods. */
function watched(engine: Engine, calls: string[]) {
  const watch = <Store extends { readonly engine: Engine }>(name: string, store: Store): Store =>
    new Proxy(store, {
      get(target, key) {
        const value = Reflect.get(target, key, target) as unknown;
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          calls.push(`${name}.${String(key)}`);
          return value.apply(target, args);
        };
      },
    });
  return {
    queue: watch('queue', engine.queue),
    runInfoStore: watch('runInfoStore', engine.runInfoStore),
    metricsStore: watch('metricsStore', engine.metricsStore),
    errorStore: watch('errorStore', engine.errorStore),
    livenessStore: watch('livenessStore', engine.livenessStore),
    workItemStateStore: watch('workItemStateStore', engine.workItemStateStore),
    checkpointStore: watch('checkpointStore', engine.checkpointStore),
    workflowStore: watch('workflowStore', engine.workflowStore),
  };
}

const expected = [
  'queue.enqueue',
  'runInfoStore.getRun',
  'metricsStore.getMetrics',
  'errorStore.getErrors',
  'livenessStore.list',
  'workItemStateStore.getStates',
  'checkpointStore.read',
  'workflowStore.put',
];

describe('stores in place of those of an engine', () => {
  it.each([
    ['beside an engine', (builder: OrchestratorBuilder, engine: Engine) => builder.engine(engine)],
    ['one by one', (builder: OrchestratorBuilder, engine: Engine) => builder.contextStore(engine.contextStore)],
  ])('are asked in place of its own: %s', async (_name, prepare) => {
    const engine = memory();
    const calls: string[] = [];
    const stores = watched(engine, calls);
    const orchestrator = prepare(new OrchestratorBuilder().workflow(flow), engine)
      .queue(stores.queue)
      .runInfoStore(stores.runInfoStore)
      .metricsStore(stores.metricsStore)
      .errorStore(stores.errorStore)
      .livenessStore(stores.livenessStore)
      .workItemStateStore(stores.workItemStateStore)
      .checkpointStore(stores.checkpointStore)
      .workflowStore(stores.workflowStore)
      .build();
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    await worker.start();
    const runId = await orchestrator.startRun();
    await orchestrator.signal(runId, 'approval', 1);
    expect(await orchestrator.waitForCompletion(runId, { signal: AbortSignal.timeout(60_000) })).toMatchObject({
      status: 'failed',
    });
    expect(await orchestrator.errors(runId)).toHaveLength(2);
    expect(await orchestrator.metrics(runId)).toMatchObject({ failed: 1, retries: 1 });
    expect(await orchestrator.liveness()).toHaveLength(1);
    await orchestrator.pendingWork(runId);
    expect([...new Set(calls)]).toEqual(expect.arrayContaining(expected));
    await worker.stop();
    await orchestrator.engine.close();
  });

  it('returns what its store returns', async () => {
    const engine = memory();
    const own = { engine, getErrors: async () => [{ ...record, error: 's["mine"]' }] };
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).errorStore(own).build();
    expect(await orchestrator.errors('any')).toEqual([{ ...record, error: new Error('mine') }]);
    expect(orchestrator.engine.errorStore).toBe(own);
  });

  it('are used by a worker that is given the engine of the orchestrator', async () => {
    const engine = memory();
    const beats: string[] = [];
    const livenessStore = {
      engine,
      heartbeat: async ({ workerId }: { readonly workerId: string }) => {
        beats.push(workerId);
        return Date.now();
      },
      remove: async () => {},
      list: async () => [],
    };
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).livenessStore(livenessStore).build();
    const worker = new DistributedWorker({ engine: orchestrator.engine, workflows: [flow], id: 'w' });
    await worker.start();
    const runId = await orchestrator.startRun();
    await eventually(async () => expect(await orchestrator.errors(runId)).toHaveLength(2));
    await worker.stop();
    expect(beats).toContain('w');
    expect(await engine.livenessStore.list()).toEqual([]);
  });

  it('can be put on top of the engine of an orchestrator', async () => {
    const engine = memory();
    const errorStore = { engine, getErrors: async () => [] };
    const metricsStore = { engine, getMetrics: async () => undefined };
    const first = new OrchestratorBuilder().engine(engine).errorStore(errorStore).build();
    const second = new OrchestratorBuilder().engine(first.engine).metricsStore(metricsStore).build();
    expect([second.engine.errorStore, second.engine.metricsStore]).toEqual([errorStore, metricsStore]);
    expect(second.engine.queue).toBe(engine.queue);
  });

  it('leave the engine as it is if they are its own', () => {
    const engine = memory();
    const { queue, errorStore } = engine;
    expect(new OrchestratorBuilder().engine(engine).queue(queue).errorStore(errorStore).build().engine).toBe(engine);
  });

  it('are refused if they lack a method, or if they would never be used', () => {
    const engine = memory();
    expect(() => new OrchestratorBuilder().errorStore({ engine } as never)).toThrow(
      'errorStore.getErrors must be a function, got undefined',
    );
    const contextStore = { engine, getContext: async () => undefined };
    expect(() => new OrchestratorBuilder().engine(engine).contextStore(contextStore).build()).toThrow(
      "contextStore must be the engine's own",
    );
  });
});

const record = {
  nodeId: 'charge',
  visit: 1,
  attempt: 1,
  isFinal: true,
  workerId: 'w',
  time: 1,
} as const;
