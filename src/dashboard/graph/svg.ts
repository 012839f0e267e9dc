import { signOf, signs, toneOf, tones, wordOf } from './appearance.js';
import type { Graph } from './graph.js';
import { fontSize, type Layout, labelSize, layoutOf, type PlacedEdge, type PlacedNode } from './layout.js';
import { visible } from './text.js';

const paper = '#ffffff';
const line = '#9a9ca8';
const ink = '#1b1c22';
const muted = '#63656f';
const plain = { ink: muted, tint: '#f8f8fa', solid: '#c4c6cf' };

/** Draws a graph as a standalone SVG document. Labels are text, not shapes. */
export function drawSvg(graph: Graph): string {
  const layout = layoutOf(graph);
  const { width, height } = sizeOf(layout);
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
      `font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif">`,
    `<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">` +
      `<path d="M1 1l6 3l-6 3z" fill="${line}"/></marker></defs>`,
    `<rect width="${width}" height="${height}" fill="${paper}"/>`,
    ...layout.edges.map(drawEdge),
    ...layout.edges.map(drawLabel),
    ...layout.nodes.map((placed) => drawNode(placed, nodes.get(placed.id) ?? { id: placed.id, kind: '' }, layout)),
    '</svg>',
    '',
  ].join('\n');
}

function sizeOf({ width, height }: Layout): { readonly width: number; readonly height: number } {
  return { width: Math.max(32, Math.ceil(width)), height: Math.max(32, Math.ceil(height)) };
}

function drawEdge({ path, edge }: PlacedEdge): string {
  const dash = edge.isFallback ? ' stroke-dasharray="5 4"' : '';
  return `<path d="${path}" fill="none" stroke="${line}" stroke-width="1.5"${dash} marker-end="url(#arrow)"/>`;
}

function drawLabel({ label, edge }: PlacedEdge): string {
  if (label === undefined) return '';
  const { x, y, width, text } = label;
  return (
    `<g><title>${escaped(visible(edge.label ?? text))}</title>` +
    `<rect x="${x - width / 2}" y="${y - 9}" width="${width}" height="18" rx="9" fill="${paper}"/>` +
    `<text x="${x}" y="${y + 4}" text-anchor="middle" font-size="${labelSize}" fill="${muted}">${escaped(text)}</text></g>`
  );
}

function drawNode(placed: PlacedNode, { id, kind, status }: Graph['nodes'][number], { isDense }: Layout): string {
  const { x, y, width, height, label } = placed;
  const { tint, solid, ink: strong } = status === undefined ? plain : tones[toneOf[status]].light;
  const left = x - width / 2;
  const top = y - height / 2;
  const below = [status && wordOf(status), kind === 'function' ? undefined : kind]
    .filter((part) => part !== undefined)
    .join(' · ');
  const hasSecondLine = !isDense && below !== '';
  const isIdle = status === 'skipped' || status === 'pending' || status === 'unreached';
  const dash = isIdle ? ' stroke-dasharray="4 3"' : '';
  return [
    `<g><title>${escaped(visible(below === '' ? id : `${id} (${below})`))}</title>`,
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" rx="8" fill="${tint}" stroke="${solid}" stroke-width="1.5"${dash}/>`,
    status === undefined
      ? ''
      : `<path transform="translate(${left + 12} ${y - 8})" d="${signs[signOf[status]]}" fill="none" stroke="${strong}" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"/>`,
    `<text x="${left + (status === undefined ? 14 : 36)}" y="${hasSecondLine ? y - 2 : y + 4.5}" font-size="${fontSize}" font-weight="500" fill="${ink}">${escaped(label)}</text>`,
    hasSecondLine
      ? `<text x="${left + (status === undefined ? 14 : 36)}" y="${y + 14}" font-size="${labelSize}" fill="${strong}">${escaped(below)}</text>`
      : '',
    '</g>',
  ].join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes text for XML. Lone surrogates are replaced, because they would make the document invalid. */
function escaped(text: string): string {
  return text.replace(/\p{Surrogate}|[\uFFFE\uFFFF]/gu, '\uFFFD').replace(/[&<>"']/g, (sign) => entities[sign] ?? sign);
}
