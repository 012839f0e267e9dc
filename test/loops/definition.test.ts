import { Orchestrator, ValidationError } from 'orchestrator';
import {
  BaseNode,
  BlockingNode,
  done,
  idle,
  Loop,
  type LoopDefinition,
  LoopDefinitionError,
  LoopManager,
  type LoopOptions,
  type NodeData,
  type NodeSettings,
  NonBlockingNode,
  ProducerNode,
  planOf,
  type QueueDefinition,
  QueueNode,
  QueueReader,
  WorkflowOrchestrator,
} from 'orchestrator/loops';
import { describe, expect, it } from 'vitest';
import { readCrashPolicy, readQueue } from '../../src/loops/options.js';
import { checkWorkflow, isBehind } from '../../src/loops/workflow.js';
import { counting, lived, plan, World } from './one-loop.js';

class Ticking extends ProducerNode<number> {
  run() {
    return 1;
  }
}
class Doubled extends BlockingNode<number, number> {
  run({ value }: NodeData<number>) {
    return value * 2;
  }
}
class Noted extends NonBlockingNode<number> {
  run() {}
}
class Plain extends BaseNode {
  run() {}
}
const same = (value: unknown) => value;

/** The faults of a definition, each as `message @ node`. */
function faultsOf(given: Partial<LoopDefinition>, registry = { same, Ticking, Doubled, Noted, Plain, QueueReader }) {
  const definition = { id: 'l', nodes: [], ...given };
  return faultsIn(() => planOf({ definition, implementations: new Map(), registry }));
}

function faultsIn(work: () => unknown) {
  try {
    work();
  } catch (error) {
    if (!(error instanceof LoopDefinitionError)) throw error;
    expect(error.code).toBe('ERR_LOOP_DEFINITION');
    expect(error.message).toBe(error.faults.map(({ message }) => message).join('; '));
    return error.faults;
  }
  return [];
}

const producer = { id: 'p', kind: 'producer', uses: 'same' } as const;
const blocking = (id: string) => ({ id, kind: 'blocking', uses: 'same' }) as const;

