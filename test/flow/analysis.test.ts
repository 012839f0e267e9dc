import { type Analysis, analyze, type EdgeDefinition, Flow, FlowRuntime, type NodeDefinition } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';

/**
 * Analyses a graph that is written as a line of edges, `a>b`. Nodes are declared in the order in which they first
 * appear.
 */
function analysisOf(
  line: string,
  more: readonly string[] = [],
  fallbacks: Readonly<Record<string, string>> = {},
): Analysis {
  const edges = line
    .split(' ')
    .filter((text) => text !== '')
    .map((text): EdgeDefinition => {
      const [source = '', target = ''] = text.split('>');
      return { source, target, action: 'go' };
    });
  const ids = new Set([...edges.flatMap(({ source, target }) => [source, target]), ...more]);
  const nodes = [...ids].map((id): NodeDefinition => {
    const fallback = fallbacks[id];
    return { id, uses: 'work', ...(fallback === undefined ? {} : { config: { fallback } }) };
  });
  return analyze({ id: 'graph', nodes, edges });
}

function sorted(groups: readonly (readonly string[])[]): string[][] {
  return groups.map((group) => group.toSorted()).toSorted((one, other) => String(one).localeCompare(String(other)));
}

describe('the analysis of', () => {
  it('one node', () => {
    expect(analysisOf('', ['a'])).toEqual({
      startNodeIds: ['a'],
      terminalNodeIds: ['a'],
      cycles: [],
      unreachableNodeIds: [],
      longestPath: ['a'],
      isDag: true,
    });
  });

  it('no nodes at all', () => {
    expect(analyze({ id: 'empty', nodes: [], edges: [] })).toEqual({
      startNodeIds: [],
      terminalNodeIds: [],
      cycles: [],
      unreachableNodeIds: [],
      longestPath: [],
      isDag: true,
    });
  });

  it('a chain', () => {
    expect(analysisOf('a>b b>c c>d')).toEqual({
      startNodeIds: ['a'],
      terminalNodeIds: ['d'],
      cycles: [],
      unreachableNodeIds: [],
      longestPath: ['a', 'b', 'c', 'd'],
      isDag: true,
    });
  });

  it('a diamond with a longer side', () => {
    expect(analysisOf('a>b a>c b>e c>d d>e')).toEqual({
      startNodeIds: ['a'],
      terminalNodeIds: ['e'],
      cycles: [],
      unreachableNodeIds: [],
      longestPath: ['a', 'c', 'd', 'e'],
      isDag: true,
    });
  });

  it('several starts and ends', () => {
    const analysis = analysisOf('a>c b>c c>d c>e', ['f']);
    expect(analysis.startNodeIds).toEqual(['a', 'b', 'f']);
    expect(analysis.terminalNodeIds).toEqual(['d', 'e', 'f']);
    expect(analysis.longestPath).toHaveLength(3);
    expect(analysis.isDag).toBe(true);
  });

  it('duplicate edges', () => {
    expect(analysisOf('a>b a>b b>c a>c')).toMatchObject({ longestPath: ['a', 'b', 'c'], cycles: [], isDag: true });
  });

  it('a cycle behind a start', () => {
    const analysis = analysisOf('a>b b>c c>b c>d');
    expect(analysis).toMatchObject({
      startNodeIds: ['a'],
      terminalNodeIds: ['d'],
      unreachableNodeIds: [],
      longestPath: ['a', 'b', 'c', 'd'],
      isDag: false,
    });
    expect(sorted(analysis.cycles)).toEqual([['b', 'c']]);
  });

  it('a node that leads to itself', () => {
    expect(analysisOf('a>a a>b')).toEqual({
      startNodeIds: ['a'],
      terminalNodeIds: ['b'],
      cycles: [['a']],
      unreachableNodeIds: [],
      longestPath: ['a', 'b'],
      isDag: false,
    });
  });

  it('a single cycle, which starts with the first node', () => {
    const analysis = analysisOf('a>b b>c c>a');
    expect(analysis).toMatchObject({ startNodeIds: ['a'], terminalNodeIds: [], unreachableNodeIds: [], isDag: false });
    expect(sorted(analysis.cycles)).toEqual([['a', 'b', 'c']]);
    expect(analysis.longestPath).toEqual(['a', 'b', 'c']);
  });

  it('several cycles, also nested ones', () => {
    const analysis = analysisOf('s>a a>b b>a b>x x>y y>z z>y z>x y>end');
    expect(sorted(analysis.cycles)).toEqual([
      ['a', 'b'],
      ['x', 'y', 'z'],
    ]);
    expect(analysis.longestPath).toEqual(['s', 'a', 'b', 'x', 'y', 'z']);
    expect(analysis.terminalNodeIds).toEqual(['end']);
  });

  it('nodes that no start leads to', () => {
    const analysis = analysisOf('a>b x>y y>x y>z');
    expect(analysis).toMatchObject({ startNodeIds: ['a'], isDag: false });
    expect(analysis.unreachableNodeIds.toSorted()).toEqual(['x', 'y', 'z']);
    expect(analysis.terminalNodeIds).toEqual(['b', 'z']);
    expect(sorted(analysis.cycles)).toEqual([['x', 'y']]);
    expect(analysis.longestPath).toEqual(['x', 'y', 'z']);
  });

  it('fallbacks, which are not starts and are reached from their owners', () => {
    const analysis = analysisOf('a>b f>g', ['h'], { b: 'f' });
    expect(analysis.startNodeIds).toEqual(['a', 'h']);
    expect(analysis.unreachableNodeIds).toEqual([]);
    expect(analysis.terminalNodeIds).toEqual(['b', 'g', 'h']);
    expect(analysis.cycles).toEqual([]);
  });

  it('fallbacks of unreachable nodes, which are unreachable as well', () => {
    const analysis = analysisOf('a>b x>y y>x', ['f'], { x: 'f' });
    expect(analysis.unreachableNodeIds.toSorted()).toEqual(['f', 'x', 'y']);
  });

  it('edges from and to unknown nodes, which are ignored', () => {
    const analysis = analyze({
      id: 'broken',
      nodes: ['a', 'b'].map((id) => ({ id, uses: 'work' })),
      edges: [
        { source: 'a', target: 'nowhere' },
        { source: 'nobody', target: 'b' },
        { source: 'a', target: 'b' },
      ],
    });
    expect(analysis).toEqual({
      startNodeIds: ['a'],
      terminalNodeIds: ['b'],
      cycles: [],
      unreachableNodeIds: [],
      longestPath: ['a', 'b'],
      isDag: true,
    });
  });

  it('ids that are names of object properties', () => {
    const analysis = analysisOf('toString>constructor constructor>__proto__');
    expect(analysis.longestPath).toEqual(['toString', 'constructor', '__proto__']);
  });

  it('a chain of a hundred thousand nodes', () => {
    const ids = Array.from({ length: 100_000 }, (_, index) => `n${index}`);
    const analysis = analyze({
      id: 'long',
      nodes: ids.map((id) => ({ id, uses: 'work' })),
      edges: ids.slice(1).map((target, index) => ({ source: `n${index}`, target })),
    });
    expect(analysis.longestPath).toEqual(ids);
    expect(analysis.isDag).toBe(true);
  });

  it('a fan of a hundred thousand nodes', () => {
    const ids = Array.from({ length: 100_000 }, (_, index) => `n${index}`);
    const analysis = analyze({
      id: 'wide',
      nodes: ids.map((id) => ({ id, uses: 'work' })),
      edges: ids.slice(1).map((target) => ({ source: 'n0', target })),
    });
    expect(analysis.terminalNodeIds).toEqual(ids.slice(1));
    expect(analysis.longestPath).toHaveLength(2);
  });

  it('a cycle of a hundred thousand nodes', () => {
    const ids = Array.from({ length: 100_000 }, (_, index) => `n${index}`);
    const analysis = analyze({
      id: 'long',
      nodes: ids.map((id) => ({ id, uses: 'work' })),
      edges: ids.map((target, index) => ({ source: `n${(index + 99_999) % 100_000}`, target })),
    });
    expect(analysis.cycles).toHaveLength(1);
    expect(analysis.cycles[0]).toHaveLength(100_000);
  });
});

