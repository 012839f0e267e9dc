import {
  type Context,
  EventDrivenOrchestrator,
  Flow,
  FlowRuntime,
  MemoryCoordinationStore,
  type NodeArgs,
  UnknownActionError,
  WorkflowState,
  withAction,
} from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { settled } from '../support.js';

/** Handles the jobs of a queue in order. */
async function workedOff(flow: Flow, state: Parameters<EventDrivenOrchestrator['handleJob']>[2], first = ['a']) {
  const worker = new EventDrivenOrchestrator(
    new FlowRuntime({ registry: flow.registry }).services,
    new MemoryCoordinationStore(),
  );
  const queue = [...first];
  const jobs: string[] = [];
  for (let nodeId = queue.shift(); nodeId !== undefined; nodeId = queue.shift()) {
    jobs.push(nodeId);
    queue.push(...(await worker.handleJob(nodeId, flow.toBlueprint(), state, 'run')).nodesToEnqueue);
  }
  return jobs;
}

describe('a state with an asynchronous context', () => {
  /** A state whose context is in a database: each call of `getContext` returns a copy. */
  const remote = (initial: Context = {}) => {
    const kept: Context = initial;
    const errors = new Map<string, unknown>();
    const state = {
      getContext: async () => {
        await settled();
        return structuredClone(kept);
      },
      addCompletedNode: async (nodeId: string, output: unknown) => {
        await settled();
        kept[nodeId] = output;
      },
      addError: (nodeId: string, error: unknown) => errors.set(nodeId, error),
    };
    return { state, kept, errors };
  };

  it('gives nodes the outputs of their predecessors', async () => {
    const flow = new Flow('diamond')
      .node('a', (_, { context }) => context.start)
      .node('b', (n) => n + 1)
      .node('c', (n) => n * 10)
      .node('d', ({ b, c }) => b + c)
      .node('e', (n) => n, { inputs: 'context.c + context.d' })
      .edge('a', 'b')
      .edge('a', 'c')
      .edge('b', 'd')
      .edge('c', 'd', { condition: 'context.c == 50 && context.start == 5' })
      .edge('d', 'e');
    const { state, kept } = remote({ start: 5 });
    expect(await workedOff(flow, state)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(kept).toEqual({ start: 5, a: 5, b: 6, c: 50, d: 56, e: 106 });
  });

  it('gives nodes the context and the id of the run', async () => {
    const seen: unknown[] = [];
    const flow = new Flow('seen').node('a', (_, { context, runId, idempotencyKey }: NodeArgs) => {
      seen.push({ ...context }, runId, idempotencyKey);
    });
    await workedOff(flow, remote({ start: 5 }).state);
    expect(seen).toEqual([{ start: 5 }, 'run', 'run/a/1']);
  });

  it('gives the nodes after a fallback the output of the fallback', async () => {
    const flow = new Flow('saved')
      .node('a', () => 1)
      .node('risky', () => Promise.reject(new Error('down')), { fallback: 'safe' })
      .node('safe', (n) => n + 1)
      .node('end', (n) => n * 100)
      .edge('a', 'risky')
      .edge('risky', 'end');
    const { state, kept } = remote();
    expect(await workedOff(flow, state)).toEqual(['a', 'risky', 'safe', 'end']);
    expect(kept).toEqual({ a: 1, safe: 2, risky: 2, end: 200 });
  });

  it('rejects the job if it cannot be loaded, and fails no node', async () => {
    const { state, errors } = remote();
    const lost = { ...state, getContext: () => Promise.reject(new Error('no database')) };
    await expect(workedOff(new Flow('lost').node('a', () => 1) as Flow, lost)).rejects.toThrow('no database');
    expect(errors.size).toBe(0);
  });
});

describe('an event whose edges cannot be found', () => {
  it('fails a node with an action that none of its edges has', async () => {
    const flow = new Flow('nothing')
      .node('a', () => withAction(String('z'), 7))
      .node('x', () => 1)
      .edge('a', 'x', { action: 'x' });
    const state = new WorkflowState<Context>({}, { runId: 'run' });
    expect(await workedOff(flow, state)).toEqual(['a']);
    expect(state.getErrors()[0]?.cause).toBeInstanceOf(UnknownActionError);
    expect([...state.getCompletedNodes()]).toEqual([]);
    expect(state.getContext()).toEqual({});
  });

  it('restores the previous entry of the context', async () => {
    const flow = new Flow('kept')
      .node('a', () => 7)
      .node('x', () => 1)
      .edge('a', 'x', { condition: 'context.a' });
    const state = new WorkflowState<Context>({ a: 'before' }, { runId: 'run' });
    expect(await workedOff(flow, state)).toEqual(['a']);
    expect(state.getErrors()[0]?.message).toContain('must return a boolean');
    expect(state.getContext()).toEqual({ a: 'before' });
  });

  it('fails a node if its fallback has chosen an action that no edge has', async () => {
    const flow = new Flow('lost')
      .node('a', () => Promise.reject(new Error('down')), { fallback: 'f' })
      .node('f', () => withAction(String('z'), 8))
      .node('x', (input) => input)
      .edge('a', 'x', { action: 'x' });
    const state = new WorkflowState<Context>({}, { runId: 'run' });
    expect(await workedOff(flow, state)).toEqual(['a', 'f']);
    expect(state.errorOf('a')).toMatchObject({ cause: { action: 'z' }, recoveredBy: undefined });
    expect(state.getContext()).toEqual({ f: 8 });
  });
});
