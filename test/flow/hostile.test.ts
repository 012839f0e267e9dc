import { Orchestrator, ValidationError } from 'orchestrator';
import {
  BlueprintError,
  type Context,
  type EdgeOptions,
  type Fault,
  FileCheckpointStore,
  Flow,
  FlowRuntime,
  type Graph,
  GraphBuilder,
  GraphTraverser,
  MemoryCheckpointStore,
  type NodeOptions,
  type RunOptions,
  type SleepOptions,
  type WorkflowResult,
  withAction,
} from 'orchestrator/flow';
import { beforeEach, describe, expect, it } from 'vitest';
import { rejection } from '../support.js';

/** What is refused is refused within this time of the processor, in milliseconds, also on a slow machine. */
const soon = 20_000;

let calls = 0;
beforeEach(() => {
  calls = 0;
});

const work = (input: unknown) => {
  calls += 1;
  return input;
};

/** Also the functions of edges must not be called before all is checked. */
const registry = { work, other: work, holds: (input: unknown) => work(input) !== undefined };

/** The fault of a graph for everyone who takes one; it is the same for all of them, and nothing has run. */
async function faultsOf(graph: unknown, used: object = registry): Promise<readonly Fault[]> {
  const errors = [
    await rejection((async () => new GraphBuilder(used as typeof registry).build(graph as Graph))()),
    await rejection(new FlowRuntime({ registry: used as typeof registry }).run(graph as Graph)),
    await rejection(new FlowRuntime({ registry: used as typeof registry }).resume(graph as Graph, 'run-1')),
    await rejection((async () => new FlowRuntime({ registry: used as typeof registry }).validate(graph as Graph))()),
    await rejection((async () => new FlowRuntime({ registry: used as typeof registry }).prepare(graph as Graph))()),
  ];
  for (const error of errors) expect(error).toBeInstanceOf(BlueprintError);
  const [first] = errors as BlueprintError[];
  for (const { faults } of errors as BlueprintError[]) expect(faults).toEqual(first?.faults);
  expect(first).toMatchObject({ name: 'BlueprintError', code: 'ERR_BLUEPRINT' });
  expect(calls).toBe(0);
  return first?.faults ?? [];
}

/** Does a check that takes little of the processor. The clock on the wall would count what other programs take, too. */
async function timed<Result>(check: () => Promise<Result>): Promise<Result> {
  const began = process.cpuUsage();
  const result = await check();
  const { user, system } = process.cpuUsage(began);
  expect((user + system) / 1_000).toBeLessThan(soon);
  return result;
}

function valid() {
  return {
    id: 'order',
    version: 'v1',
    maxVisits: 10,
    nodes: [
      {
        id: 'a',
        uses: 'work',
        params: { level: 1 },
        inputs: { user: 'user', sum: '1 + 1' },
        config: { joinStrategy: 'all', fallback: 'f', retry: { retries: 1 }, timeout: { attempt: 10 }, maxVisits: 3 },
      },
      { id: 'b', uses: 'other' },
      { id: 'f', uses: 'work' },
    ],
    edges: [{ source: 'a', target: 'b', action: 'go', condition: 'holds', transform: 'output.x' }],
  };
}

/** A value for each kind of JSON. */
const kinds: Record<string, unknown> = {
  null: null,
  boolean: true,
  number: 7,
  fraction: 1.5,
  negative: -1,
  string: 'text',
  empty: '',
  array: [],
  list: ['a'],
  object: { some: { thing: [1] } },
};

/** A graph where one value is another. */
function withValue(path: string, value: unknown): unknown {
  const graph = valid();
  const keys = path.split('.');
  const last = keys.pop() as string;
  const holder = keys.reduce<Record<string, unknown>>(
    (part, key) => part[key] as Record<string, unknown>,
    graph as never,
  );
  holder[last] = value;
  return graph;
}

/** For each field: the node that it is about, and the kinds that it must not be. */
const fields: readonly [path: string, nodeId: string | undefined, wrong: string][] = [
  ['id', undefined, 'null boolean number fraction negative empty array list object'],
  ['version', undefined, 'null boolean number fraction negative empty array list object'],
  ['maxVisits', undefined, 'null boolean fraction negative string empty array list object'],
  ['nodes', undefined, 'null boolean number fraction negative string empty object'],
  ['edges', undefined, 'null boolean number fraction negative string empty object'],
  ['nodes.1', undefined, 'null boolean number fraction negative string empty array list'],
  ['nodes.1.id', undefined, 'null boolean number fraction negative empty array list object'],
  ['nodes.1.uses', 'b', 'null boolean number fraction negative empty array list object'],
  ['nodes.1.params', 'b', 'null boolean number fraction negative string empty array list'],
  ['nodes.1.inputs', 'b', 'null boolean number fraction negative empty array list object'],
  ['nodes.0.inputs.user', 'a', 'null boolean number fraction negative empty array list object'],
  ['nodes.1.config', 'b', 'null boolean number fraction negative string empty array list'],
  ['nodes.0.config.joinStrategy', 'a', 'null boolean number fraction negative string empty array list object'],
  ['nodes.0.config.fallback', 'a', 'null boolean number fraction negative empty array list object'],
  ['nodes.0.config.retry', 'a', 'boolean fraction negative string empty array list object'],
  ['nodes.0.config.retry.retries', 'a', 'null boolean fraction negative string empty array list object'],
  ['nodes.0.config.retry.minTimeout', 'a', 'null boolean negative string empty array list object'],
  ['nodes.0.config.retry.randomize', 'a', 'null number fraction negative string empty array list object'],
  ['nodes.0.config.retry.shouldRetry', 'a', 'null boolean number fraction negative string empty array list object'],
  ['nodes.0.config.timeout', 'a', 'boolean negative string empty array list object'],
  ['nodes.0.config.timeout.attempt', 'a', 'boolean negative string empty array list object'],
  ['nodes.0.config.maxVisits', 'a', 'null boolean fraction negative string empty array list object'],
  ['nodes.0.config.unknown', 'a', 'null boolean number string array object'],
  ['edges.0', undefined, 'null boolean number fraction negative string empty array list'],
  ['edges.0.source', undefined, 'null boolean number fraction negative empty array list object'],
  ['edges.0.target', undefined, 'null boolean number fraction negative empty array list object'],
  ['edges.0.action', undefined, 'null boolean number fraction negative empty array list object'],
  ['edges.0.condition', undefined, 'null boolean number fraction negative empty array list object'],
  ['edges.0.transform', undefined, 'null boolean number fraction negative empty array list object'],
];

const cases = fields.flatMap(([path, nodeId, wrong]) =>
  wrong.split(' ').map((kind) => ({ path, nodeId, kind, value: kinds[kind] })),
);