describe('a flow', () => {
  const flow = new Flow('order')
    .node('a', () => 1)
    .node('b', () => 2, { fallback: 'f' })
    .node('f', () => 3)
    .wait('w')
    .edge('a', 'b')
    .edge('b', 'w')
    .edge('b', 'b', { action: 'again' });

  it('can be analyzed itself, as can its blueprint after JSON', () => {
    expect(flow.analyze()).toEqual({
      startNodeIds: ['a'],
      terminalNodeIds: ['w'],
      cycles: [['b']],
      unreachableNodeIds: [],
      longestPath: ['a', 'b', 'w'],
      isDag: false,
    });
    expect(analyze(JSON.parse(JSON.stringify(flow.toBlueprint())))).toEqual(flow.analyze());
  });

  it('starts in a run where its analysis says', async () => {
    for (const edges of [
      [['a', 'b']],
      [
        ['a', 'b'],
        ['b', 'a'],
      ],
      [
        ['a', 'a'],
        ['a', 'b'],
      ],
      [
        ['b', 'b'],
        ['b', 'a'],
      ],
    ]) {
      const started: string[] = [];
      const graph = {
        id: 'starts',
        nodes: ['a', 'b'].map((id) => ({ id, uses: 'work' })),
        edges: edges.map(([source = '', target = '']) => ({ source, target, condition: 'false' })),
      };
      const work = (_: unknown, { nodeId }: { nodeId: string }) => started.push(nodeId);
      const result = await new FlowRuntime({ registry: { work } }).run(graph);
      expect(result.status).toBe('completed');
      expect(started).toEqual(analyze(graph).startNodeIds);
    }
  });
});