describe('the faults of a loop', () => {
  it('needs a producer', () => {
    expect(faultsOf({ nodes: [blocking('a')] })).toEqual([
      { message: 'loop "l": it has no producer', loopId: 'l', nodeId: undefined },
    ]);
    expect(faultsOf({})).toMatchObject([{ message: 'loop "l": it has no producer' }]);
  });

  it('may have only one producer', () => {
    expect(faultsOf({ nodes: [producer, { id: 'r', kind: 'reader', options: { queue: 'q' } }] })).toEqual([
      { message: 'loop "l": it has 2 producers (p, r), expected one', loopId: 'l', nodeId: undefined },
    ]);
  });

  it('names the nodes of a cycle', () => {
    const edges = [
      { source: 'p', target: 'a' },
      { source: 'a', target: 'b' },
      { source: 'b', target: 'a' },
    ];
    expect(faultsOf({ nodes: [producer, blocking('a'), blocking('b')], edges })).toEqual([
      { message: 'loop "l": the edges form a cycle: a → b → a', loopId: 'l', nodeId: 'a' },
    ]);
  });

  it('accepts a node that several paths lead to', () => {
    const edges = ['a', 'b'].flatMap((id) => [
      { source: 'p', target: id },
      { source: id, target: 'c' },
    ]);
    expect(faultsOf({ nodes: [producer, blocking('a'), blocking('b'), blocking('c')], edges })).toEqual([]);
  });

  it('lists every fault with its node', () => {
    const faults = faultsOf({
      nodes: [
        producer,
        { id: 'a', kind: 'blocking', uses: 'missing' },
        { id: 'b', kind: 'blocking' },
        { id: 'c', uses: 'same' },
        { id: 'd', kind: 'blocking', uses: 'Noted' },
        { id: 'e', kind: 'queue' },
        { id: 'f', kind: 'blocking', uses: 'same', maxInFlight: 2 },
        { id: 'g', kind: 'blocking', uses: 'same', whenFull: 'drop' },
        { id: 'h', uses: 'Plain' },
        { id: 'a', kind: 'blocking', uses: 'same' },
      ],
    });
    expect(faults).toEqual([
      { message: 'loop "l": node "a" uses "missing", which is not registered', loopId: 'l', nodeId: 'a' },
      { message: 'loop "l": node "b" has no implementation (uses)', loopId: 'l', nodeId: 'b' },
      { message: 'loop "l": node "c" needs a kind', loopId: 'l', nodeId: 'c' },
      { message: 'loop "l": node "d" is defined as blocking, but its class is non-blocking', loopId: 'l', nodeId: 'd' },
      { message: 'loop "l": node "e" needs the name of a queue (options.queue)', loopId: 'l', nodeId: 'e' },
      {
        message: 'loop "l": node "f" is blocking: maxInFlight and overflow are for non-blocking nodes',
        loopId: 'l',
        nodeId: 'f',
      },
      {
        message: 'loop "l": node "g" is blocking: maxInFlight and overflow are for non-blocking nodes',
        loopId: 'l',
        nodeId: 'g',
      },
      { message: 'loop "l": node "h" needs a kind', loopId: 'l', nodeId: 'h' },
      { message: 'loop "l": there are two nodes "a"', loopId: 'l', nodeId: 'a' },
    ]);
  });

  it('looks up names only in the registry, not among inherited properties', () => {
    expect(faultsOf({ nodes: [{ id: 'p', kind: 'producer', uses: 'toString' }] })).toMatchObject([{ nodeId: 'p' }]);
    const source = { definition: { id: 'l', nodes: [producer] }, implementations: new Map() };
    expect(faultsIn(() => planOf(source))).toMatchObject([
      { message: 'loop "l": node "p" uses "same", which is not registered' },
    ]);
  });

  it('refuses an implementation that is not a function', () => {
    expect(faultsOf({ nodes: [producer] }, { same: 5 } as never)).toEqual([
      { message: 'loop "l": node "p" uses "same", which is neither a function nor a class', loopId: 'l', nodeId: 'p' },
    ]);
  });

  it('refuses a batch that is not a number of messages', () => {
    const reader = (batch: unknown) => ({ id: 'r', kind: 'reader', options: { queue: 'q', batch } }) as const;
    for (const batch of [0, 1.5, '2', null]) {
      expect(faultsOf({ nodes: [reader(batch)] })).toEqual([
        { message: 'loop "l": node "r": options.batch must be a whole number of at least 1', loopId: 'l', nodeId: 'r' },
      ]);
    }
    expect(faultsOf({ nodes: [reader(2)] })).toEqual([]);
  });

  it('checks the ends of edges', () => {
    const edges = [
      { source: 'p', target: 'a' },
      { source: 'p', target: 'a' },
      { source: 'x', target: 'a' },
      { source: 'a', target: 'y' },
      { source: 'a', target: 'p' },
    ];
    expect(
      faultsOf({ nodes: [producer, blocking('a'), blocking('b')], edges }).map(({ message, nodeId }) => [
        nodeId,
        message,
      ]),
    ).toEqual([
      ['p', 'loop "l": there are two edges from "p" to "a"'],
      ['x', 'loop "l": an edge leads from "x", which is not a node'],
      ['y', 'loop "l": an edge leads to "y", which is not a node'],
      ['p', 'loop "l": an edge leads to "p", which is the producer'],
      ['p', 'loop "l": the edges form a cycle: p → a → p'],
      ['b', 'loop "l": nothing leads to node "b"'],
    ]);
  });

  it('accepts edges with their former names `from` and `to`', () => {
    const edges = [
      { from: 'p', to: 'b' },
      { source: 'b', target: 'a' },
    ];
    expect(faultsOf({ nodes: [producer, blocking('a'), blocking('b')], edges })).toEqual([]);
    expect(faultsOf({ nodes: [producer, blocking('a')], edges: [{ from: 'x', to: 'a' }] })).toMatchObject([
      { message: 'loop "l": an edge leads from "x", which is not a node' },
      { message: 'loop "l": nothing leads to node "a"' },
    ]);
  });
});

