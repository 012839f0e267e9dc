import {
  EngineError,
  memory,
  OrchestratorBuilder,
  RunNotFoundError,
  WorkflowNotFoundError,
} from 'orchestrator/distributed';
import { Flow, FlowRuntime } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import type { RunHandle } from '../../../src/distributed/run/run-handle.js';
import { RunHandles } from '../../../src/distributed/run/run-handles.js';
import { Workflows } from '../../../src/distributed/workflows/workflows.js';

const flow = new Flow('f').node('only', () => 1);
const workflowsOf = (...flows: Flow[]) => new Workflows(flows, new FlowRuntime());

function scene() {
  const engine = memory();
  const orchestrator = new OrchestratorBuilder().engine(engine).workflow(flow).build();
  const replaced: RunHandle[] = [];
  const listener = { onTrouble: () => {}, onReplaced: (handle: RunHandle) => void replaced.push(handle) };
  const handles = new RunHandles(engine, workflowsOf(flow), listener);
  /** Starts a run, under an id that may have been used before. */
  const begin = async () => {
    const { incarnation } = await orchestrator.start({}, 1, { runId: 'run' });
    return { runId: 'run', seq: 0, incarnation };
  };
  const remove = async () => {
    await orchestrator.cancel('run');
    await orchestrator.deleteRun('run');
  };
  return { engine, orchestrator, replaced, handles, begin, remove, listener };
}

it('one handle serves all jobs of a run, including those without an incarnation', async () => {
  const { handles, begin } = scene();
  const job = await begin();
  const [one, other] = await Promise.all([handles.acquire(job), handles.acquire(job)]);
  expect(other).toBe(one);
  expect(await handles.acquire({ ...job, incarnation: undefined })).toBe(one);
  expect(handles.used).toEqual([one]);
  for (let users = 3; users > 0; users--) handles.release(one);
  expect(handles.used).toEqual([]);
  // The run is kept for the next job.
  expect(await handles.acquire(job)).toBe(one);
});

it('a run is replaced, and reported as replaced, when another starts under its id', async () => {
  const { handles, begin, remove, replaced } = scene();
  const before = await handles.acquire(await begin());
  await remove();
  const job = await begin();
  const now = await handles.acquire(job);
  expect(now.incarnation).toBe(job.incarnation);
  expect(replaced).toEqual([before]);
  // Releasing the earlier handle does not affect the new one.
  handles.release(before);
  expect(handles.used).toEqual([now]);
});

it('a job of an earlier run of an id finds no run', async () => {
  const { handles, begin, remove } = scene();
  const before = await begin();
  await remove();
  const now = await begin();
  await expect(handles.acquire(before)).rejects.toThrow(RunNotFoundError);
  const handle = await handles.acquire(now);
  await expect(handles.acquire(before)).rejects.toThrow(RunNotFoundError);
  expect(handles.used).toEqual([handle]);
});

it('a run that was removed is no longer known, whether or not it is being executed', async () => {
  const { handles, begin, remove, replaced, orchestrator } = scene();
  const job = await begin();
  const used = await handles.acquire(job);
  await remove();
  await expect(handles.acquire({ ...job, seq: 5 })).rejects.toThrow(RunNotFoundError);
  expect(replaced).toEqual([used]);
  const again = await begin();
  handles.release(await handles.acquire(again));
  await remove();
  await expect(handles.acquire({ ...again, seq: 5 })).rejects.toThrow(RunNotFoundError);
  expect(replaced).toEqual([used]);
  await orchestrator.close();
});

it('a failing engine is no reason to forget a run', async () => {
  const { handles, begin, engine, replaced } = scene();
  const job = await begin();
  const handle = await handles.acquire(job);
  const read = engine.checkpointStore.read.bind(engine.checkpointStore);
  engine.checkpointStore.read = () => Promise.reject(new EngineError('memory', 'is away'));
  await expect(handles.acquire({ ...job, seq: 5 })).rejects.toThrow('is away');
  engine.checkpointStore.read = read;
  expect(replaced).toEqual([]);
  expect(await handles.acquire(job)).toBe(handle);
});

it('a run whose workflow is not known here cannot be opened, and can be once it is known', async () => {
  const { begin, engine, listener, handles } = scene();
  const job = await begin();
  const others = new RunHandles(engine, workflowsOf(new Flow('other').node('only', () => 1)), listener);
  await expect(others.acquire(job)).rejects.toThrow(WorkflowNotFoundError);
  expect((await handles.acquire(job)).runId).toBe('run');
});
