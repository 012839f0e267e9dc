import {
  CheckpointError,
  type Context,
  type EdgeDefinition,
  Flow,
  type Graph,
  MemoryCheckpointStore,
  type NodeArgs,
  type NodeDefinition,
  type WorkflowResult,
} from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import fc from '../properties.js';
import { cases } from './random-graphs.js';
import { built } from './scripted-flow.js';

/** A flow whose parts are declared in the given order. */
function declared(version: string | undefined, parts: readonly ((flow: AnyFlow) => unknown)[]): AnyFlow {
  const flow: AnyFlow = new Flow('order', { version });
  for (const part of parts) part(flow);
  return flow;
}

type AnyFlow = Flow<Context, Awaited<ReturnType<Flow['run']>>, string>;

async function refusal(promise: Promise<unknown>): Promise<CheckpointError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CheckpointError);
  return error as CheckpointError;
}

describe('A run that was saved, of a flow whose parts were declared in another order since', () => {
  const seen = (calls: string[], id: string) => (input: unknown) => {
    calls.push(id);
    return `${id}(${String(input)})`;
  };

  const partsOf = (calls: string[]) => [
    (flow: AnyFlow) => flow.node('charge', seen(calls, 'charge')),
    (flow: AnyFlow) => flow.node('archive', seen(calls, 'archive')),
    (flow: AnyFlow) => flow.wait('approval'),
    (flow: AnyFlow) => flow.node('zero', seen(calls, 'zero')),
    (flow: AnyFlow) => flow.edge('zero', 'approval'),
    (flow: AnyFlow) => flow.edge('approval', 'archive', { condition: ({ yes }) => !yes }),
    (flow: AnyFlow) => flow.edge('approval', 'charge', { condition: ({ yes }) => yes, transform: () => 'transformed' }),
  ];

  it.each([undefined, '1'])('goes on with the nodes that are next, in version %s', async (version) => {
    const checkpoint = new MemoryCheckpointStore();
    const calls: string[] = [];
    const parts = partsOf(calls);
    await declared(version, parts).run({}, { runId: 'r', checkpoint, input: 'in' });
    const [charge, archive, wait, zero, ...edges] = parts as [never, never, never, never, ...never[]];
    const other = declared(version, [zero, wait, archive, charge, ...edges.toReversed()]);
    const result = await other.resume('r', { checkpoint, events: { approval: { yes: true } } });
    expect(result).toMatchObject({ status: 'completed', output: 'charge(transformed)', skipped: ['archive'] });
    expect(calls).toEqual(['zero', 'charge']);
  });

  it('continues in the same turn of its loop', async () => {
    const checkpoint = new MemoryCheckpointStore();
    const turn = (flow: AnyFlow) =>
      flow.node('turn', (_input: unknown, { context }: NodeArgs) => {
        context.turns = (context.turns ?? 0) + 1;
        return context.turns;
      });
    const pause = (flow: AnyFlow) => flow.wait('pause');
    const end = (flow: AnyFlow) => flow.node('end', (input: unknown) => input);
    const edges = [
      (flow: AnyFlow) => flow.edge('turn', 'pause'),
      (flow: AnyFlow) => flow.edge('pause', 'turn', { condition: (more) => more === true }),
      (flow: AnyFlow) => flow.edge('pause', 'end', { condition: (more) => more !== true }),
    ];
    const start = (flow: AnyFlow) => flow.node('start', () => 0).edge('start', 'turn');
    await declared('1', [turn, pause, end, ...edges, start]).run({}, { runId: 'r', checkpoint });
    const second = declared('1', [end, turn, pause, start, ...edges.toReversed()]);
    await second.resume('r', { checkpoint, events: { pause: true } });
    const third = declared('1', [pause, turn, end, ...edges, start]);
    const result = await third.resume('r', { checkpoint, events: { pause: 'enough' } });
    expect(result).toMatchObject({ status: 'completed', output: 'enough', context: { turns: 2 } });
  });

  it('has the same version if its author gives none, and another if a different node starts', async () => {
    const checkpoint = new MemoryCheckpointStore();
    const circle = (first: string, second: string) =>
      declared(undefined, [
        (flow) => flow.wait(first),
        (flow) => flow.wait(second),
        (flow) => flow.edge('a', 'b', { condition: () => true }),
        (flow) => flow.edge('b', 'a', { condition: () => false }),
      ]);
    await circle('a', 'b').run({}, { runId: 'r', checkpoint });
    const error = await refusal(circle('b', 'a').resume('r', { checkpoint }));
    expect(error.message).toContain('nodes changed: "a", "b"');
    expect(await circle('a', 'b').resume('r', { checkpoint, events: { a: 1 } })).toMatchObject({ status: 'awaiting' });
  });

  it('ends as without an interruption, wherever it was resumed', async () => {
    await fc.assert(
      fc.asyncProperty(
        cases({ cycles: true, fallbacks: true, failures: true }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
        async (one, after, keys) => {
          const whole = built(one, ['at once']);
          whole.log.beginRun(undefined);
          const expected = pictureOf(await whole.flow.run({}, { runId: 'r' }));
          const checkpoint = new MemoryCheckpointStore();
          const { flow, log, runtime } = built(one, ['a microtask']);
          const signal = log.beginRun({ after, lag: 'at once' });
          await flow.run({}, { runId: 'r', checkpoint, signal });
          log.beginRun(undefined);
          const resumed = await runtime.resume(mixed(flow.toBlueprint(), keys), 'r', { checkpoint });
          expect(pictureOf(resumed)).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });
});

function pictureOf({ status, completed, skipped, errors }: WorkflowResult) {
  const failed = errors.map(({ nodeId, recoveredBy }) => `${nodeId} ${recoveredBy}`);
  return { status, completed: completed.toSorted(), skipped: skipped.toSorted(), failed: failed.toSorted() };
}

/** The same graph in a different order of declaration, except for parts whose order matters. */
function mixed({ id, nodes, edges }: Graph, keys: readonly number[]): Graph {
  const fallbacks = new Set(nodes.map(({ config }) => config?.fallback));
  const isFree = (node: string) => !edges.some(({ source, target }) => target === node && source !== node);
  // If every node has a predecessor, the node that is declared first is the start.
  const [first, ...rest] = nodes;
  const isStart = nodes.every((node) => fallbacks.has(node.id) || !isFree(node.id));
  // If several edges connect the same nodes, the value of the last edge wins.
  const together = new Map<string, EdgeDefinition[]>();
  for (const edge of edges) {
    const ends = JSON.stringify([edge.source, edge.target]);
    together.set(ends, [...(together.get(ends) ?? []), edge]);
  }
  return {
    id,
    nodes: isStart ? [first as NodeDefinition, ...inOrderOf(keys, rest)] : inOrderOf(keys, nodes),
    edges: inOrderOf(keys, [...together.values()]).flat(),
  };
}

function inOrderOf<Value>(keys: readonly number[], values: readonly Value[]): Value[] {
  const keyed = values.map((value, at) => ({ value, key: keys[at % keys.length] as number }));
  return keyed.toSorted((one, other) => one.key - other.key).map(({ value }) => value);
}

describe('A run that was saved, of a flow whose graph has changed under its version', () => {
  type Part = (flow: AnyFlow) => unknown;
  const a = (flow: AnyFlow) => flow.wait('a');
  const b = (flow: AnyFlow) => flow.node('b', () => 'b');
  const c = (flow: AnyFlow) => flow.node('c', () => 'c');
  const ab = (flow: AnyFlow) => flow.edge('a', 'b');
  const bc = (flow: AnyFlow) => flow.edge('b', 'c');

  it.each<[string, Part[], Part[], string]>([
    ['a node more', [a, b, ab], [a, b, c, ab], 'node added: "c"'],
    ['a node less', [a, b, c, ab, bc], [a, b, ab], 'node removed: "c"; edge removed: "b" → "c"'],
    ['an edge more', [a, b, c, ab], [a, b, c, ab, bc], 'edge added: "b" → "c"'],
    [
      'an edge that leads elsewhere, as many as before',
      [a, b, c, ab, bc],
      [a, b, c, ab, (flow) => flow.edge('a', 'c')],
      'edge added: "a" → "c"; edge removed: "b" → "c"',
    ],
    [
      'another condition',
      [a, b, (flow) => flow.edge('a', 'b', { condition: 'output > 1' })],
      [a, b, (flow) => flow.edge('a', 'b', { condition: 'output > 2' })],
      'edge changed: "a" → "b"',
    ],
    ['another action', [a, b, (flow) => flow.edge('a', 'b', { action: 'ok' })], [a, b, ab], 'edge changed: "a" → "b"'],
    ['another transform', [a, b, ab], [a, b, (flow) => flow.edge('a', 'b', { transform: '1' })], 'edge changed'],
    ['another kind of node', [a, b, ab], [a, (flow) => flow.sleep('b', { duration: 1 }), ab], 'node changed: "b"'],
    ['another event', [a, b, ab], [(flow) => flow.wait('a', { event: 'x' }), b, ab], 'node changed: "a"'],
    [
      'another join',
      [a, b, ab],
      [a, (flow) => flow.node('b', () => 1, { joinStrategy: 'any' }), ab],
      'node changed: "b"',
    ],
    ['other inputs', [a, b, ab], [a, (flow) => flow.node('b', () => 1, { inputs: 'a' }), ab], 'node changed: "b"'],
    [
      'another fallback',
      [a, b, c, (flow) => flow.node('d', () => 1, { fallback: 'c' })],
      [a, b, c, (flow) => flow.node('d', () => 1)],
      'node changed: "d"',
    ],
  ])('is refused where it has %s, saying what differs', async (_, before, now, difference) => {
    const checkpoint = new MemoryCheckpointStore();
    await declared('1', before).run({}, { runId: 'r', checkpoint });
    const saved = await checkpoint.load('r');
    const error = await refusal(declared('1', now).resume('r', { checkpoint, events: { a: 1, x: 1 } }));
    expect(error.message).toContain('run "r" began with another graph of "order" under the same version 1 (');
    expect(error.message).toContain(difference);
    expect(error.message).toContain('give the changed flow another version');
    expect(await checkpoint.load('r')).toEqual(saved);
    expect(await declared('1', before).resume('r', { checkpoint, events: { a: 1 } })).toMatchObject({
      status: 'completed',
    });
  });

  it('names the first of many differences, and counts the others', async () => {
    const checkpoint = new MemoryCheckpointStore();
    const many = Array.from({ length: 500 }, (_, at) => (flow: AnyFlow) => flow.node(`n${at}`.repeat(100), () => 1));
    await declared('1', [a]).run({}, { runId: 'r', checkpoint });
    const { message } = await refusal(declared('1', [a, ...many]).resume('r', { checkpoint, events: { a: 1 } }));
    expect(message).toContain('and 497 more');
    expect(message.length).toBeLessThan(1_000);
  });

  it('continues with other policies, limits and parameters, and another function on an edge', async () => {
    const checkpoint = new MemoryCheckpointStore();
    const before = declared('1', [
      a,
      (flow) => flow.node('b', () => 'before', { timeout: 5, retry: 1, params: { url: 'x' } }),
      (flow) => flow.edge('a', 'b', { condition: () => false }),
    ]);
    await before.run({}, { runId: 'r', checkpoint });
    const now = declared('1', [
      a,
      (flow) => flow.node('b', () => 'now', { timeout: 5_000, maxVisits: 3, params: { url: 'y' }, policies: 'none' }),
      (flow) => flow.edge('a', 'b', { condition: () => true }),
    ]);
    expect(await now.resume('r', { checkpoint, events: { a: 1 } })).toMatchObject({ output: 'now' });
  });

  it('continues with other policies if its author gives no version, but not with other parameters', async () => {
    const checkpoint = new MemoryCheckpointStore();
    const make = (options: object) => declared(undefined, [a, (flow) => flow.node('b', () => 'b', options), ab]);
    await make({ timeout: 5, params: { one: 1, two: { x: 1, y: 2 } } }).run({}, { runId: 'r', checkpoint });
    const error = await refusal(make({ params: { one: 2 } }).resume('r', { checkpoint }));
    expect(error.message).toMatch(/is of version \S+ of "order", and this is version \S+: continue it/);
    const same = make({ retry: 3, params: { two: { y: 2, x: 1 }, one: 1 } });
    expect(await same.resume('r', { checkpoint, events: { a: 1 } })).toMatchObject({ output: 'b' });
  });

  it('is refused as a snapshot too', async () => {
    const { snapshot } = await declared('1', [a, b, ab]).run();
    const { message } = await refusal(declared('1', [a, b]).resume(snapshot, { events: { a: 1 } }));
    expect(message).toContain('edge removed: "a" → "b"');
  });
});
