import { Flow } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import type { NodeStatus } from '../../src/dashboard/api.js';
import { signOf, toneOf, tones } from '../../src/dashboard/graph/appearance.js';
import { drawSvg, type Graph, graphOf } from '../../src/dashboard/graph/index.js';
import { layoutOf } from '../../src/dashboard/graph/layout.js';
import { shortened, visible, visibleLines } from '../../src/dashboard/graph/text.js';
import { hostile } from './fixtures/page-world.js';

const edge = (source: string, target: string, label?: string) => ({
  source,
  target,
  isFallback: false,
  ...(label === undefined ? {} : { label }),
});

function chainOf(length: number): Graph {
  const nodes = Array.from({ length }, (_, index) => ({ id: `step ${index}`, kind: 'function' }));
  return { nodes, edges: nodes.slice(1).map(({ id }, index) => edge(`step ${index}`, id)) };
}

describe('the layout of a graph', () => {
  it('puts nodes where none covers another', () => {
    const wide: Graph = {
      nodes: Array.from({ length: 60 }, (_, index) => ({ id: `n${index}`, kind: 'function' })),
      edges: Array.from({ length: 59 }, (_, index) => edge(`n${Math.floor(index / 4)}`, `n${index + 1}`)),
    };
    for (const graph of [chainOf(5), chainOf(80), wide]) {
      const { nodes, width, height } = layoutOf(graph);
      for (const [index, one] of nodes.entries()) {
        expect(one.x - one.width / 2).toBeGreaterThanOrEqual(0);
        expect(one.x + one.width / 2).toBeLessThanOrEqual(width);
        expect(one.y + one.height / 2).toBeLessThanOrEqual(height);
        for (const other of nodes.slice(index + 1)) {
          const isApart =
            Math.abs(one.x - other.x) >= (one.width + other.width) / 2 ||
            Math.abs(one.y - other.y) >= (one.height + other.height) / 2;
          expect(isApart, `${one.id} and ${other.id}`).toBe(true);
        }
      }
    }
  });

  it('runs the way that fits the room better', () => {
    const positions = (room: { width: number; height: number }) => layoutOf(chainOf(4), { room }).nodes;
    expect(new Set(positions({ width: 1_200, height: 400 }).map(({ y }) => y)).size).toBe(1);
    expect(new Set(positions({ width: 360, height: 700 }).map(({ x }) => x)).size).toBe(1);
  });

  it('takes circles, nodes that lead to themselves, several edges between two, and edges from nowhere', () => {
    const nodes = ['a', 'b'].map((id) => ({ id, kind: 'function' }));
    const edges = [
      edge('a', 'b'),
      edge('a', 'b', 'again'),
      edge('b', 'a'),
      edge('b', 'b'),
      edge('b', 'gone'),
      edge('x', 'a'),
    ];
    const layout = layoutOf({ nodes, edges });
    expect(layout.edges).toHaveLength(4);
    for (const { path } of layout.edges) expect(path).toMatch(/^M[\d. -]+[LQ]/);
    expect(layout.edges[1]?.label).toMatchObject({ text: 'again' });
  });

  it('takes any text as an id', () => {
    const ids = ['', '__proto__', 'constructor', 'n0', '\u0000', '\ud800', ...Object.values(hostile)];
    const { nodes } = layoutOf({ nodes: ids.map((id) => ({ id, kind: 'function' })), edges: [edge('', '__proto__')] });
    expect(nodes.map(({ id }) => id)).toEqual(ids);
  });

  it('has no size without nodes', () => {
    expect(layoutOf({ nodes: [], edges: [] })).toMatchObject({ nodes: [], edges: [], isDense: false });
  });
});

describe('a graph that is drawn as SVG', () => {
  const flow = new Flow('order')
    .node('charge', () => 'paid', { fallback: 'invoice' })
    .node('invoice', () => 'billed')
    .sleep('rest', { duration: 5 })
    .edge('charge', 'rest', { action: 'paid' })
    .edge('invoice', 'rest');

  it('shows the nodes of a blueprint, with their actions and fallbacks', () => {
    const svg = drawSvg(graphOf(flow.toBlueprint()));
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="\d+" height="\d+"/);
    for (const text of ['>charge</text>', '>invoice</text>', '>paid</text>', '>fallback</text>', '>sleep</text>']) {
      expect(svg).toContain(text);
    }
    expect(svg.match(/stroke-dasharray="5 4"/g)).toHaveLength(1);
  });

  it('shows how nodes stand, by hue, sign and word', () => {
    const svg = drawSvg(graphOf(flow.toBlueprint(), { charge: 'failed', invoice: 'completed', rest: 'skipped' }));
    expect(svg).toContain(tones.red.light.solid);
    expect(svg).toContain(tones.green.light.solid);
    expect(svg).toContain('>skipped · sleep</text>');
  });

  it('has names as text, whatever is in them', () => {
    const nodes = [...Object.values(hostile), '\ud800', '&amp;', '\'"'].map((id) => ({ id, kind: 'function' }));
    const svg = drawSvg({ nodes, edges: [edge(hostile.markup, hostile.long, hostile.markup)] });
    expect(svg).not.toMatch(/<(img|script)/);
    expect(svg).not.toMatch(/[\u202e\u200b\ud800]/u);
    expect(svg).toContain('&lt;img src=x');
    expect(svg).toContain('&amp;amp;');
  });

  it('has one line a node where there are many', () => {
    const many = chainOf(60);
    const svg = drawSvg({ ...many, nodes: many.nodes.map((node) => ({ ...node, status: 'completed' as const })) });
    expect(svg).not.toContain('>completed</text>');
    expect(svg).toContain('<title>step 0 (completed)</title>');
  });

  it('is there without nodes, too', () => {
    expect(drawSvg({ nodes: [], edges: [] })).toContain('width="32"');
  });
});

describe('the colours of statuses', () => {
  it('can be read on what is behind them, light and dark', () => {
    for (const [tone, { light, dark }] of Object.entries(tones)) {
      for (const [{ ink, tint }, paper] of [
        [light, '#f6f6f8'],
        [dark, '#24252d'],
      ] as const) {
        expect(contrast(ink, tint), `${tone} on its tint`).toBeGreaterThanOrEqual(4.5);
        expect(contrast(ink, paper), `${tone} on the page`).toBeGreaterThanOrEqual(4.5);
      }
    }
  });

  it('differ, by hue or by sign', () => {
    const looks = (Object.keys(toneOf) as NodeStatus[]).map((status) => `${toneOf[status]} ${signOf[status]}`);
    expect(new Set(looks).size).toBe(looks.length);
  });
});

describe('names that are shown', () => {
  it('are written out where they would hide something', () => {
    expect(visible('a\u202eb')).toBe('a\\u{202e}b');
    expect(visible('a\nb')).toBe('a\\u{a}b');
    expect(visible('a\u200db')).toBe('a\\u{200d}b');
    expect(visible('👩‍👩‍👧')).toBe('👩‍👩‍👧');
    expect(visibleLines('a\n\tb\u0000')).toBe('a\n\tb\\u{0}');
  });

  it('lose their middle where they are too long', () => {
    expect(shortened('abcdefghij', 10)).toBe('abcdefghij');
    expect(shortened('abcdefghijk', 7)).toBe('abc…ijk');
    expect(shortened('👍'.repeat(100), 5)).toBe('👍👍…👍👍');
    expect([...shortened('x'.repeat(1_000_000), 9)]).toHaveLength(9);
  });
});

/** As WCAG 2.2 defines it. */
function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