/** A path as faults write it: `nodes[0].config.retry`. */
function asField(path: string): string {
  return path.replace(/^(nodes|edges)\.(\d+)/, '$1[$2]');
}

describe('a graph', () => {
  it('that these tests begin with is right', async () => {
    expect(new GraphBuilder(registry).build(valid() as Graph).toBlueprint().id).toBe('order');
    expect(calls).toBe(0);
    const built = new GraphBuilder(registry).build({ ...valid(), nodes: valid().nodes, edges: valid().edges } as Graph);
    expect((await built.run({ user: 'Ada' })).status).toBe('completed');
  });

  it.each(Object.entries(kinds).filter(([kind]) => kind !== 'object'))('cannot be %s', async (_, graph) => {
    expect(await faultsOf(graph)).toEqual([{ message: expect.stringContaining('blueprint must be an object') }]);
  });

  it('is refused where a name is misspelt, which would be a setting that does not hold', async () => {
    const graph = {
      id: 'x',
      nodez: 1,
      nodes: [{ ...a, input: 'v' }, b],
      edges: [{ ...edge('a', 'b'), condtion: '1' }],
    };
    expect(await faultsOf(graph)).toMatchObject([
      { message: expect.stringContaining('nodez is unknown, expected id,') },
      { message: expect.stringContaining('nodes[0].input is unknown'), nodeId: 'a' },
      { message: expect.stringContaining('edges[0].condtion is unknown, expected source, target, action, condition') },
    ]);
  });

  it('uses flows where it says so', async () => {
    const graph = { id: 'x', nodes: [{ id: 's', uses: 'subflow', params: { flow: 'work' } }], edges: [] };
    expect(await faultsOf(graph)).toMatchObject([{ message: 'params.flow of "s": "work" is not a flow', nodeId: 's' }]);
  });

  it('cannot be an object of something else', async () => {
    const faults = await faultsOf({ some: 'thing' });
    const about = faults.map(({ message }) => message.split(' ')[0]);
    expect(about).toEqual(['some', 'id', 'nodes', 'edges']);
    for (const graph of [undefined, new Date(), new Map(), () => 1, Symbol('x'), 1n]) {
      expect(await faultsOf(graph)).toEqual([{ message: expect.stringContaining('blueprint must be an object') }]);
    }
  });

  it.each(cases)('is refused where $path is $kind', async ({ path, nodeId, value }) => {
    const faults = await faultsOf(withValue(path, value));
    expect(faults.length).toBeGreaterThan(0);
    const field = path.startsWith('nodes.0.inputs') ? 'nodes[0].inputs' : asField(path);
    const about = faults.find(({ message }) => message.startsWith(field));
    expect(about, `${faults.map(({ message }) => message)}`).toBeDefined();
    if (nodeId !== undefined) expect(about?.nodeId).toBe(nodeId);
    expect(about?.message).toMatch(/must be|is unknown|is the id of/);
  });

  it.each(['action', 'condition', 'transform'])('is refused where only the %s of an edge is null', async (field) => {
    const graph = { ...valid(), edges: [{ source: 'a', target: 'b', [field]: null }] };
    expect(await faultsOf(graph)).toMatchObject([{ message: expect.stringContaining(`edges[0].${field} must be`) }]);
  });

  it('is refused where a required field is left out', async () => {
    for (const path of ['id', 'nodes', 'edges', 'nodes.1.id', 'nodes.1.uses', 'edges.0.source', 'edges.0.target']) {
      const faults = await faultsOf(withValue(path, undefined));
      expect(faults.some(({ message }) => message.startsWith(asField(path)))).toBe(true);
    }
  });

  it('is refused where it has no nodes', async () => {
    expect(await faultsOf({ id: 'empty', nodes: [], edges: [] })).toEqual([{ message: 'nodes must not be empty' }]);
    expect(await rejection(new Flow('empty').run())).toMatchObject({
      name: 'BlueprintError',
      blueprintId: 'empty',
      faults: [{ message: 'nodes must not be empty' }],
    });
  });

  it('is refused where it has holes, or objects with a prototype of their own', async () => {
    const holes = { id: 'holes', nodes: new Array(3), edges: new Array(2) };
    const faults = await faultsOf(holes);
    expect(faults.map(({ message }) => message.split(' ')[0])).toEqual(
      expect.arrayContaining(['nodes[0]', 'nodes[1]', 'nodes[2]', 'edges[0]', 'edges[1]']),
    );
    const inherited = Object.create(Object.create({ id: 'a', uses: 'work' }));
    expect(await faultsOf({ id: 'g', nodes: [inherited], edges: [] })).toMatchObject([
      { message: expect.stringMatching(/^nodes\[0\] must be an object/) },
    ]);
  });
});

interface Case {
  readonly what: string;
  readonly nodes: readonly object[];
  readonly edges?: readonly object[];
  /** For each fault: the node, and a part of the message. */
  readonly faults: readonly (readonly [nodeId: string | undefined, message: string])[];
  readonly registry?: object;
}

const a = { id: 'a', uses: 'work' };
const b = { id: 'b', uses: 'work' };
const c = { id: 'c', uses: 'work' };
const edge = (source: string, target: string, more: object = {}) => ({ source, target, ...more });

