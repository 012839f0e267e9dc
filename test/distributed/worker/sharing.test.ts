import { memory } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { describe, expect, it, vi } from 'vitest';
import { Sharing } from '../../../src/distributed/worker/sharing.js';
import { planOf } from '../../../src/flow/plan/index.js';
import { deferred } from '../../support.js';
import { fleetOf } from '../fleet.js';
import type { AnyFlow } from '../protocol/journals.js';

const names = Array.from({ length: 6 }, (_, index) => `m${index}`);

/** A source, nodes side by side, and a sink. */
function fan(id: string, work: (nodeId: string) => unknown): AnyFlow {
  const flow: AnyFlow = new Flow(id);
  flow.node('source', () => 0);
  for (const name of names) flow.node(name, (_input: unknown, { nodeId }) => work(nodeId)).edge('source', name);
  flow.node('sink', () => 'end');
  for (const name of names) flow.edge(name, 'sink');
  return flow;
}

interface Written {
  readonly type: string;
  readonly node?: string;
  readonly job?: string;
}

/** Returns the jobs that have ended nodes of the run. */
async function jobsOf(engine: ReturnType<typeof memory>, runId: string): Promise<Set<string>> {
  return new Set((await entriesOf(engine, runId)).flatMap(({ job }) => job ?? []));
}

async function entriesOf(engine: ReturnType<typeof memory>, runId: string): Promise<Written[]> {
  const tail = await engine.checkpointStore.read(runId);
  return (tail?.entries ?? []).map(({ text }) => JSON.parse(text) as Written);
}

describe('nodes that become ready together', () => {
  it('share a job if the worker says so, and are executed side by side', async () => {
    const engine = memory();
    let active = 0;
    let most = 0;
    const flow = fan('side-by-side', async () => {
      most = Math.max(most, ++active);
      await new Promise(setImmediate);
      active--;
    });
    const { finish } = await fleetOf(flow, { engine, nodesPerJob: 16 });
    const { runId, status } = await finish();
    expect(status).toBe('completed');
    expect((await jobsOf(engine, runId)).size).toBe(1);
    expect(most).toBe(names.length);
  });

  it('fill as many jobs as are needed', async () => {
    const engine = memory();
    const { finish } = await fleetOf(
      fan('several-jobs', () => 1),
      { engine, nodesPerJob: 4 },
    );
    const { runId } = await finish();
    const jobs = new Map((await entriesOf(engine, runId)).map(({ node, job }) => [node, job]));
    expect(new Set(names.map((name) => jobs.get(name))).size).toBe(2);
  });

  it('never exceed the concurrency of their worker', async () => {
    let active = 0;
    let most = 0;
    const flow = fan('concurrency', async () => {
      most = Math.max(most, ++active);
      await new Promise(setImmediate);
      active--;
    });
    const { finish } = await fleetOf(flow, { nodesPerJob: 3, concurrency: 2 });
    const runs = await Promise.all([finish(), finish(), finish()]);
    expect(runs.map(({ status }) => status)).toEqual(['completed', 'completed', 'completed']);
    expect(most).toBe(2);
  });

  it('get jobs of their own if they have to wait behind a slow one', async () => {
    const engine = memory();
    const slow = deferred();
    const seen: string[] = [];
    const flow = fan('slow', async (nodeId) => {
      seen.push(nodeId);
      if (seen.length === 1) await slow.promise;
    });
    const { orchestrator, newWorker } = await fleetOf(flow, { engine, nodesPerJob: 16, concurrency: 1 });
    const runId = await orchestrator.startRun();
    await vi.waitFor(() => expect(seen).toHaveLength(1), 30_000);
    await newWorker();
    await vi.waitFor(() => expect(seen).toHaveLength(names.length), 30_000);
    slow.resolve();
    expect((await orchestrator.waitForCompletion(runId)).status).toBe('completed');
    expect([...seen].sort()).toEqual(names);
    const entries = await entriesOf(engine, runId);
    expect(entries.filter(({ type }) => type === 'split')).toHaveLength(1);
  });

  it('get jobs of their own if a worker has died with their job', async () => {
    const engine = memory();
    const consume = engine.queue.consume.bind(engine.queue);
    engine.queue.consume = (handler, options) => consume((delivery) => handler({ ...delivery, crashes: 1 }), options);
    const { finish } = await fleetOf(
      fan('died', () => 1),
      { engine, nodesPerJob: 3 },
    );
    const { runId, status } = await finish();
    expect(status).toBe('completed');
    const jobs = new Map((await entriesOf(engine, runId)).map(({ node, job }) => [node, job]));
    // The death of the first job is that of its source. The second job has carried three nodes.
    expect(new Set(names.map((name) => jobs.get(name))).size).toBe(1 + 3);
  });

  it('follow each other in the same job while it carries others', async () => {
    const engine = memory();
    const flow: AnyFlow = new Flow('chains');
    flow.node('source', () => 0);
    for (const name of ['a', 'b', 'c']) {
      flow.node(`${name}1`, () => 1).edge('source', `${name}1`);
      flow.node(`${name}2`, () => 2).edge(`${name}1`, `${name}2`);
    }
    const { finish } = await fleetOf(flow, { engine, nodesPerJob: 16 });
    const { runId, status } = await finish();
    expect(status).toBe('completed');
    expect((await jobsOf(engine, runId)).size).toBe(1);
  });
});

describe('the size of a job', () => {
  function planned() {
    const found = planOf(fan('sizes', () => 1).toBlueprint());
    return { plan: found, of: (id: string) => found.indexOf(id) };
  }

  /** The size after all nodes have taken so long, several times. */
  function sizeAfter(...durations: number[]): number {
    const { plan, of } = planned();
    const sharing = new Sharing('auto');
    for (const ms of durations) for (const name of names) sharing.record(plan, of(name), ms);
    return sharing.after(plan, of('source'));
  }

  it.each([
    [[0.01, 0.01], 16],
    [[1], 5],
    [[2, 2, 2], 2],
    [[50], 1],
    [[5_000], 1],
    [[], 1],
  ])('after nodes that have taken %s ms is %s', (durations, size) => {
    expect(sizeAfter(...durations)).toBe(size);
  });

  it('follows the durations in both directions', () => {
    expect(sizeAfter(...Array(20).fill(50), ...Array(20).fill(0.1))).toBe(16);
    expect(sizeAfter(...Array(20).fill(0.1), 50)).toBe(1);
    expect(sizeAfter(...Array(20).fill([0.2, 0.3, 3]).flat())).toBeGreaterThan(4);
  });

  it('is one if any of the nodes has never been executed', () => {
    const { plan, of } = planned();
    const sharing = new Sharing('auto');
    for (const name of names.slice(1)) sharing.record(plan, of(name), 0.1);
    expect(sharing.after(plan, of('source'))).toBe(1);
  });

  it('is known to all workers of the program', () => {
    const { plan, of } = planned();
    const one = new Sharing('auto');
    for (const name of names) one.record(plan, of(name), 0.1);
    expect(new Sharing('auto').after(plan, of('source'))).toBe(16);
  });

  it('may be forced', () => {
    const { plan, of } = planned();
    expect(new Sharing(7).after(plan, of('source'))).toBe(7);
  });
});
