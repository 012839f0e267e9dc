import { Flow } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import type { NodeStatus } from '../../src/dashboard/api/index.js';
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

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** If true, two boxes do not overlap. */
function isBeside(one: Box, other: Box): boolean {
  return (
    Math.abs(one.x - other.x) >= (one.width + other.width) / 2 ||
    Math.abs(one.y - other.y) >= (one.height + other.height) / 2
  );
}

describe('the layout of a graph', () => {
  it('places nodes without overlaps', () => {
    const wide: Graph = {
      nodes: Array.from({ length: 60 }, (_, index) => ({ id: `n${index}`, kind: 'function' })),
      edges: Array.from({ length: 59 }, (_, index) => edge(`n${Math.floor(index / 4)}`, `n${index + 1}`)),
    };
    const lanes: Graph = {
      nodes: Array.from({ length: 700 }, (_, index) => ({ id: `n${index}`, kind: 'function' })),
      edges: Array.from({ length: 693 }, (_, index) => edge(`n${index}`, `n${index + 7}`)),
    };
    for (const graph of [chainOf(5), chainOf(80), wide, lanes]) {
      const { nodes, width, height } = layoutOf(graph);
      for (const [index, one] of nodes.entries()) {
        expect(one.x - one.width / 2).toBeGreaterThanOrEqual(0);
        expect(one.x + one.width / 2).toBeLessThanOrEqual(width);
        expect(one.y + one.height / 2).toBeLessThanOrEqual(height);
        for (const other of nodes.slice(index + 1)) {
          if (!isBeside(one, other)) expect.fail(`${one.id} covers ${other.id}`);
        }
      }
    }
  });

  it('chooses the direction that fits the space better', () => {
    const positions = (room: { width: number; height: number }) => layoutOf(chainOf(4), { room }).nodes;
    expect(new Set(positions({ width: 1_200, height: 400 }).map(({ y }) => y)).size).toBe(1);
    expect(new Set(positions({ width: 360, height: 700 }).map(({ x }) => x)).size).toBe(1);
  });

  it('accepts cycles, self-loops, parallel edges, and edges from missing nodes', () => {
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

  it('accepts any text as an id', () => {
    const ids = ['', '__proto__', 'constructor', 'n0', '\u0000', '\ud800', ...Object.values(hostile)];
    const { nodes } = layoutOf({ nodes: ids.map((id) => ({ id, kind: 'function' })), edges: [edge('', '__proto__')] });
    expect(nodes.map(({ id }) => id)).toEqual(ids);
  });

  it('places parallel nodes in the order of the flow', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const nodes = ['split', ...names, 'merge'].map((id) => ({ id, kind: 'function' }));
    const edges = names.flatMap((name) => [edge('split', name), edge(name, 'merge')]);
    for (const room of [
      { width: 1_200, height: 700 },
      { width: 1_200, height: 300 },
    ]) {
      const placed = layoutOf({ nodes, edges }, { room }).nodes.filter(({ id }) => names.includes(id));
      const along = new Set(placed.map(({ x }) => x)).size === 1 ? 'y' : 'x';
      const sorted = [...placed].sort((one, other) => one[along] - other[along]);
      expect(sorted.map(({ id }) => id)).toEqual(names);
    }
  });

  it('accepts graphs of any size and depth', () => {
    const long = chainOf(6_000);
    const ring = { ...chainOf(3_000), edges: [...chainOf(3_000).edges, edge('step 2999', 'step 0', 'again')] };
    const [first, ...rest] = chainOf(8_001).nodes;
    const wide = { nodes: [first, ...rest] as Graph['nodes'], edges: rest.map(({ id }) => edge('step 0', id, id)) };
    const apart = { ...chainOf(2_000), edges: [edge('step 5', 'step 5'), edge('step 7', 'step 6')] };
    for (const graph of [long, ring, wide, apart]) {
      const { nodes, edges, width, height } = layoutOf(graph);
      expect(new Set(nodes.map(({ x, y }) => `${x} ${y}`)).size).toBe(graph.nodes.length);
      for (const { x, y, width: w, height: h } of nodes) {
        expect(x - w / 2).toBeGreaterThanOrEqual(0);
        expect(y - h / 2).toBeGreaterThanOrEqual(0);
        expect(x + w / 2).toBeLessThanOrEqual(width);
        expect(y + h / 2).toBeLessThanOrEqual(height);
      }
      expect(edges).toHaveLength(graph.edges.length);
      for (const { path } of edges) expect(path).toMatch(/^M[\d. -]+[LQ]/);
    }
    const { nodes, edges } = layoutOf(wide, { room: { width: 5_000, height: 400 } });
    expect(nodes.every((node, index) => index < 2 || isBeside(node, nodes[index - 1] as (typeof nodes)[number]))).toBe(
      true,
    );
    expect(edges[0]?.label?.text).toBe('step 1');
  });

  it('has no size without nodes', () => {
    expect(layoutOf({ nodes: [], edges: [] })).toMatchObject({ nodes: [], edges: [], isDense: false });
  });
});

describe('a graph drawn as SVG', () => {
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

  it('shows statuses by hue, sign and word', () => {
    const svg = drawSvg(graphOf(flow.toBlueprint(), { charge: 'failed', invoice: 'completed', rest: 'skipped' }));
    expect(svg).toContain(tones.red.light.solid);
    expect(svg).toContain(tones.green.light.solid);
    expect(svg).toContain('>skipped · sleep</text>');
  });

  it('escapes names', () => {
    const nodes = [...Object.values(hostile), '\ud800', '&amp;', '\'"'].map((id) => ({ id, kind: 'function' }));
    const svg = drawSvg({ nodes, edges: [edge(hostile.markup, hostile.long, hostile.markup)] });
    expect(svg).not.toMatch(/<(img|script)/);
    expect(svg).not.toMatch(/[\u202e\u200b\ud800]/u);
    expect(svg).toContain('&lt;img src=x');
    expect(svg).toContain('&amp;amp;');
  });

  it('has one line per node if there are many nodes', () => {
    const many = chainOf(60);
    const svg = drawSvg({ ...many, nodes: many.nodes.map((node) => ({ ...node, status: 'completed' as const })) });
    expect(svg).not.toContain('>completed</text>');
    expect(svg).toContain('<title>step 0 (completed)</title>');
  });

  it('is valid without nodes', () => {
    expect(drawSvg({ nodes: [], edges: [] })).toContain('width="32"');
  });
});

describe('the colours of statuses', () => {
  it('are readable on their backgrounds, light and dark', () => {
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

describe('displayed names', () => {
  it('have hidden characters written as codes', () => {
    expect(visible('a\u202eb')).toBe('a\\u{202e}b');
    expect(visible('a\nb')).toBe('a\\u{a}b');
    expect(visible('a\u200db')).toBe('a\\u{200d}b');
    expect(visible('👩‍👩‍👧')).toBe('👩‍👩‍👧');
    expect(visibleLines('a\n\tb\u0000')).toBe('a\n\tb\\u{0}');
  });

  it('are shortened in the middle', () => {
    expect(shortened('abcdefghij', 10)).toBe('abcdefghij');
    expect(shortened('abcdefghijk', 7)).toBe('abc…ijk');
    expect(shortened('👍'.repeat(100), 5)).toBe('👍👍…👍👍');
    expect([...shortened('x'.repeat(1_000_000), 9)]).toHaveLength(9);
  });
});

/** Contrast ratio as defined by WCAG 2.2. */
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