const broken: readonly Case[] = [
  {
    what: 'the same id twice and thrice',
    nodes: [a, b, a, b, a],
    faults: [
      ['a', 'nodes[2].id "a" is also the id of another node'],
      ['b', 'nodes[3].id "b" is also the id of another node'],
      ['a', 'nodes[4].id "a" is also the id of another node'],
    ],
  },
  ...['__proto__', 'constructor', 'prototype'].flatMap((name): Case[] => [
    {
      what: `the id ${name}`,
      nodes: [a, { id: name, uses: 'work' }],
      faults: [[undefined, 'nodes[1].id must be a non-empty string, and none of __proto__, constructor, prototype']],
    },
    {
      what: `edges from and to ${name}`,
      nodes: [a],
      edges: [edge(name, 'a'), edge('a', name)],
      faults: [
        [name, `edges[0].source "${name}" is not a node`],
        [name, `edges[1].target "${name}" is not a node`],
      ],
    },
    { what: `uses of ${name}`, nodes: [{ id: 'a', uses: name }], faults: [['a', `"${name}" is not in the registry`]] },
    {
      what: `the fallback ${name}`,
      nodes: [{ ...a, config: { fallback: name } }],
      faults: [['a', `nodes[0].config.fallback "${name}" is not a node`]],
    },
  ]),
  {
    what: 'uses of what every object has',
    nodes: [{ id: 'a', uses: 'toString' }],
    faults: [['a', 'not in the registry']],
  },
  {
    what: 'edges from and to nowhere',
    nodes: [a, b],
    edges: [edge('a', 'nowhere'), edge('nobody', 'b'), edge('x', 'y')],
    faults: [
      ['nowhere', 'edges[0].target "nowhere" is not a node'],
      ['nobody', 'edges[1].source "nobody" is not a node'],
      ['x', 'edges[2].source "x" is not a node'],
      ['y', 'edges[2].target "y" is not a node'],
    ],
  },
  {
    what: 'names that the registry does not have',
    nodes: [a, { id: 'u', uses: 'unknown' }, { id: 'v', uses: 'missing' }],
    faults: [
      ['u', '"unknown" is not in the registry'],
      ['v', '"missing" is not in the registry'],
    ],
  },
  {
    what: 'names under which the registry has nothing that can be run',
    nodes: ['number', 'text', 'nothing', 'list'].map((uses) => ({ id: uses, uses })),
    registry: { number: 1, text: 'x', nothing: null, list: [] },
    faults: ['number', 'text', 'nothing', 'list'].map((id) => [id, `"${id}"`] as const),
  },
  {
    what: 'a fallback that is not a node',
    nodes: [{ ...a, config: { fallback: 'x' } }],
    faults: [['a', 'nodes[0].config.fallback "x" is not a node']],
  },
  {
    what: 'a fallback of itself',
    nodes: [{ ...a, config: { fallback: 'a' } }],
    faults: [['a', 'nodes[0].config.fallback of "a" must be another node']],
  },
  {
    what: 'fallbacks of each other',
    nodes: [
      { ...a, config: { fallback: 'b' } },
      { ...b, config: { fallback: 'a' } },
    ],
    faults: [
      ['a', 'cannot be reached'],
      ['b', 'cannot be reached'],
    ],
  },
  {
    what: 'fallbacks with edges that lead to them',
    nodes: [{ ...a, config: { fallback: 'b' } }, b, { ...c, config: { fallback: 'd' } }, { id: 'd', uses: 'work' }],
    edges: [edge('a', 'b'), edge('a', 'd'), edge('c', 'd')],
    faults: [
      ['b', '"b" is a fallback, so no edge may lead to it'],
      ['d', '"d" is a fallback, so no edge may lead to it'],
    ],
  },
  {
    what: 'a fallback of nodes inside and outside of a loop',
    nodes: [
      { ...a, config: { fallback: 'f' } },
      { ...b, config: { fallback: 'f' } },
      { id: 'f', uses: 'work' },
    ],
    edges: [edge('a', 'b'), edge('b', 'b', { action: 'again' })],
    faults: [['f', '"f" is the fallback of nodes in different loops']],
  },
  {
    what: 'a self-loop without exit',
    nodes: [a, b],
    edges: [edge('a', 'b'), edge('b', 'b')],
    faults: [['b', 'the cycle through "b" has no exit']],
  },
  {
    what: 'two cycles without exit',
    nodes: [a, b, c, { id: 'd', uses: 'work' }, { id: 'e', uses: 'work' }],
    edges: [edge('a', 'b'), edge('b', 'c'), edge('c', 'b'), edge('a', 'd'), edge('d', 'e'), edge('e', 'd')],
    faults: [
      [expect.stringMatching(/b|c/) as unknown as string, 'has no exit'],
      [expect.stringMatching(/d|e/) as unknown as string, 'has no exit'],
    ],
  },
  {
    what: 'nothing but a cycle without exit',
    nodes: [a, b],
    edges: [edge('a', 'b'), edge('b', 'a')],
    faults: [[expect.stringMatching(/a|b/) as unknown as string, 'has no exit']],
  },
  {
    what: 'a cycle that nothing leads to',
    nodes: [a, b, c],
    edges: [edge('b', 'c', { action: 'on' }), edge('c', 'b', { condition: 'true' })],
    faults: [
      ['b', '"b" cannot be reached'],
      ['c', '"c" cannot be reached'],
    ],
  },
  {
    what: 'built-in nodes with wrong parameters',
    nodes: [
      { id: 'w', uses: 'wait', params: { event: 7 } },
      { id: 's', uses: 'sleep' },
      { id: 't', uses: 'sleep', params: { duration: 1, until: 2 } },
      { id: 'u', uses: 'sleep', params: { duration: -1 } },
      { id: 'v', uses: 'sleep', params: { until: '2020-01-01' } },
      { id: 'x', uses: 'batch' },
      { id: 'y', uses: 'batch', params: { worker: 'unknown', concurrency: 0, failFast: 1, items: 7 } },
      { id: 'z', uses: 'subflow', params: { flow: 7 } },
      { id: 'q', uses: 'subflow', params: { flow: 'unknown' } },
    ],
    faults: [
      ['w', 'params.event of "w" must be a non-empty string'],
      ['s', 'params of "s" must have duration (milliseconds) or until (epoch milliseconds), and not both'],
      ['t', 'params of "t" must have duration'],
      ['u', 'params.duration of "u" must be'],
      ['v', 'params.until of "v" must be'],
      ['x', 'params.worker of "x": must be a name in the registry'],
      ['y', 'params.items of "y" must be'],
      ['y', 'params.concurrency of "y" must be'],
      ['y', 'params.failFast of "y" must be'],
      ['y', 'params.worker of "y": "unknown" is not in the registry'],
      ['z', 'params.flow of "z": must be a name in the registry'],
      ['q', 'params.flow of "q": "unknown" is not in the registry'],
    ],
  },
  {
    what: 'sub-flows with outputs of a wrong kind',
    nodes: [
      { id: 'a', uses: 'subflow', params: { flow: 'inner', outputs: 7 } },
      { id: 'b', uses: 'subflow', params: { flow: 'inner', outputs: { x: 7 } } },
      { id: 'c', uses: 'subflow', params: { flow: 'inner', outputs: '1 +' } },
    ],
    registry: { work, inner: { id: 'inner', nodes: [{ id: 'x', uses: 'work' }], edges: [] } },
    faults: [
      ['a', 'params.outputs'],
      ['b', 'params.outputs'],
      ['c', 'params.outputs'],
    ],
  },
  {
    what: 'a broken sub-flow',
    nodes: [a, { id: 's', uses: 'subflow', params: { flow: 'inner' } }],
    registry: {
      work,
      inner: {
        id: 'inner',
        nodes: [
          { id: 'x', uses: 'unknown' },
          { id: 'x', uses: 'work' },
        ],
        edges: [],
      },
    },
    faults: [
      ['s', 'in the flow "inner" of "s": nodes[1].id "x" is also the id of another node'],
      ['s', 'in the flow "inner" of "s": uses of "x": "unknown" is not in the registry'],
    ],
  },
  {
    what: 'expressions that are none',
    nodes: [
      a,
      { ...b, inputs: '1 +' },
      { ...c, inputs: { x: 'y z' } },
      { id: 'd', uses: 'batch', params: { worker: 'work', items: '(' } },
      { ...b, id: 'e' },
    ],
    edges: [edge('a', 'b', { condition: 'output >' }), edge('a', 'e', { transform: '{' })],
    faults: [
      ['b', 'inputs of "b"'],
      ['c', 'inputs of "c"'],
      ['d', 'params.items of "d"'],
      ['a', 'the condition of the edge from "a" to "b"'],
      ['a', 'the transform of the edge from "a" to "e"'],
    ],
  },
];