describe('bad options', () => {
  const nodes = [producer];
  const cases: [Partial<LoopDefinition> | object, string][] = [
    [{ id: '' }, 'id must be a non-empty string'],
    [{ id: undefined }, 'id must be a non-empty string, got undefined'],
    [{ nodes: undefined }, 'nodes must be an array, got undefined'],
    [{ nodes: {} }, 'nodes must be an array, got Object'],
    [{ nodes: [5] }, 'nodes[0] must be an object, got 5'],
    [{ nodes: [{ kind: 'producer' }] }, 'nodes[0].id must be a non-empty string, got undefined'],
    [
      { nodes: [{ id: 'a', kind: 'odd' }] },
      'nodes[0].kind must be one of producer, blocking, non-blocking, queue, reader',
    ],
    [{ nodes: [{ id: 'a', uses: '' }] }, 'nodes[0].uses must be a non-empty string'],
    [{ nodes: [{ id: 'a', options: [] }] }, 'nodes[0].options must be a plain object'],
    [{ nodes: [{ id: 'a', retry: -1 }] }, 'nodes[0].retry must be a whole number'],
    [{ nodes: [{ id: 'a', retry: { factor: -1 } }] }, 'nodes[0].retry.factor'],
    [{ nodes: [{ id: 'a', timeout: -1 }] }, 'nodes[0].timeout must be a number of milliseconds above 0'],
    [{ nodes: [{ id: 'a', onError: 'ignore' }] }, 'nodes[0].onError must be one of continue, pause, stop, restart'],
    [{ nodes: [{ id: 'a', maxInFlight: 0 }] }, 'nodes[0].maxInFlight must be a whole number of at least 1'],
    [{ nodes: [{ id: 'a', whenFull: 'x' }] }, 'nodes[0].whenFull must be one of wait, drop, fail'],
    [{ nodes: [{ id: 'a', overflow: 'drop-oldest' }] }, 'nodes[0].overflow must be one of block, drop-newest, fail'],
    [
      { nodes: [{ id: 'a', overflow: 'block', whenFull: 'wait' }] },
      'nodes[0].whenFull is another name of nodes[0].overflow: give nodes[0].overflow alone',
    ],
    [{ nodes: [{ id: 'a', extra: 1 }] }, 'nodes[0].extra is unknown'],
    [{ nodes, edges: 'all' }, 'edges must be an array'],
    [{ nodes, edges: [{ source: 'p' }] }, 'edges[0].target must be a non-empty string, got undefined'],
    [{ nodes, edges: [{ target: 'p' }] }, 'edges[0].source must be a non-empty string, got undefined'],
    [{ nodes, edges: [{ source: 1, target: 'p' }] }, 'edges[0].source must be a non-empty string'],
    [{ nodes, edges: [{}] }, 'edges[0].source must be a non-empty string, got undefined'],
    [
      { nodes, edges: [{ source: 'p', from: 'p', target: 'p' }] },
      'edges[0].from is another name of edges[0].source: give edges[0].source alone',
    ],
    [
      { nodes, edges: [{ source: 'p', target: 'p', to: 'p' }] },
      'edges[0].to is another name of edges[0].target: give edges[0].target alone',
    ],
    [{ nodes, edges: [{ from: 'p' }] }, 'edges[0].to must be a non-empty string, got undefined'],
    [{ nodes, edges: [{ to: 'p' }] }, 'edges[0].from must be a non-empty string, got undefined'],
    [{ nodes, edges: [{ from: 1, to: 'p' }] }, 'edges[0].from must be a non-empty string'],
    [{ nodes, schedule: 0 }, 'schedule must be a number of milliseconds above 0'],
    [{ nodes, schedule: {} }, 'schedule must be an interval (`every`) or a cron expression (`cron`)'],
    [{ nodes, schedule: { every: 1, cron: '* * * * *' } }, 'schedule must be an interval'],
    [{ nodes, schedule: { every: Infinity } }, 'schedule.every must be'],
    [{ nodes, schedule: { cron: 5 } }, 'schedule.cron must be a non-empty string'],
    [
      { nodes, schedule: { cron: '* * * * *', missed: 'delay' } },
      'schedule.missed must be skip or catch-up for a cron expression',
    ],
    [{ nodes, schedule: { every: 5, missed: 'x' } }, 'schedule.missed must be one of skip, catch-up, delay'],
    [{ nodes, schedule: { cron: '* * * * *', timezone: '' } }, 'schedule.timezone must be'],
    [{ nodes, onError: 5 }, 'onError must be one of continue, pause, stop, restart'],
    [{ nodes, onError: { action: 'stop' } }, 'onError.action must be one of restart'],
    [
      { nodes, onError: { action: 'restart', limit: -1 } },
      'onError.limit must be a whole number of at least 0, or Infinity',
    ],
    [{ nodes, onError: { action: 'restart', within: 0 } }, 'onError.within must be'],
    [{ nodes, onError: { action: 'restart', backoff: -1 } }, 'onError.backoff must be'],
    [{ nodes, onError: { action: 'restart', maxBackoff: Number.NaN } }, 'onError.maxBackoff must be'],
    [{ nodes, producerBackoff: -1 }, 'producerBackoff must be a number of milliseconds from 0'],
    [{ nodes, extra: 1 }, 'extra is unknown'],
  ];

  it.each(cases)('refuses %j', (given, message) => {
    expect(thrownBy(() => faultsOf(given))).toEqual(expect.stringContaining(message));
  });

  it('accepts every valid option', () => {
    expect(
      faultsOf({
        nodes: [
          {
            ...producer,
            timeout: 5,
            retry: { retries: 2 },
            onError: { action: 'restart', limit: Number.POSITIVE_INFINITY, within: 5, backoff: 0, maxBackoff: 0 },
          },
          { id: 'n', kind: 'non-blocking', uses: 'Noted', maxInFlight: 1, whenFull: 'fail', options: {} },
          { id: 'd', uses: 'Doubled' },
        ],
        schedule: { every: 5, missed: 'delay' },
        onError: 'restart',
        producerBackoff: 0,
      }),
    ).toEqual([]);
  });

  it('refuses invalid arguments of the fluent methods', () => {
    const loop = () => new Loop('l');
    const bad = (value: unknown) => value as never;
    const wrong: [() => unknown, string][] = [
      [() => new Loop(''), 'id must be a non-empty string'],
      [() => new Loop('l', bad(5)), 'options must be an object, got 5'],
      [() => new Loop('l', bad(null)), 'options must be an object, got null'],
      [() => new Loop('l', { schedul: 5 } as LoopOptions), 'schedul is unknown'],
      [() => new Loop('l', { orchestrator: bad({}) }), 'orchestrator must be an Orchestrator'],
      [() => new Loop('l', { registry: bad([]) }), 'registry must be an object of functions and classes by name'],
      [() => loop().producer('p', bad('f')), 'implementation of "p" must be a function'],
      [() => loop().producer('', same), 'id must be'],
      [() => loop().blocking('b', same, { retry: 1.5 }), 'retry must be'],
      [() => loop().nonBlocking('b', same, { kind: 'blocking', x: 1 } as NodeSettings), 'x is unknown'],
      [() => loop().read('r', 'q', bad(null)), 'settings of "r" must be an object, got null'],
      [
        () => loop().node('n', bad(undefined)),
        'implementation of "n" must be a class that extends BaseNode, got undefined',
      ],
      [() => loop().node('n', bad(same)), 'implementation of "n" must be a class that extends BaseNode'],
      [() => loop().edge('', 'b'), 'source must be'],
      [() => loop().edge('a', bad(undefined)), 'target must be'],
      [() => idle(-1), 'delay must be a number of milliseconds'],
      [() => idle(Number.NaN), 'delay must be'],
      [() => readQueue({ capacity: 0 }, 'queues.q'), 'queues.q.capacity must be a whole number of at least 1'],
      [
        () => readQueue({ overflow: 'drop' }, 'queues.q'),
        'queues.q.overflow must be one of block, drop-oldest, drop-newest, fail',
      ],
      [() => readQueue({ type: 'x' }, 'queues.q'), 'queues.q.type must be one of queue, topic'],
      [() => readCrashPolicy('continue', 'onCrash'), 'onCrash must be one of stop, restart'],
      [() => readCrashPolicy({ action: 'restart', limit: 'x' }, 'onCrash'), 'onCrash.limit must be'],
    ];
    for (const [work, message] of wrong) {
      expect(thrownBy(work)).toContain(message);
    }
  });

  it('accepts a crash policy by name and with limits', () => {
    expect(readCrashPolicy('stop', 'onCrash')).toBe('stop');
    expect(readCrashPolicy({ action: 'restart', limit: 2 }, 'onCrash')).toEqual({ action: 'restart', limit: 2 });
  });
});

