import { createHash } from 'node:crypto';
import { cut } from '../../shared/text.js';
import { isPlainObject } from '../../shared/validate.js';
import type { EdgeDefinition, NodeDefinition } from '../blueprint.js';
import { some } from './loops.js';
import { orderOf } from './order.js';
import type { Plan } from './plan.js';

/**
 * The parts of a graph that determine how a run proceeds, in canonical order: the nodes, with the code they use, their
 * inputs, join strategies and fallbacks, and the edges, with their actions, conditions and transforms. Policies, limits
 * of visits, other `params` and functions are not included, because they may change while a run waits. For example, a
 * node may be given a longer timeout.
 *
 * The outline is saved with each run, so that a run of another graph can be refused with a message that says what
 * differs.
 */
export interface Outline {
  /** A hash of all nodes and edges with the properties listed above. */
  readonly hash: string;
  /** The ids of the nodes, sorted. */
  readonly nodes: readonly string[];
  /** A short hash of each node. */
  readonly nodeMarks: string;
  /** For each arc, the places of its source and its target in `nodes`. */
  readonly arcs: readonly number[];
  /** A short hash of the edges of each arc. */
  readonly arcMarks: string;
}

const outlines = new WeakMap<Plan, Outline>();

export function outlineOf(plan: Plan): Outline {
  const known = outlines.get(plan);
  if (known !== undefined) return known;
  const outline = makeOutline(plan);
  outlines.set(plan, outline);
  return outline;
}

function makeOutline(plan: Plan): Outline {
  const { nodes, places, arcs } = orderOf(plan);
  const ids = Array.from(nodes, (node) => plan.idOf(node));
  const chosen = chosenStart(plan);
  const nodeTexts = Array.from(nodes, (node) => textOfNode(plan.nodes[node] as NodeDefinition, node === chosen));
  const edges = new Map<number, string[]>();
  for (const node of nodes) {
    for (const { edge, arc } of plan.outgoing(node)) {
      const texts = edges.get(arc);
      if (texts === undefined) edges.set(arc, [textOfEdge(edge)]);
      else texts.push(textOfEdge(edge));
    }
  }
  const ends: number[] = [];
  for (const arc of arcs) ends.push(place(places, plan.arcSource[arc]), place(places, plan.arcTarget[arc]));
  const arcTexts = Array.from(arcs, (arc) => (edges.get(arc) as string[]).join());
  const hash = digest([ids, nodeTexts, ends, arcTexts]);
  return { hash, nodes: ids, nodeMarks: marksOf(nodeTexts), arcs: ends, arcMarks: marksOf(arcTexts) };
}

/** Returns the SHA-256 hash of a JSON value. */
export function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url');
}

/**
 * Returns the start of a flow in which every node has a predecessor, or -1 for other flows. Such a flow starts at the
 * node that was declared first, so here the order of declaration matters.
 */
function chosenStart({ starts, into, arcSource }: Plan): number {
  const [start] = starts;
  if (starts.length !== 1 || start === undefined) return -1;
  return some(into, start, (arc) => arcSource[arc] !== start) ? start : -1;
}

/**
 * The parameters of built-in nodes that belong to the outline. All other parameters are passed to the code of the
 * nodes.
 */
const tellingParams: Readonly<Record<string, readonly string[]>> = {
  wait: ['event'],
  batch: ['worker', 'items'],
  subflow: ['flow', 'outputs'],
};

function textOfNode({ uses, inputs, params, config }: NodeDefinition, isChosen: boolean): string {
  const telling = (Object.hasOwn(tellingParams, uses) ? tellingParams[uses] : undefined) ?? [];
  const { joinStrategy, fallback } = config ?? {};
  return JSON.stringify([
    uses,
    sorted(inputs),
    telling.map((key) => sorted(params?.[key])),
    // Saved runs have the hash of these values, so the names of the first two strategies are not part of it.
    joinStrategy === undefined || joinStrategy === 'all' || joinStrategy === 'any'
      ? joinStrategy === 'any'
      : joinStrategy,
    fallback,
    isChosen,
  ]);
}

function textOfEdge({ action, condition, transform }: EdgeDefinition): string {
  return JSON.stringify([action, withoutNumber(condition), withoutNumber(transform)]);
}