describe('a blueprint is refused, and nothing has run, for', () => {
  it.each(broken)('$what', async ({ nodes, edges = [], faults, registry: used = registry }) => {
    const found = await timed(() => faultsOf({ id: 'broken', nodes, edges }, used));
    expect(found.map(({ nodeId, message }) => ({ nodeId, message }))).toEqual(
      faults.map(([nodeId, message]) => ({ nodeId, message: expect.stringContaining(message) })),
    );
  });

  it('everything at once: each fault is listed', async () => {
    const graph = {
      id: 'everything',
      maxVisits: 'many',
      nodes: [
        a,
        a,
        { id: '__proto__', uses: 'work' },
        { id: 'typed', uses: 7, config: { retry: 'often', joinStrategy: 'some' } },
        { id: 'unknown', uses: 'unheard' },
        { id: 'fallen', uses: 'work', config: { fallback: 'nobody' } },
        { id: 'pointed', uses: 'work', inputs: '1 +' },
        { id: 'self', uses: 'work' },
        { id: 'island', uses: 'work' },
        { id: 'isle', uses: 'work' },
      ],
      edges: [
        edge('a', 'nowhere'),
        edge('a', 'unknown', { condition: 'output >' }),
        edge('a', 'self'),
        edge('self', 'self'),
        edge('island', 'isle', { action: 'x' }),
        edge('isle', 'island', { action: 'x' }),
      ],
    };
    const faults = await faultsOf(graph);
    const expected: [string | undefined, RegExp][] = [
      [undefined, /^maxVisits must be/],
      ['a', /^nodes\[1\].id "a" is also the id of another node/],
      [undefined, /^nodes\[2\].id must be/],
      ['typed', /^nodes\[3\].uses must be/],
      ['typed', /^nodes\[3\].config.retry must be/],
      ['typed', /^nodes\[3\].config.joinStrategy must be/],
      ['unknown', /"unheard" is not in the registry/],
      ['fallen', /"nobody" is not a node/],
      ['pointed', /inputs of "pointed"/],
      ['self', /the cycle through "self" has no exit/],
      ['island', /"island" cannot be reached/],
      ['isle', /"isle" cannot be reached/],
      ['nowhere', /^edges\[0\].target "nowhere" is not a node/],
      ['a', /the condition of the edge from "a" to "unknown"/],
    ];
    const missing = expected.filter(
      ([nodeId, pattern]) => !faults.some((fault) => fault.nodeId === nodeId && pattern.test(fault.message)),
    );
    expect(missing).toEqual([]);
  });

  it.each([
    ['a duplicate id and an unknown name', [a, a, { id: 'b', uses: 'unheard' }], [], ['a', 'b']],
    ['a wrong type and a duplicate id', [a, a, { id: 'b', uses: 7 }], [], ['a', 'b']],
    ['an edge to nowhere and a cycle without exit', [a, b], [edge('a', 'x'), edge('b', 'b')], ['x', 'b']],
    [
      'a cycle without exit and an unknown name',
      [a, { id: 'b', uses: 'x' }],
      [edge('a', 'b'), edge('b', 'b')],
      ['b', 'b'],
    ],
    [
      'a wrong type and an unknown name',
      [
        { id: 'a', uses: 'unheard' },
        { ...b, params: 7 },
      ],
      [],
      ['a', 'b'],
    ],
  ])('faults of several kinds: %s', async (_, nodes, edges, about) => {
    const faults = await faultsOf({ id: 'several', nodes, edges });
    expect(faults.map(({ nodeId }) => nodeId).toSorted()).toEqual(about.toSorted());
  });

  it('any number of faults, and the message stays short', async () => {
    const nodes = Array.from({ length: 20_000 }, (_, index) => ({ id: `n${index % 2}`, uses: 'unheard' }));
    const error = (await timed(() =>
      rejection(new FlowRuntime({ registry }).run({ id: 'many', nodes, edges: [] })),
    )) as BlueprintError;
    expect(error.faults.length).toBeGreaterThanOrEqual(19_998);
    expect(error.message).toContain('and 19');
    expect(error.message.length).toBeLessThan(5_000);
  });

  it('names of any length and with any characters, in messages that stay readable', async () => {
    const long = 'x'.repeat(1_000_000);
    const error = (await timed(() =>
      rejection(
        new FlowRuntime({ registry }).run({ id: long, nodes: [a, { id: 'b', uses: long }], edges: [edge('a', long)] }),
      ),
    )) as BlueprintError;
    expect(error).toBeInstanceOf(BlueprintError);
    expect(error.message.length).toBeLessThan(5_000);
    expect(
      await faultsOf({ id: 'lines\nand "quotes"', nodes: [{ id: '\n\0"', uses: '\u2028' }], edges: [] }),
    ).toMatchObject([{ nodeId: '\n\0"' }]);
  });
});