function thrownBy(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(ValidationError);
    return (error as Error).message;
  }
  throw new Error('expected it to throw');
}

describe('the kinds of nodes', () => {
  it('takes the kind of a node from its class', () => {
    class Reading extends QueueReader {}
    class Pushing extends QueueNode {}
    const queue = { options: { queue: 'q' } };
    const kinds = (loop: Loop) => plan(loop).nodes.map(({ kind }) => kind);
    expect(
      kinds(
        new Loop('l').node('p', Ticking).node('d', Doubled).node('n', Noted).node('q', Pushing, queue).node('x', Plain),
      ),
    ).toEqual(['producer', 'blocking', 'non-blocking', 'queue', 'blocking']);
    expect(kinds(new Loop('l').node('r', Reading, queue))).toEqual(['reader']);
    expect(kinds(new Loop('l').node('r', QueueReader, queue))).toEqual(['reader']);
  });

  it('accepts a class without a kind as any kind', () => {
    expect(faultsOf({ nodes: [{ id: 'p', kind: 'producer', uses: 'Plain' }] })).toEqual([]);
  });

  it('refuses a class that is added as another kind', () => {
    const messages = (loop: Loop) => faultsIn(() => plan(loop)).map(({ message }) => message);
    expect(messages(new Loop('l').producer('p', Doubled as never))).toEqual([
      'loop "l": node "p" is defined as producer, but its class is blocking',
    ]);
    expect(messages(new Loop('l').producer('p', same).blocking('b', QueueReader))).toEqual([
      'loop "l": node "b" is defined as blocking, but its class is reader',
    ]);
  });
});