/**
 * Matches the names under which functions on edges are registered. The number of the edge in such a name is removed,
 * because it depends on the order of declaration.
 */
const numbered = /^(condition|transform) of edge \d+(?:\(\))*$/;

function withoutNumber(text: string | undefined): string | undefined {
  return text === undefined ? undefined : text.replace(numbered, '$1 of edge');
}

/** Converts a mapping to entries that are sorted by key. */
function sorted(mapping: unknown): unknown {
  return isPlainObject(mapping) ? Object.entries(mapping).sort(([one], [other]) => (one < other ? -1 : 1)) : mapping;
}

function place(places: Int32Array, node: number | undefined): number {
  return places[node as number] as number;
}

/** Length of a mark in characters. Marks are used only to name the differences; `hash` decides if there are any. */
const markLength = 4;

function marksOf(texts: readonly string[]): string {
  return texts.map(markOf).join('');
}

/** Returns the first 24 bits of an FNV-1a hash, as base64. */
function markOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return Buffer.from([hash, hash >> 8, hash >> 16]).toString('base64url');
}

/** Returns true if a deserialized value has the shape of an outline. */
export function isOutline(value: unknown): value is Outline {
  if (!isPlainObject(value)) return false;
  const { hash, nodes, nodeMarks, arcs, arcMarks } = value;
  if (typeof hash !== 'string' || typeof nodeMarks !== 'string' || typeof arcMarks !== 'string') return false;
  if (!Array.isArray(nodes) || !nodes.every((id) => typeof id === 'string')) return false;
  const isPlace = (end: unknown) => Number.isInteger(end) && (end as number) >= 0 && (end as number) < nodes.length;
  if (!Array.isArray(arcs) || !arcs.every(isPlace) || arcs.length % 2 !== 0) return false;
  return nodeMarks.length === nodes.length * markLength && arcMarks.length === (arcs.length / 2) * markLength;
}

/** Maximum number of names for each kind of difference in a message. */
const mostNamed = 3;

/** Maximum length of an id in a message, in characters. */
const longestId = 50;

/**
 * Describes the differences between two graphs for a message. Returns an empty string if the marks show no difference.
 */
export function differences(before: Outline, now: Outline): string {
  const found = [
    ...described('node', nodesOf(before), nodesOf(now)),
    ...described('edge', arcsOf(before), arcsOf(now)),
  ];
  return found.join('; ');
}

/** Nodes or arcs by key, with their names in messages and their marks. */
type Parts = ReadonlyMap<string, { readonly name: string; readonly mark: string }>;

function* described(kind: string, before: Parts, now: Parts): Generator<string> {
  const named = {
    added: [...now].filter(([key]) => !before.has(key)),
    removed: [...before].filter(([key]) => !now.has(key)),
    changed: [...now].filter(([key, { mark }]) => before.has(key) && before.get(key)?.mark !== mark),
  };
  for (const [how, parts] of Object.entries(named)) {
    if (parts.length === 0) continue;
    const names = parts.slice(0, mostNamed).map(([, { name }]) => name);
    const more = parts.length > mostNamed ? ` and ${parts.length - mostNamed} more` : '';
    yield `${kind}${parts.length === 1 ? '' : 's'} ${how}: ${names.join(', ')}${more}`;
  }
}

function nodesOf({ nodes, nodeMarks }: Outline): Parts {
  return new Map(nodes.map((id, at) => [id, { name: quoted(id), mark: markAt(nodeMarks, at) }]));
}

function arcsOf({ nodes, arcs, arcMarks }: Outline): Parts {
  const ends = Array.from({ length: arcs.length / 2 }, (_, at) => [
    String(nodes[arcs[2 * at] as number]),
    String(nodes[arcs[2 * at + 1] as number]),
  ]);
  return new Map(
    ends.map(([source = '', target = ''], at) => [
      JSON.stringify([source, target]),
      { name: `${quoted(source)} → ${quoted(target)}`, mark: markAt(arcMarks, at) },
    ]),
  );
}

function markAt(marks: string, at: number): string {
  return marks.slice(at * markLength, (at + 1) * markLength);
}

function quoted(id: string): string {
  return `"${cut(id, longestId)}"`;
}