describe('a blueprint of any size', () => {
  const manyNodes = (count: number, more: (index: number) => object = () => ({})) =>
    Array.from({ length: count }, (_, index) => ({ id: `n${index}`, uses: 'work', ...more(index) }));

  it('is refused for a million nodes or ten million edges', async () => {
    const nodes = manyNodes(1_000_000);
    expect(await timed(() => faultsOf({ id: 'huge', nodes, edges: [] }))).toEqual([
      { message: expect.stringMatching(/^nodes must be at most \d+, got 1000000$/) },
    ]);
    const edges = new Array(10_000_000).fill(edge('a', 'a'));
    expect(await timed(() => faultsOf({ id: 'huge', nodes: [a], edges }))).toEqual([
      { message: expect.stringMatching(/^edges must be at most \d+, got 10000000$/) },
    ]);
  });

  it('is refused for a million nodes and edges that are all wrong', async () => {
    const wrong = new Array(1_000_000).fill(null);
    const runtime = new FlowRuntime({ registry });
    const error = await timed(() => rejection(runtime.run({ id: 'huge', nodes: wrong, edges: wrong })));
    expect(error).toBeInstanceOf(BlueprintError);
  });

  it('is checked as a whole, and quickly, for as many nodes as may be', async () => {
    const count = 200_000;
    const nodes = manyNodes(count);
    const chain = nodes.slice(1).map((_, index) => edge(`n${index}`, `n${index + 1}`));
    const endless = { id: 'endless', nodes, edges: [...chain, edge(`n${count - 1}`, 'n1')] };
    const faults = await timed(() => rejection(new FlowRuntime({ registry }).run(endless)));
    expect(faults).toMatchObject({ faults: [{ message: expect.stringContaining('has no exit') }] });
    expect(calls).toBe(0);
  });

  it('is built and checked quickly for as many nodes as may be', async () => {
    const nodes = manyNodes(200_000);
    const edges = nodes.slice(1).map((_, index) => edge(`n${index}`, `n${index + 1}`));
    const flow = await timed(async () => new GraphBuilder(registry).build({ id: 'chain', nodes, edges }));
    expect(flow.toBlueprint().predecessorCountMap.n199999).toBe(1);
    expect(flow.analyze().longestPath).toHaveLength(200_000);
  });

  it('is refused for loops that are nested too deep, quickly', async () => {
    const depth = 1_000;
    const nodes = manyNodes(2 * depth);
    const edges = nodes.slice(1).map((_, index) => edge(`n${index}`, `n${index + 1}`, { action: 'on' }));
    for (let index = 0; index < depth; index++) {
      edges.push(edge(`n${2 * depth - 1 - index}`, `n${index}`, { action: 'again' }));
    }
    expect(await timed(() => faultsOf({ id: 'nested', nodes, edges }))).toEqual([
      { message: expect.stringMatching(/nested deeper than \d+/) },
    ]);
  });

  it('is checked quickly where every node leads to every other', async () => {
    const nodes = manyNodes(400);
    const edges = nodes.flatMap(({ id: source }) => nodes.map(({ id: target }) => edge(source, target)));
    await timed(async () => {
      const check = () => new FlowRuntime({ registry }).validate({ id: 'complete', nodes, edges });
      expect(check).toThrow(BlueprintError);
    });
    const conditional = edges.map((one) => ({ ...one, condition: 'false' }));
    await timed(async () => {
      const outcome = await new FlowRuntime({ registry })
        .run({ id: 'complete', nodes, edges: conditional })
        .catch((e) => e);
      expect(outcome instanceof BlueprintError || outcome.status === 'completed').toBe(true);
    });
  });
});

/** An object in an object in an object. */
function deep(levels: number): object {
  let value: object = {};
  for (let level = 0; level < levels; level++) value = { inner: value };
  return value;
}

describe('what is nested', () => {
  it.each([1_000, 100_000])('%i deep in params is carried along, or refused before anything runs', async (levels) => {
    const graph = { id: 'deep', nodes: [{ ...a, params: { value: deep(levels) } }], edges: [] };
    const checkpoint = new MemoryCheckpointStore();
    const outcome = await timed(() =>
      new FlowRuntime({ registry }).run(graph, {}, { checkpoint }).catch((error: unknown) => error),
    );
    if (outcome instanceof BlueprintError) expect(calls).toBe(0);
    else expect(outcome).toMatchObject({ status: 'completed' });
  });

  it('a thousand deep in params does no harm', async () => {
    const graph = { id: 'deep', nodes: [{ ...a, params: { value: deep(1_000) } }], edges: [] };
    const result = await new FlowRuntime({ registry }).run(graph, {}, { checkpoint: new MemoryCheckpointStore() });
    expect(result.status).toBe('completed');
  });

  it('sub-flow in sub-flow a thousand deep is refused before anything runs', async () => {
    const depth = 1_000;
    const flows = Array.from({ length: depth }, (_, level): [string, Graph] => [
      `flow${level}`,
      {
        id: `flow${level}`,
        nodes: [
          { id: 'first', uses: 'work' },
          level === depth - 1
            ? { id: 'last', uses: 'work' }
            : { id: 'sub', uses: 'subflow', params: { flow: `flow${level + 1}` } },
        ],
        edges: [],
      },
    ]);
    const all = { ...registry, ...Object.fromEntries(flows) };
    const faults = await timed(() => faultsOf(flows[0]?.[1], all));
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.length).toBeLessThan(10);
    expect(faults[0]).toMatchObject({ nodeId: 'sub', message: expect.stringMatching(/nested/) });
  });

  it('flow in flow a thousand deep is refused before anything runs', async () => {
    let flow = new Flow('flow0').node('work', work);
    for (let level = 1; level < 1_000; level++) {
      flow = new Flow(`flow${level}`).node('first', work).node('sub', flow) as unknown as typeof flow;
    }
    const error = await timed(() => rejection(flow.run()));
    expect(error).toBeInstanceOf(BlueprintError);
    expect(calls).toBe(0);
  });

  it('a flow that is part of itself runs as deep as it has to', async () => {
    const count = ({ left }: { left: number }) => {
      calls += 1;
      return left > 0 ? withAction('deeper', { left: left - 1 }) : { left };
    };
    const graph: Graph = {
      id: 'recursive',
      nodes: [
        { id: 'count', uses: 'count' },
        { id: 'sub', uses: 'subflow', params: { flow: 'self' } },
      ],
      edges: [{ source: 'count', target: 'sub', action: 'deeper' }],
    };
    const runtime = new FlowRuntime({ registry: { count, self: graph } });
    const done = await runtime.run(graph, {}, { input: { left: 20 } });
    expect(done).toMatchObject({ status: 'completed', output: { left: 0 } });
    expect(calls).toBe(21);
    const endless = await timed(() => runtime.run(graph, {}, { input: { left: Infinity } }));
    expect(endless).toMatchObject({ status: 'failed' });
    expect(JSON.stringify(endless.errors[0]?.message)).toContain('nested');
  });
});

