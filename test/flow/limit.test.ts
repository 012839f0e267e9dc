import { limit, Orchestrator } from 'orchestrator';
import { BlueprintError, Flow, FlowRuntime, Node } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { settled } from '../support.js';

/** Work that counts how many of its executions run at once. */
function counted() {
  const counts = { running: 0, most: 0, calls: 0 };
  const work = async () => {
    counts.calls++;
    counts.most = Math.max(counts.most, ++counts.running);
    await settled();
    counts.running--;
  };
  return { counts, work };
}

describe('the limit of a node', () => {
  it('is one for all runs of the flow', async () => {
    const { counts, work } = counted();
    const flow = new Flow('f').node('a', work, { limit: { concurrency: 2 } });
    await Promise.all(Array.from({ length: 6 }, () => flow.run()));
    expect(counts).toEqual({ running: 0, most: 2, calls: 6 });
    expect(flow.toBlueprint().nodes[0]).toEqual({ id: 'a', uses: 'a' });
  });

  it('may be shared by nodes and actions, and holds each attempt of the phase exec of a class', async () => {
    const shared = limit({ concurrency: 1 });
    const { counts, work } = counted();
    class Ask extends Node {
      override async exec() {
        await work();
        if (counts.calls < 3) throw new Error('again');
      }
    }
    const flow = new Flow('f')
      .node('a', Ask, { limit: shared, retry: { retries: 5, minTimeout: 0 } })
      .node('b', work, { limit: [shared] });
    const act = new Orchestrator().action(work, { limit: shared });
    const [result] = await Promise.all([flow.run(), act(), act()]);
    expect(result.status).toBe('completed');
    expect(counts.most).toBe(1);
  });

  it('holds for each element of a batch', async () => {
    const { counts, work } = counted();
    const flow = new Flow('f').node('list', () => [1, 2, 3, 4, 5]).batch('each', work, { limit: { concurrency: 2 } });
    const result = await flow.edge('list', 'each').run();
    expect(result.status).toBe('completed');
    expect(counts).toEqual({ running: 0, most: 2, calls: 5 });
  });

  it('comes from the orchestrator of the runtime, unless it is null', async () => {
    const { counts, work } = counted();
    const free = counted();
    const runtime = new FlowRuntime({ orchestrator: new Orchestrator({ limit: { concurrency: 1 } }) });
    const flow = new Flow('f').node('a', work).node('b', work).node('c', free.work, { limit: null });
    flow.node('d', free.work, { limit: null });
    await runtime.run(flow);
    expect(counts.most).toBe(1);
    expect(free.counts.most).toBe(2);
  });
});

describe('the limit of a node as data', () => {
  const nodes = (...limits: unknown[]) =>
    limits.map((given, index) => ({ id: `n${index}`, uses: 'work', config: { limit: given as string } }));

  it('names a limit of the registry', async () => {
    const { counts, work } = counted();
    const runtime = new FlowRuntime({ registry: { work, github: limit({ concurrency: 1 }) } });
    await runtime.run({ id: 'f', nodes: nodes('github', 'github', 'github'), edges: [] });
    expect(counts).toEqual({ running: 0, most: 1, calls: 3 });
  });

  it('may be options, for a limit over all runs of the blueprint', async () => {
    const { counts, work } = counted();
    const runtime = new FlowRuntime({ registry: { work } });
    const blueprint = { id: 'f', nodes: nodes({ concurrency: 1 }), edges: [] };
    await Promise.all([1, 2, 3].map(() => runtime.run(blueprint)));
    expect(counts).toEqual({ running: 0, most: 1, calls: 3 });
  });

  it('may be null, which switches the default off', async () => {
    const { counts, work } = counted();
    const orchestrator = new Orchestrator({ limit: { concurrency: 1 } });
    const runtime = new FlowRuntime({ orchestrator, registry: { work } });
    await runtime.run({ id: 'f', nodes: nodes(null, null), edges: [] });
    expect(counts.most).toBe(2);
  });

  it.each([
    ['gitlab', 'config.limit of "n0": "gitlab" is not a limit() in the registry'],
    ['work', 'config.limit of "n0": "work" is not a limit() in the registry'],
    [5, 'nodes[0].config.limit must be options of a limit, or a limit(), got 5'],
    [{ rate: 0 }, 'nodes[0].config.limit.rate must be a whole number of at least 1, or Infinity, got 0'],
    [
      { rate: 1, key: () => 'a' },
      'nodes[0].config.limit.key must be data: name a limit() of the registry for options that are functions, got Function',
    ],
    [limit({ rate: 1 }), 'nodes[0].config.limit must be data: name a limit() of the registry, got AnyLimit'],
  ])('that is %o is a fault', async (given, message) => {
    const runtime = new FlowRuntime({ registry: { work: () => 1 } });
    const error = await runtime.run({ id: 'f', nodes: nodes(given), edges: [] }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(BlueprintError);
    expect(error.faults[0].message).toBe(message);
  });
});
