import {
  BlueprintError,
  type Context,
  EventDrivenOrchestrator,
  Flow,
  FlowRuntime,
  MemoryCheckpointStore,
  MemoryCoordinationStore,
  type NodeArgs,
  toMermaid,
  type WorkflowBlueprint,
  type WorkflowResult,
  WorkflowState,
} from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { fleetOf } from '../distributed/fleet.js';

const strange = [
  'monday.com',
  'f6f2187d.f17ca8',
  'HTTP Request',
  'größe',
  '数据.表',
  '👩‍🚀',
  ' ',
  '\u200b',
  '.',
  '..',
  'a.',
  '.a',
  'a/1/x',
  'a:b',
  '%2F',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'wait',
  'sleep',
  'wait()',
  'subflow',
  'condition of edge 1',
  'transform of edge 1',
  'context',
  'params',
  'output',
  "it's",
  '"quoted"',
  'a"]; b --> c',
  'line\nbreak',
  'end',
  '__proto',
  'null',
  '0',
  '-1',
  'x == 1',
];
type Dynamic = Flow<Context, WorkflowResult<Context>, string>;
const dynamic = (): Dynamic => new Flow('strange');

describe.each(strange)('a node called %j', (id) => {
  const flow = () =>
    dynamic()
      .node(id, () => ({ email: 'a@example.org', list: [{ n: 1 }] }))
      .node('whole', (input) => input, { inputs: id })
      .node('part', (input) => input, { inputs: `${id}.email` })
      .node('parts', (input) => input, { inputs: { n: `${id}.list.0.n`, none: `${id}.nothing.there` } })
      .edge(id, 'whole')
      .edge(id, 'part', { condition: (output) => output.email !== '' })
      .edge(id, 'parts');
  const expected = {
    [id]: { email: 'a@example.org', list: [{ n: 1 }] },
    whole: { email: 'a@example.org', list: [{ n: 1 }] },
    part: 'a@example.org',
    parts: { n: 1, none: undefined },
  };

  it('is mapped by its id, in process and on a fleet, saved and as data', async () => {
    const { status, context } = await flow().run();
    expect({ status, context }).toEqual({ status: 'completed', context: expected });
    const saved = await flow().run({}, { checkpoint: new MemoryCheckpointStore() });
    expect(saved.context).toEqual(expected);
    const built = flow();
    const data = JSON.parse(JSON.stringify(built.toBlueprint())) as WorkflowBlueprint;
    const again = await new FlowRuntime({ registry: built.registry }).run(data);
    expect(again.context).toEqual(expected);
    const fleet = await fleetOf(flow() as never);
    const { runId, status: remote } = await fleet.finish();
    expect(remote).toBe('completed');
    expect(await fleet.orchestrator.context(runId)).toEqual(expected);
  });

  it('without an output gives none', async () => {
    const { output } = await dynamic()
      .node(id, () => undefined)
      .node('after', (input) => ({ input }))
      .edge(id, 'after')
      .run();
    expect(output).toEqual({ input: undefined });
  });

  it('joins by events', async () => {
    const built = dynamic()
      .node('start', () => 1)
      .node(id, () => 2)
      .node('join', (input) => Object.keys(input).toSorted())
      .edge('start', id)
      .edge('start', 'join')
      .edge(id, 'join');
    const { services } = new FlowRuntime({ registry: built.registry });
    const worker = new EventDrivenOrchestrator(services, new MemoryCoordinationStore());
    const state = new WorkflowState<Context>({}, { runId: 'run' });
    const queue = ['start'];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      queue.push(...(await worker.handleJob(next, built.toBlueprint(), state, 'run')).nodesToEnqueue);
    }
    expect(state.getContext().join).toEqual(['start', id].toSorted());
  });

  it('is drawn', () => {
    const drawing = toMermaid(flow().toBlueprint());
    // One line for each node and edge, whatever the names contain.
    expect(drawing.trimEnd().split('\n')).toHaveLength(1 + 4 + 3);
  });
});