describe('an expression that tries to escape', () => {
  it.each([
    'process.exit(1)',
    'process.env.HOME == "x"',
    'globalThis.process.pid > 0',
    'global.process.pid > 0',
    'require("fs").readFileSync("/etc/passwd") == ""',
    'import("fs") != null',
    'eval("1") == 1',
    'Function("return process")() != null',
    'constructor.constructor("return process")()',
    'constructor != null',
    'this.constructor != null',
    '__proto__ != null',
    'toString != null',
    'output.constructor.constructor("return process")()',
    '[].constructor.constructor("return process")().exit()',
    '"".constructor.constructor("return 1")()',
    'output.toString() == ""',
    'output.__defineGetter__("x", 1)',
    '(() => process)()',
    'function() { return process }()',
    'while (true) {}',
    '`x`',
    'output = process',
    'new Date() > 0',
    'window.location == ""',
    'console.log("x")',
    'setTimeout("x", 1)',
  ])('is refused before anything runs: %s', async (condition) => {
    const graph = { id: 'escape', nodes: [a, b], edges: [edge('a', 'b', { condition })] };
    expect(await faultsOf(graph)).toEqual([
      { nodeId: 'a', message: expect.stringContaining('the condition of the edge from "a" to "b"') },
    ]);
  });

  it.each(['transform', 'inputs', 'items'])('is refused in %s as well', async (place) => {
    const text = 'globalThis.process.pid';
    const graphs = {
      transform: { nodes: [a, b], edges: [edge('a', 'b', { transform: `[${text}]` })] },
      inputs: { nodes: [{ ...a, inputs: `[${text}]` }], edges: [] },
      items: { nodes: [{ id: 'a', uses: 'batch', params: { worker: 'work', items: `[${text}]` } }], edges: [] },
    };
    const graph = { id: 'escape', ...graphs[place as keyof typeof graphs] };
    expect(await faultsOf(graph)).toMatchObject([{ nodeId: 'a' }]);
  });

  it.each([
    'output.constructor != null',
    'output["constructor"] != null',
    'output["con" + "structor"] != null',
    'output["__pro" + "to__"] != null',
    'output.prototype != null',
    'context["constructor"] != null',
    'output.list.constructor != null',
    'output.list.map(x, x.constructor)[0] != null',
    'output.act.constructor != null',
  ])('reaches nothing but data: %s', async (condition) => {
    const give = () => ({ list: [{}], act: () => 1 });
    const graph = {
      id: 'reach',
      nodes: [{ id: 'a', uses: 'give' }, b],
      edges: [edge('a', 'b', { condition })],
    };
    const outcome = await new FlowRuntime({ registry: { ...registry, give } }).run(graph).catch((error) => error);
    if (!(outcome instanceof BlueprintError)) {
      expect(outcome).toMatchObject({
        status: 'failed',
        errors: [{ nodeId: 'a', cause: { name: 'ExpressionError' } }],
      });
    }
    expect(calls).toBe(0);
  });
});

describe('an expression that would never end, or take too long', () => {
  const list = Array.from({ length: 100 }, (_, index) => index).join(', ');
  it.each([
    ['a regular expression', 'output.matches("^(a+)+$")'],
    ['a regular expression as a function', 'matches(output, "^(a+)+$")'],
    ['a regular expression in a macro', 'output.list.exists(x, x.matches("(a|a)*b"))'],
    ['macros in each other', 'output.list.all(x, output.list.all(y, x > y))'],
    [
      'macros in each other, over lists in the text',
      `[${list}].all(x, [${list}].all(y, [${list}].all(z, x + y + z > 0)))`,
    ],
    [
      'macros in each other, the outer one in brackets',
      '[output.list.map(x, [x].filter(y, y > output.list.map(z, z)[0]))]',
    ],
    ['more characters than may be', `output == "${'x'.repeat(10_000)}"`],
    ['a million characters', `output == ${'1 + '.repeat(250_000)}1`],
    ['a million brackets', `${'('.repeat(500_000)}1${')'.repeat(500_000)}`],
    ['brackets in brackets', `${'['.repeat(900)}1${']'.repeat(900)} == []`],
    ['one not after another', `${'!'.repeat(1_900)}output`],
    ['a path without an end', `output${'.a'.repeat(950)}`],
    ['choices in choices', `${'true ? '.repeat(150)}1${' : 0'.repeat(150)} == 1`],
    ['a list of very many', `output in [${'1,'.repeat(100_000)}1]`],
  ])('is refused before anything runs: %s', async (_, condition) => {
    const graph = { id: 'endless', nodes: [a, b], edges: [edge('a', 'b', { condition })] };
    const faults = await timed(() => faultsOf(graph));
    expect(faults).toMatchObject([{ nodeId: 'a' }]);
    expect(faults[0]?.message.length).toBeLessThan(1_000);
  });

  it('is refused on each of very many edges, quickly', async () => {
    const nodes = Array.from({ length: 5_000 }, (_, index) => ({ id: `n${index}`, uses: 'work' }));
    const edges = nodes
      .slice(1)
      .map(({ id }, index) => edge('n0', id, { condition: `${'('.repeat(900)}${index}${')'.repeat(900)} == 1` }));
    const error = await timed(() => rejection(new FlowRuntime({ registry }).run({ id: 'many', nodes, edges })));
    expect((error as BlueprintError).faults).toHaveLength(4_999);
  });

  it.each([
    ['output.list.all(x, x >= 0)', 100_000],
    ['output.list.filter(x, x % 2 == 0).size() > 1', 100_000],
    ['output.list.all(x, !(x + 100000 in output.list))', 40_000],
    ['output.list.all(x, output.list + [x] != [])', 20_000],
    ['output.list.all(x, !output.text.contains("ab"))', 40_000],
  ])('takes no longer than its data is long, or is refused: %s', async (condition, length) => {
    const give = () => ({ list: Array.from({ length }, (_, index) => index), text: 'a'.repeat(length) });
    const graph = { id: 'long', nodes: [{ id: 'a', uses: 'give' }, b], edges: [edge('a', 'b', { condition })] };
    const runtime = new FlowRuntime({ registry: { work, give } });
    const outcome = await timed(() => runtime.run(graph).catch((error: unknown) => error));
    if (outcome instanceof BlueprintError) return;
    const { status, errors } = outcome as WorkflowResult;
    if (status !== 'completed') expect(errors).toMatchObject([{ nodeId: 'a', cause: { name: 'ExpressionError' } }]);
  });
});