describe('a loop as data', () => {
  const implementations = {
    numbers: counting(3, done),
    double: (value: number) => value * 2,
    note: () => {},
  };

  it('behaves the same after a round trip through JSON, with a registry', async () => {
    const loop = new Loop('l', { onError: 'stop', producerBackoff: 5 })
      .producer('numbers', counting(3, done))
      .blocking('double', (value: number) => value * 2, { retry: 2, timeout: 50, options: { unit: 'km' } })
      .nonBlocking('note', () => {}, { maxInFlight: 5, whenFull: 'drop' })
      .push('out', 'results', { onError: { action: 'restart', limit: 3 } })
      .edge('numbers', 'double')
      .edge('double', 'note')
      .edge('double', 'out');
    const definition = JSON.parse(JSON.stringify(loop.toDefinition())) as LoopDefinition;
    expect(definition).toEqual(loop.toDefinition());
    const again = planOf({ definition, implementations: new Map(), registry: implementations });
    expect(shapeOf(again)).toEqual(shapeOf(plan(loop)));
    const world = new World();
    await (await new LoopManager(again, world).start()).ended;
    expect(pushed(world, 'results')).toEqual([2, 4, 6]);
  });

  it('names the implementation of a reader', async () => {
    const registry = { twice: (value: number) => value * 2 };
    const loop = new Loop('l')
      .read('twice', 'in', { batch: 1 }, registry.twice)
      .read('x', 'in')
      .node('own', class extends QueueReader {}, { options: { queue: 'in' } });
    const { nodes } = JSON.parse(JSON.stringify(loop.toDefinition())) as LoopDefinition;
    expect(nodes).toEqual([
      { id: 'twice', kind: 'reader', uses: 'twice', options: { queue: 'in', batch: 1 } },
      { id: 'x', kind: 'reader', options: { queue: 'in' } },
      { id: 'own', kind: 'reader', uses: 'own', options: { queue: 'in' } },
    ]);
  });

  it('may use implementations under names other than the node ids', () => {
    const source = { definition: { id: 'l', nodes: [producer] }, implementations: new Map(), registry: { same } };
    expect(planOf(source).producer.implementation).toBe(same);
  });

  it('runs with the registry of the loop itself', async () => {
    const loop = new Loop('l', { registry: implementations }).producer('p', counting(2, done)).push('out', 'q');
    const { world } = await lived(loop);
    expect(pushed(world, 'q')).toEqual([1, 2]);
  });

  it('lists the queues that it reads and pushes to, each once', () => {
    const loop = new Loop('l', { orchestrator: new Orchestrator() })
      .read('r', 'in')
      .push('a', 'out')
      .push('b', 'out')
      .push('c', 'other');
    expect(plan(loop)).toMatchObject({
      reads: 'in',
      pushes: ['out', 'other'],
      onError: 'continue',
      producerBackoff: 100,
    });
  });
});

function pushed(world: World, name: string): unknown[] {
  const reader = world.queue(name).reader();
  const values: unknown[] = [];
  for (let message = reader.take(); message !== undefined; message = reader.take()) values.push(message.value);
  return values;
}

