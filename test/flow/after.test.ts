import { Flow, type NodeArgs, withAction } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';

interface Order {
  readonly total: number;
}

const fetch = (): Order => ({ total: 90 });
const check = (order: Order) => withAction(order.total > 100 ? 'review' : 'ok', order);
const isLarge = (order: unknown) => (order as Order).total > 50;
const total = (order: Order) => order.total;

/** The same flow twice: with `after`, and with edges in the same order. */
const pairs: Readonly<Record<string, readonly [after: Flow, edges: Flow]>> = {
  'a node': [
    new Flow('f').node('fetch', fetch).node('check', check, { after: 'fetch' }),
    new Flow('f').node('fetch', fetch).node('check', check).edge('fetch', 'check'),
  ],
  'several nodes': [
    new Flow('f')
      .node('a', fetch)
      .node('b', fetch)
      .node('c', (input) => input, { after: ['a', 'b'], joinStrategy: 'any' }),
    new Flow('f')
      .node('a', fetch)
      .node('b', fetch)
      .node('c', (input) => input, { joinStrategy: 'any' })
      .edge('a', 'c')
      .edge('b', 'c'),
  ],
  actions: [
    new Flow('f')
      .node('check', check)
      .node('rest', () => 1)
      .node('ok', () => 2, { after: { check: 'ok', rest: true } }),
    new Flow('f')
      .node('check', check)
      .node('rest', () => 1)
      .node('ok', () => 2)
      .edge('check', 'ok', { action: 'ok' })
      .edge('rest', 'ok'),
  ],
  'conditions and transforms': [
    new Flow('f')
      .node('fetch', fetch)
      .node('a', (n) => n, { after: 'fetch', condition: isLarge, transform: total })
      .node('b', (n) => n, {
        after: { fetch: { condition: 'output.total > 1' }, a: { transform: 'output + 1.0' } },
        condition: isLarge,
      }),
    new Flow('f')
      .node('fetch', fetch)
      .node('a', (n) => n)
      .edge('fetch', 'a', { condition: isLarge, transform: total })
      .node('b', (n) => n)
      .edge('fetch', 'b', { condition: 'output.total > 1' })
      .edge('a', 'b', { condition: isLarge, transform: 'output + 1.0' }),
  ],
  'waits, sleeps and batches': [
    new Flow('f')
      .node('list', () => [1])
      .batch('each', (n: number) => n, { after: 'list', concurrency: 2 })
      .wait('approved', { after: 'each', event: 'ok' })
      .sleep('pause', { duration: 5, after: ['approved'] }),
    new Flow('f')
      .node('list', () => [1])
      .batch('each', (n: number) => n, { concurrency: 2 })
      .wait('approved', { event: 'ok' })
      .sleep('pause', { duration: 5 })
      .edge('list', 'each')
      .edge('each', 'approved')
      .edge('approved', 'pause'),
  ],
};

describe('after', () => {
  it.each(Object.entries(pairs))('gives the same blueprint as edges: %s', (_, [after, edges]) => {
    expect(after.toBlueprint()).toEqual(edges.toBlueprint());
    expect(Object.keys(after.registry)).toEqual(Object.keys(edges.registry));
  });

  it('passes on what the types say', async () => {
    const seen: Record<string, unknown> = {};
    const note = (input: unknown, { nodeId }: NodeArgs) => {
      seen[nodeId] = input;
      return nodeId;
    };
    const { output } = await new Flow('f')
      .node('fetch', fetch)
      .node('check', check, { after: 'fetch' })
      .node('ok', note, { after: { check: 'ok' } })
      .node('review', note, { after: { check: 'review' } })
      .node('one', note, { after: ['fetch'] })
      .node('total', note, { after: 'fetch', transform: total })
      .node('join', note, { after: ['ok', 'review', 'one', 'total'] })
      .run();
    expect(output).toBe('join');
    expect(seen).toEqual({
      ok: { total: 90 },
      one: { total: 90 },
      total: 90,
      join: { ok: 'ok', one: 'one', total: 'total' },
    });
  });

  it('follows nodes that were loaded, or linked from a start node', async () => {
    const loaded = new Flow('f').load(new Flow('g').node('a', () => 7).toBlueprint(), { a: () => 7 });
    const after = 'a' as never;
    expect((await loaded.node('b', (n: number) => n + 1, { after }).run()).output).toBe(8);
  });

  it.each([
    ['after of "b" names "c", which is not a node yet: add it before "b", or use edge', { after: 'c' }],
    ['after of "b" names "b", which is not a node yet: add it before "b", or use edge', { after: ['a', 'b'] }],
    ['after must be a list of different nodes, without "a" twice, got Array', { after: ['a', 'a'] }],
    ['after must be a list of at least one node, got Array', { after: [] }],
    ['after must be an object with at least one node, got Object', { after: {} }],
    ['after[0] must be a non-empty string, got 7', { after: [7] }],
    ['after must be a non-empty string, got 7', { after: 7 }],
    [
      'after.a must be an action (a non-empty string), true, or the options of an edge, got Boolean',
      { after: { a: false } },
    ],
    ['after.a.actoin is unknown, expected action, condition, transform', { after: { a: { actoin: 'ok' } } }],
    ['condition of "b" must be left out, because the node has no after, got String', { condition: 'true' }],
  ])('is refused: %s', (message, options) => {
    const flow = new Flow('f').node('a', () => 1);
    const before = flow.toBlueprint();
    expect(() => flow.node('b', () => 1, options as never)).toThrow(message);
    expect(flow.toBlueprint()).toEqual(before);
  });
});