describe('a context', () => {
  it.each(['__proto__', 'constructor', 'prototype'])('with the key %s is refused', async (key) => {
    const context = JSON.parse(`{"user": "Ada", "${key}": {"admin": true}}`);
    const runtime = new FlowRuntime({ registry });
    const error = await rejection(runtime.run({ id: 'keys', nodes: [a], edges: [] }, context));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({ message: expect.stringContaining('context must be a plain object') });
    expect(calls).toBe(0);
    expect({}).not.toHaveProperty('admin');
  });

  it.each([null, true, 7, 'text', [], new Date(), new Map(), () => 1])('cannot be %s', async (context) => {
    const error = await rejection(new Flow('f').node('a', work).run(context as Context));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({ message: expect.stringMatching(/^context must be/) });
    expect(calls).toBe(0);
  });

  it('is not polluted by what nodes give and read', async () => {
    const evil = JSON.parse('{"__proto__": {"admin": true}, "constructor": {"prototype": {"admin": true}}}');
    const flow = new Flow('evil')
      .node('a', () => evil)
      .node('b', (input: unknown) => input, { inputs: { x: 'a.__proto__.admin', y: 'a.constructor', z: '__proto__' } })
      .edge('a', 'b');
    const result = await flow.run({}, { checkpoint: new MemoryCheckpointStore() });
    expect({}).not.toHaveProperty('admin');
    expect(Object.getPrototypeOf(result.context)).toBe(Object.prototype);
    expect(result.output?.z).toBeUndefined();
  });

  it('of a sub-flow is refused like any other', async () => {
    const evil = JSON.parse('{"__proto__": {"admin": true}}');
    const flow = new Flow('outer')
      .node('a', () => evil)
      .node('sub', new Flow('inner').node('work', work))
      .edge('a', 'sub');
    const result = await flow.run();
    expect(result).toMatchObject({ status: 'failed', errors: [{ nodeId: 'sub', cause: { name: 'ValidationError' } }] });
    expect(calls).toBe(0);
  });
});

const wrongOptions: readonly [field: string, wrong: readonly unknown[]][] = [
  ['runId', [null, '', 7, {}, true]],
  ['executor', [null, 7, 'x', {}, { run: 1 }]],
  ['orchestrator', [null, 7, {}, { run: 1 }]],
  ['signal', [null, 7, {}, new AbortController(), 'x']],
  ['timeout', [-1, NaN, '1', {}, 2 ** 31]],
  ['concurrency', [null, 0, -1, 1.5, NaN, '1', {}]],
  ['failFast', [null, 0, 'yes', {}]],
  ['maxVisits', [null, 0, -1, 1.5, NaN, '1', {}]],
  ['checkpoint', [null, 7, {}, { save: () => 1 }, new Map()]],
  ['params', [null, 7, [], 'x', new Map()]],
  ['logger', [null, 7, {}, { info: () => 1 }]],
  ['unheard', [1, null, 'x']],
];

const optionCases = wrongOptions.flatMap(([field, wrong]) => wrong.map((value) => ({ field, value })));