function shapeOf({ nodes, ...rest }: ReturnType<typeof plan>) {
  const { producer: first, orchestrator: _, ...settings } = rest;
  return {
    ...settings,
    producer: first.id,
    nodes: nodes.map(({ id, kind, definition, next }) => ({ id, kind, definition, next: next.map((node) => node.id) })),
  };
}

describe('loops with each other', () => {
  const loops = (text: string) =>
    text.split(' ').map((entry) => {
      const [id = '', reads = '', pushes = ''] = entry.split(':');
      return { id, reads: reads || undefined, pushes: pushes ? pushes.split(',') : [], nodes: [], batch: 1 };
    });
  const check = (text: string, queues: Record<string, QueueDefinition>) =>
    faultsIn(() => checkWorkflow(loops(text), new Map(Object.entries(queues))));

  it('declares every queue', () => {
    expect(check('a::q b:r:q', { s: {} })).toEqual([
      { message: 'loop "a" uses the queue "q", which is not declared (s)', loopId: 'a', queue: 'q' },
      { message: 'loop "b" uses the queue "q", which is not declared (s)', loopId: 'b', queue: 'q' },
      { message: 'loop "b" uses the queue "r", which is not declared (s)', loopId: 'b', queue: 'r' },
    ]);
    expect(check('a:q', {})).toMatchObject([{ message: 'loop "a" uses the queue "q", which is not declared (none)' }]);
  });

  it('has somebody read what blocks', () => {
    expect(check('a::q', { q: {} })).toEqual([
      { message: 'nothing reads the queue "q": a push to it would wait for ever', queue: 'q' },
    ]);
    expect(check('a::q', { q: { overflow: 'drop-oldest' } })).toEqual([]);
    expect(check('a::q', { q: { type: 'topic' } })).toEqual([]);
    expect(check('a:q', { q: {} })).toEqual([]);
  });

  it('refuses loops that would wait for each other', () => {
    const [fault, ...others] = check('a:y:x b:x:y c:y', { x: {}, y: {} });
    expect(fault).toEqual({
      message:
        'loops would wait for each other: a → x → b → y → a; one of these queues needs another overflow policy than block',
      loopId: 'a',
    });
    expect(others).toEqual([]);
    expect(check('a:x:x', { x: {} })).toMatchObject([{ message: expect.stringContaining('a → x → a') }]);
    expect(check('s::x a:x:y b:y:z c:z:y', { x: {}, y: {}, z: {} })).toMatchObject([{ loopId: 'b' }]);
  });

  it.each(['drop-oldest', 'drop-newest', 'fail'] as const)(
    'accepts a cycle of loops if one queue has %s',
    (overflow) => {
      expect(check('a:y:x b:x:y', { x: {}, y: { overflow } })).toEqual([]);
    },
  );

  it('accepts loops that branch and join', () => {
    expect(check('a::x,y b:x:z c:y:z d:z', { x: {}, y: {}, z: {} })).toEqual([]);
  });

  it('knows which loop reads from which', () => {
    const [a, b] = loops('a::x b:x:y') as [ReturnType<typeof loops>[0], ReturnType<typeof loops>[0]];
    expect([isBehind(a, [a, b]), isBehind(b, [a, b])]).toEqual([false, true]);
  });

  it('refuses faults between loops at the start, all together', async () => {
    const one = new Loop('one').read('r', 'y').push('p', 'x');
    const two = new Loop('two').read('r', 'x').push('p', 'y').push('n', 'nowhere');
    const orchestrator = new WorkflowOrchestrator().load({ queues: { x: {}, y: {} }, loops: [one, two] });
    await expect(orchestrator.start()).rejects.toMatchObject({
      name: 'LoopDefinitionError',
      faults: [{ loopId: 'two', queue: 'nowhere' }, { loopId: 'one' }],
    });
  });

  it('lists the faults of all loops together', () => {
    const workflow = { loops: [new Loop('a'), new Loop('b').blocking('x', same), { id: 'c', nodes: [producer] }] };
    const faults = faultsIn(() => new WorkflowOrchestrator({ registry: {} }).load(workflow));
    expect(faults.map(({ loopId, nodeId }) => [loopId, nodeId])).toEqual([
      ['a', undefined],
      ['b', undefined],
      ['c', 'p'],
    ]);
  });
});