describe('a path', () => {
  it('begins with the longest id that it can begin with', async () => {
    const { context } = await dynamic()
      .node('a', () => ({ b: { c: 'short' }, d: 'own' }))
      .node('a.b', () => ({ c: 'long' }))
      .node('long', (input) => input, { inputs: 'a.b.c' })
      .node('short', (input) => input, { inputs: 'a.d' })
      .edge('a', 'a.b')
      .edge('a.b', 'long')
      .edge('a.b', 'short')
      .run();
    expect(context).toMatchObject({ long: 'long', short: 'own' });
  });

  it('begins with a key of the context if no node has this id', async () => {
    const { context } = await dynamic()
      .node('a', (input) => input, { inputs: { site: 'monday.com.email', plain: 'cart.total', exact: 'x.y' } })
      .run({ 'monday.com': { email: 'e' }, cart: { total: 5 }, 'x.y': 'exact', x: { y: 'path' } });
    expect(context.a).toEqual({ site: 'e', plain: 5, exact: 'exact' });
  });

  it('into a sub-flow knows the nodes of the sub-flow', async () => {
    const inner = dynamic().node('monday.com', () => ({ email: 'e' }));
    const { output } = await dynamic()
      .node('sub', inner as never, { outputs: { mail: 'monday.com.email' } })
      .run();
    expect(output).toEqual({ mail: 'e' });
  });

  it('of the items of a batch does too', async () => {
    const { output } = await dynamic()
      .node('monday.com', () => ({ list: [1, 2] }))
      .batch('each', (n: number) => n * 2, { items: 'monday.com.list' })
      .edge('monday.com', 'each')
      .run();
    expect(output).toEqual([2, 4]);
  });

  it('is not a path if it cannot be one', () => {
    const flow = dynamic()
      .node('HTTP Request', () => 1)
      .node('b', (input) => input, { inputs: 'HTTP Request.body[0]' })
      .edge('HTTP Request', 'b');
    expect(() => new FlowRuntime().validate(flow)).toThrow(BlueprintError);
  });
});

describe('an idempotency key', () => {
  /** The keys of all executions, in process and on a fleet. */
  async function keysOf(build: (note: (input: unknown, args: NodeArgs) => void) => Flow, runId = 'run') {
    const here: string[] = [];
    await build((_, { idempotencyKey }) => void here.push(idempotencyKey)).run({}, { runId });
    const there: string[] = [];
    const fleet = await fleetOf(build((_, { idempotencyKey }) => void there.push(idempotencyKey)));
    const { status, incarnation } = await fleet.finish({}, undefined, { runId });
    expect(status).toBe('completed');
    // On a fleet, the id of a run may be reused, so the keys also contain the incarnation of the run.
    const mark = `~${incarnation}/`;
    expect(there.every((key) => key.includes(mark))).toBe(true);
    expect(there.map((key) => key.replace(mark, '/')).toSorted()).toEqual(here.toSorted());
    return here.toSorted();
  }

  it("of a node differs from that of a batch item, whatever the node's id", async () => {
    const keys = await keysOf(
      (note) =>
        dynamic()
          .node('list', () => [0, 1])
          .batch('n', note)
          .node('n/1', note)
          .edge('list', 'n') as unknown as Flow,
    );
    expect(keys).toEqual(['run/n%2F1/1', 'run/n/1/0', 'run/n/1/1']);
  });

  it("of a node differs from that of a node in a sub-flow, whatever the node's id", async () => {
    const keys = await keysOf(
      (note) =>
        dynamic()
          .node('a', dynamic().node('x', note) as never)
          .node('a/1/x', note) as unknown as Flow,
    );
    expect(keys).toEqual(['run/a%2F1%2Fx/1', 'run/a/1/x/1']);
  });

  it('differs in each sub-flow of a batch, and in each run', async () => {
    const build = (note: (input: unknown, args: NodeArgs) => void) =>
      dynamic()
        .node('list', () => [0, 1])
        .batch('n', dynamic().node('x%', note) as never)
        .edge('list', 'n') as unknown as Flow;
    expect(await keysOf(build)).toEqual(['run/n/0/1/x%25/1', 'run/n/1/1/x%25/1']);
    expect(await keysOf(build, 'run/n')).toEqual(['run%2Fn/n/0/1/x%25/1', 'run%2Fn/n/1/1/x%25/1']);
  });
});

describe('a transform', () => {
  it('for a node that has inputs of its own is a fault', () => {
    const flow = new Flow('ignored')
      .node('a', () => 1)
      .node('b', () => 2, { inputs: 'a' })
      .wait('w')
      .edge('a', 'b', { transform: 'output + 1' })
      .edge('a', 'w', { transform: 'output + 1' });
    expect(() => new FlowRuntime().validate(flow)).toThrow(
      expect.objectContaining({
        faults: [
          { nodeId: 'b', message: 'edges[0].transform must be left out: "b" has inputs of its own' },
          {
            nodeId: 'w',
            message: 'edges[1].transform must be left out: "w" is a wait without a timeout, which ignores its input',
          },
        ],
      }),
    );
  });

  it('of an edge to an unknown node is not a fault of another node', () => {
    const flow = dynamic()
      .node('a', () => 1, { inputs: 'context.x' })
      .node('b', () => 1)
      .edge('a', 'nowhere', { transform: 'output + 1' });
    expect(() => new FlowRuntime().validate(flow)).toThrow(/has 1 fault:\n- edges\[0\].target "nowhere" is not a node/);
  });
});