describe('options of a wrong kind', () => {
  const expectRefusal = (error: unknown, field: string) => {
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as Error).message).toMatch(new RegExp(`^${field.replaceAll('.', '\\.')}\\b.*(must be|is unknown)`));
    expect(calls).toBe(0);
  };

  it.each(optionCases)('of run: $field $value', async ({ field, value }) => {
    const options = { [field]: value } as RunOptions;
    const graph = { id: 'g', nodes: [a], edges: [] };
    expectRefusal(await rejection(new FlowRuntime({ registry }).run(graph, {}, options)), field);
    expectRefusal(await rejection((async () => new Flow('f').node('a', work).run({}, options))()), field);
    expectRefusal(await rejection((async () => new FlowRuntime({ registry }).prepare(graph, {}, options))()), field);
  });

  it('reject a run: they are not thrown before there is a promise', async () => {
    const flow = new Flow('f').node('a', work);
    for (const options of [null, 7, 'x', [], { executor: 7 }, { executor: null }, { timeout: 'x' }]) {
      const running = flow.run({}, options as RunOptions);
      expect(await rejection(running)).toBeInstanceOf(ValidationError);
    }
    expect(calls).toBe(0);
  });

  it.each([null, 7, 'x', [], true])('of run as a whole: %j', async (options) => {
    const runs = [
      async () => new Flow('f').node('a', work).run({}, options as RunOptions),
      async () => new FlowRuntime().run(new Flow('f').node('a', work), {}, options as RunOptions),
      async () => new Flow('f').node('a', work).resume('run', options as RunOptions),
    ];
    for (const run of runs) expectRefusal(await rejection(run()), 'options');
  });

  it.each([
    ...optionCases.filter(({ field }) => !['runId', 'executor'].includes(field)),
    { field: 'events', value: null },
    { field: 'events', value: 7 },
    { field: 'events', value: [] },
    { field: 'events', value: JSON.parse('{"__proto__": 1}') },
    { field: 'runId', value: 'other' },
    { field: 'input', value: 1 },
  ])('of resume: $field $value', async ({ field, value }) => {
    const flow = new Flow('f').wait('a').node('b', work).edge('a', 'b');
    const waiting = await flow.run();
    expectRefusal(await rejection((async () => flow.resume(waiting, { [field]: value }))()), field);
  });

  it('of resume: an event that nothing waits for', async () => {
    const flow = new Flow('f').wait('a', { event: 'approved' }).node('b', work).edge('a', 'b');
    const waiting = await flow.run();
    const error = await rejection(flow.resume(waiting, { events: { aproved: 1 } }));
    expect(error).toMatchObject({
      name: 'ValidationError',
      message: expect.stringContaining('events.aproved must be an event that a node waits for (approved)'),
    });
    expect(calls).toBe(0);
  });

  it.each([null, undefined, 7, {}, [], { snapshot: 7 }, { snapshot: 'x' }, ''])(
    'of resume: %j is no run',
    async (run) => {
      const flow = new Flow('f').wait('a');
      const error = await rejection((async () => flow.resume(run as string))());
      expect(error).toMatchObject({ name: expect.stringMatching(/^(ValidationError|CheckpointError)$/) });
    },
  );

  it.each([
    ...[null, 7, 'x', [], true].map((value) => ({ field: 'options', options: value })),
    ...[null, 7, [], new Map()].map((value) => ({ field: 'registry', options: { registry: value } })),
    ...[null, 7, {}, Orchestrator].map((value) => ({ field: 'orchestrator', options: { orchestrator: value } })),
    ...[null, 7, {}, () => 1].map((value) => ({ field: 'middleware', options: { middleware: value } })),
    { field: 'middleware.1', options: { middleware: [() => 1, 7] } },
    ...[null, 7, {}, { serialize: () => '' }].map((value) => ({ field: 'serializer', options: { serializer: value } })),
    ...[null, 7, {}, { parse: 1 }].map((value) => ({ field: 'evaluator', options: { evaluator: value } })),
    ...[null, 7, {}, { info: () => 1 }].map((value) => ({ field: 'logger', options: { logger: value } })),
    { field: 'unheard', options: { unheard: 1 } },
  ])('of a runtime: $field $options', async ({ field, options }) => {
    expectRefusal(await rejection((async () => new FlowRuntime(options as object))()), field);
  });

  it.each([
    ...[null, 7, 'x', []].map((value) => ({ field: 'options', options: value })),
    ...[null, 7, '', {}].map((value) => ({ field: 'version', options: { version: value } })),
    ...[null, 0, -1, 1.5, '1', {}].map((value) => ({ field: 'maxVisits', options: { maxVisits: value } })),
    ...[null, 7, [], 'x'].map((value) => ({ field: 'params', options: { params: value } })),
    { field: 'unheard', options: { unheard: 1 } },
  ])('of a flow: $field $options', async ({ field, options }) => {
    expectRefusal(await rejection((async () => new Flow('f', options as object))()), field);
  });

  it.each([null, 7, '', {}, [], true])('of a flow: the name %j', async (name) => {
    expectRefusal(await rejection((async () => new Flow(name as string))()), 'name');
  });

  it.each([undefined, null, 7, 'x', {}, [], true])('of a node: the implementation %j', async (implementation) => {
    const error = await rejection((async () => new Flow('f').node('a', implementation as typeof work))());
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({ message: expect.stringContaining('the implementation of "a" must be a function') });
    const batch = await rejection(
      (async () => new Flow('f').batch('a', implementation as typeof work).run({}, { input: [1] }))(),
    );
    expect(batch).toMatchObject({ name: expect.stringMatching(/^(ValidationError|BlueprintError)$/) });
  });

  it.each([
    ...[true, -1, 1.5, 'x', [], { retires: 3 }].map((value) => ({ field: 'retry', options: { retry: value } })),
    ...[true, -1, 'x', [], { atempt: 3 }].map((value) => ({ field: 'timeout', options: { timeout: value } })),
    ...[true, 7, 'x', {}].map((value) => ({ field: 'policy', options: { policy: value } })),
    ...[null, 7, 'some'].map((value) => ({ field: 'joinStrategy', options: { joinStrategy: value } })),
    ...[null, 7, {}].map((value) => ({ field: 'fallback', options: { fallback: value } })),
    ...[null, 0, '1', 1.5].map((value) => ({ field: 'maxVisits', options: { maxVisits: value } })),
    ...[null, 7, { x: 7 }].map((value) => ({ field: 'inputs', options: { inputs: value } })),
    ...[null, 7, []].map((value) => ({ field: 'params', options: { params: value } })),
    { field: 'outputs', options: { outputs: 'x' } },
    { field: 'unheard', options: { unheard: 1 } },
    { field: 'options', options: null },
    { field: 'options', options: 7 },
    { field: 'options', options: 'x' },
  ])('of a node: $field $options', async ({ field, options }) => {
    const error = await rejection((async () => new Flow('f').node('a', work, options as NodeOptions).run())());
    expect(error).toMatchObject({ name: expect.stringMatching(/^(ValidationError|BlueprintError)$/) });
    expect((error as Error).message).toContain(field);
    expect(calls).toBe(0);
  });

  it.each([
    ...[null, 7, ''].map((value) => ({
      field: 'event',
      make: () => new Flow('f').wait('a', { event: value as string }),
    })),
    ...[null, {}, { duration: -1 }, { until: 'x' }, { duration: 1, until: 2 }, { duration: NaN }].map((value) => ({
      field: '',
      make: () => new Flow('f').sleep('a', value as SleepOptions),
    })),
    ...[null, 0, 'x'].map((value) => ({
      field: 'concurrency',
      make: () => new Flow('f').batch('a', work, { concurrency: value as number }),
    })),
    ...[null, 7, ''].map((value) => ({
      field: 'items',
      make: () => new Flow('f').batch('a', work, { items: value as string }),
    })),
    { field: 'failFast', make: () => new Flow('f').batch('a', work, { failFast: 1 as never }) },
    { field: 'unheard', make: () => new Flow('f').batch('a', work, { unheard: 1 } as object) },
    { field: 'unheard', make: () => new Flow('f').wait('a', { unheard: 1 } as object) },
    { field: 'middleware', make: () => new Flow('f').node('a', work).use(7 as never) },
  ])('of a wait, a sleep, a batch, middleware: $field ($make)', async ({ field, make }) => {
    const error = await rejection((async () => make().run({}, { input: [1] }))());
    expect(error).toMatchObject({ name: expect.stringMatching(/^(ValidationError|BlueprintError)$/) });
    expect((error as Error).message).toContain(field);
    expect(calls).toBe(0);
  });

  it.each([
    ...[null, 7, ''].map((value) => ({ field: 'action', options: { action: value } })),
    ...[null, 7, '', {}].map((value) => ({ field: 'condition', options: { condition: value } })),
    ...[null, 7, '', {}].map((value) => ({ field: 'transform', options: { transform: value } })),
    { field: 'unheard', options: { unheard: 1 } },
    { field: '', options: null },
    { field: '', options: 7 },
  ])('of an edge: $field $options', async ({ field, options }) => {
    const make = async () =>
      new Flow('f')
        .node('a', work)
        .node('b', work)
        .edge('a', 'b', options as EdgeOptions)
        .run();
    const error = await rejection(make());
    expect(error).toMatchObject({ name: expect.stringMatching(/^(ValidationError|BlueprintError)$/) });
    expect((error as Error).message).toContain(field);
    expect(calls).toBe(0);
  });

  it.each(['', '__proto__', 'constructor', null, 7, undefined])('of a node: the id %j', async (id) => {
    const error = await rejection((async () => new Flow('f').node(id as string, work).run())());
    expect(error).toMatchObject({ name: expect.stringMatching(/^(ValidationError|BlueprintError)$/) });
    expect(calls).toBe(0);
  });

  it('of a node: an id that is taken', async () => {
    const flow = new Flow<Context, unknown, string>('f').node('a', work).node('a', work);
    expect(await rejection(flow.run())).toMatchObject({ faults: [{ nodeId: 'a' }] });
  });

  it.each([null, 7, '', {}, []])('of a file store: the directory %j', (directory) => {
    expect(() => new FileCheckpointStore(directory as string)).toThrow(ValidationError);
  });

  it.each([null, 7, 'x', []])('of a builder: the registry %j', async (wrong) => {
    const graph = { id: 'g', nodes: [a], edges: [] };
    expectRefusal(await rejection((async () => new GraphBuilder(wrong as never).build(graph))()), 'registry');
  });

  it('of a traverser: nodes that there are not', () => {
    const traverser = new GraphTraverser(new Flow('f').node('a', work).toBlueprint());
    for (const call of [
      () => traverser.setFrontier(['x']),
      () => traverser.setCompletedNodes(['x']),
      () => traverser.markNodeCompleted('x'),
      () => traverser.markNodeFailed('x'),
    ]) {
      expect(call).toThrow(/"x" is not a node of "f"/);
    }
    expect(() => new GraphTraverser({ id: 'x' } as never)).toThrow(BlueprintError);
  });
});
