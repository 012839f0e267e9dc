import { AsyncLocalStorage } from 'node:async_hooks';
import { instrument } from 'orchestrator';
import { memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { afterEach, describe, expect, it } from 'vitest';
import { fleetOf } from '../fleet.js';
import { eventually } from '../servers/eventually.js';

const traces = new AsyncLocalStorage<string | undefined>();
const removals: (() => void)[] = [];

afterEach(() => {
  for (const remove of removals.splice(0)) remove();
});

function traced() {
  const capture = () => {
    const trace = traces.getStore();
    return trace === undefined ? undefined : { trace };
  };
  const restore = <Result>({ trace }: Readonly<Record<string, string>>, work: () => Result) => traces.run(trace, work);
  removals.push(instrument({ capture, restore }));
}

describe('the tracing context of a run', () => {
  it('is stored in the first snapshot, and only if there is one', async () => {
    traced();
    const engine = memory();
    const orchestrator = new OrchestratorBuilder()
      .workflow(new Flow('f').node('a', () => 1))
      .engine(engine)
      .build();
    const snapshotOf = async (runId: string) =>
      JSON.parse((await engine.checkpointStore.read(runId))?.snapshot?.text as string);
    const withTrace = await traces.run('00-1-2-01', () => orchestrator.startRun());
    expect(await snapshotOf(withTrace)).toMatchObject({ carrier: { trace: '00-1-2-01' } });
    const without = await orchestrator.startRun();
    expect(await snapshotOf(without)).not.toHaveProperty('carrier');
    removals.pop()?.();
    const unwatched = await traces.run('00-1-2-01', () => orchestrator.startRun());
    expect(await snapshotOf(unwatched)).not.toHaveProperty('carrier');
  });

  it('survives the compaction of the journal and the end of the program that started the run', async () => {
    traced();
    const turns = 1_000;
    const seen = new Set<string | undefined>();
    const flow = new Flow('f', { maxVisits: 10_000 })
      .node('a', (n: number) => {
        seen.add(traces.getStore());
        return n + 1;
      })
      .node('b', (n: number) => n + 1)
      .node('start', () => 0)
      .edge('start', 'a')
      .edge('a', 'b')
      .edge('b', 'a', { condition: (n) => n < 2 * turns })
      .wait('go')
      .edge('b', 'go', { condition: (n) => n >= 2 * turns })
      .node('end', () => traces.getStore())
      .edge('go', 'end');
    const { engine, orchestrator, newWorker, worker } = await fleetOf(flow);
    const runId = await traces.run('the start', () => orchestrator.startRun());
    await eventually(async () => expect(await orchestrator.status(runId)).toBe('awaiting'));
    const tail = await engine.checkpointStore.read(runId);
    expect(tail?.snapshot?.seq).toBeGreaterThan(1_000);
    await worker.stop();
    await newWorker();
    await traces.run('the signal', () => orchestrator.signal(runId, 'go'));
    expect((await orchestrator.waitForCompletion(runId)).output).toBe('the start');
    expect([...seen]).toEqual(['the start']);
  });

  it('is not the context of the call that wakes the worker', async () => {
    traced();
    const flow = new Flow('f').node('a', () => traces.getStore());
    const { orchestrator, newWorker } = await fleetOf(flow, { workers: 0 });
    const runId = await orchestrator.startRun();
    await traces.run('the worker', () => newWorker());
    expect((await orchestrator.waitForCompletion(runId)).output).toBeUndefined();
  });
});
