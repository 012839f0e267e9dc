import fc from '../properties.js';
import { isStray, type Script, type Step, starts } from './model.js';
import {
  fallbacksOf,
  flattened,
  loopsOf,
  type ModelEdge,
  type ModelGraph,
  type ModelNode,
  reach,
  type WaitKind,
} from './model-loops.js';

/*
 * Random graphs that are valid, each with a script that ends.
 *
 * Nodes are numbered. Forward edges and fallbacks go from a lower to a higher number, so they make no cycle. An edge
 * that goes back can always be left out, and none is taken after a node's last scripted visit, so every run ends.
 */

export interface Case {
  readonly graph: ModelGraph;
  /**
   * The behaviour of each node at its first visits. Afterwards it chooses the action `done` if an edge has it, and no
   * condition holds.
   */
  readonly steps: Readonly<Record<string, readonly Step[]>>;
}

export interface Shape {
  readonly cycles?: boolean;
  readonly fallbacks?: boolean;
  readonly failures?: boolean;
  /** If true, some nodes wait. Waits that nothing but a failure can end also need `failures`. */
  readonly waits?: boolean;
  /** If true, most nodes are repeatable, and most graphs contain long chains. */
  readonly repeatable?: boolean;
}

export function cases(shape: Shape): fc.Arbitrary<Case> {
  const { cycles = false, fallbacks = false, failures = false, waits = false, repeatable = false } = shape;
  const node = rawNode({ cycles, fallbacks, failures, waits, repeatable });
  const nodes = fc.array(node, { minLength: repeatable ? 5 : 1, maxLength: 12, size: 'max' });
  const extra = fc.array(rawEdge, { maxLength: repeatable ? 1 : 10, size: 'max' });
  const back = cycles ? fc.array(rawBackEdge, { minLength: 1, maxLength: 6, size: 'max' }) : fc.constant([]);
  return fc.tuple(nodes, extra, back).map((raw) => toCase(...raw, failures));
}

export function scriptOf({ graph, steps }: Case): Script {
  const sources = new Set(graph.edges.filter(({ action }) => action === 'done').map(({ source }) => source));
  const owners = (id: string) => graph.nodes.filter(({ fallback }) => fallback === id).map((node) => node.id);
  const isWait = (id: string) => graph.nodes.some((node) => node.id === id && node.waits !== undefined);
  // The choice of a fallback also counts for the nodes that it stands in for.
  const hasEnd = (id: string): boolean => (sources.has(id) && !isWait(id)) || owners(id).some(hasEnd);
  return (nodeId, visit) => steps[nodeId]?.[visit - 1] ?? (hasEnd(nodeId) ? { action: 'done' } : {});
}

interface RawEdge {
  readonly from: number;
  readonly to: number;
  readonly action: string | undefined;
  readonly conditional: boolean;
}

interface RawBackEdge {
  readonly from: number;
  readonly to: number;
  readonly kind: 'again' | 'condition' | 'unless done';
}

interface RawStep {
  readonly action: string | undefined;
  readonly truths: readonly boolean[];
  readonly fails: boolean;
  readonly breaks: boolean;
  /** If true, the node may choose an action that no edge has. */
  readonly strays: boolean;
}

interface RawNode {
  readonly joinStrategy: ModelNode['joinStrategy'];
  readonly entry: RawEdge | undefined;
  /** The nodes that this node is the fallback of. Empty for a node that is not a fallback. */
  readonly owners: readonly number[];
  readonly maxVisits: number | undefined;
  readonly waits: WaitKind | undefined;
  readonly repeatable: boolean;
  /** If true, the node follows the node before it, in place of the source of `entry`. */
  readonly isNext: boolean;
  readonly place: number;
  readonly steps: readonly RawStep[];
}

const waitKinds: readonly WaitKind[] = ['wait', 'answered', 'expiring', 'sleep'];

const index = fc.nat({ max: 11 });

const rawEdge: fc.Arbitrary<RawEdge> = fc.record({
  from: index,
  to: index,
  action: either(fc.constant(undefined), 3, fc.constantFrom('x', 'y', 'done'), 1),
  conditional: oneIn(4),
});

const rawBackEdge: fc.Arbitrary<RawBackEdge> = fc.record({
  from: index,
  to: index,
  kind: fc.constantFrom('again', 'condition', 'unless done'),
});

function rawNode({ cycles, fallbacks, failures, waits, repeatable }: Required<Shape>): fc.Arbitrary<RawNode> {
  const owners = either(fc.constant([]), 4, fc.array(index, { minLength: 1, maxLength: 3 }), 1);
  const joins = fc.constantFrom(undefined, 'all', 'any', 'any', 'settled', 'failed', 'allCompleted');
  const maxVisits = either(fc.constant(undefined), 9, fc.integer({ min: 1, max: 3 }), 1);
  return fc.record({
    joinStrategy: repeatable ? either(fc.constant(undefined), 3, joins, 1) : joins,
    entry: either(rawEdge, 9, fc.constant(undefined), 1),
    owners: fallbacks ? owners : fc.constant([]),
    maxVisits: cycles && failures ? maxVisits : fc.constant(undefined),
    waits: waits ? either(fc.constant(undefined), 1, fc.constantFrom(...waitKinds), 1) : fc.constant(undefined),
    repeatable: repeatable ? either(fc.constant(true), 3, fc.constant(false), 1) : fc.constant(false),
    isNext: repeatable ? either(fc.constant(true), 9, fc.constant(false), 1) : fc.constant(false),
    place: fc.nat({ max: 99 }),
    steps: fc.array(rawStep({ cycles, failures }), { minLength: 1, maxLength: 3 }),
  });
}

function rawStep({ cycles, failures }: { cycles: boolean; failures: boolean }): fc.Arbitrary<RawStep> {
  const again = cycles ? ['again', 'again'] : [];
  return fc.record({
    action: either(fc.constant(undefined), 1, fc.constantFrom('x', 'y', 'done', ...again), 1),
    truths: fc.array(either(fc.constant(true), 2, fc.constant(false), 1), { maxLength: 5 }),
    fails: failures ? oneIn(10) : fc.constant(false),
    breaks: failures ? oneIn(20) : fc.constant(false),
    strays: failures ? oneIn(10) : fc.constant(false),
  });
}

function either<One, Other>(one: fc.Arbitrary<One>, often: number, other: fc.Arbitrary<Other>, rarely: number) {
  return fc.oneof({ weight: often, arbitrary: one }, { weight: rarely, arbitrary: other });
}

function oneIn(times: number): fc.Arbitrary<boolean> {
  return either(fc.constant(false), times - 1, fc.constant(true), 1);
}

function toCase(
  raw: readonly RawNode[],
  extra: readonly RawEdge[],
  back: readonly RawBackEdge[],
  mayFail: boolean,
): Case {
  const fallbacks = fallbackChoices(raw);
  const edges = withEntries(
    edgesOf(raw, extra, back, new Set(fallbacks.values())),
    raw.length,
    new Set(fallbacks.values()),
  );
  const named = edges.map((edge, at) => ({
    ...edge,
    ...(edge.condition === undefined ? {} : { condition: `e${at}` }),
  }));
  const nodes = raw.map((node, at) => modelNode(node, at, fallbacks));
  const places = new Map(raw.map(({ place }, at) => [nameOf(at), place]));
  const shuffled = nodes.toSorted((one, other) => (places.get(one.id) ?? 0) - (places.get(other.id) ?? 0));
  const sound = withSoundJoins(withFallbacksOfOneLoop(startsWell({ nodes: shuffled, edges: named })));
  const graph = withWaits(sound, new Map(raw.map(({ waits }, at) => [nameOf(at), waits])), mayFail);
  const steps = raw.map(({ steps }, at) => [nameOf(at), steps.map((step) => modelStep(step, nameOf(at), graph))]);
  return { graph, steps: Object.fromEntries(steps) };
}

/** The fallback of each node that has one. */
function fallbackChoices(raw: readonly RawNode[]): Map<number, number> {
  const choices = new Map<number, number>();
  for (const [at, { owners }] of raw.entries()) {
    if (at === 0) continue;
    for (const owner of owners) if (!choices.has(owner % at)) choices.set(owner % at, at);
  }
  return choices;
}

function edgesOf(
  raw: readonly RawNode[],
  extra: readonly RawEdge[],
  back: readonly RawBackEdge[],
  fallbacks: ReadonlySet<number>,
): ModelEdge[] {
  const edges: ModelEdge[] = [];
  const add = (source: number, target: number, edge: Pick<ModelEdge, 'action' | 'condition'>) => {
    if (!fallbacks.has(target)) edges.push({ source: nameOf(source), target: nameOf(target), ...edge });
  };
  for (const [at, { entry, isNext }] of raw.entries())
    if (at > 0 && entry) add(isNext ? at - 1 : entry.from % at, at, isNext ? {} : choice(entry));
  for (const edge of extra) {
    const [source, target] = ends(edge, raw.length);
    if (source !== target) add(source, target, choice(edge));
  }
  const forward = edges.length;
  for (const edge of back) {
    const [target, source] = ends(edge, raw.length);
    const other = edges.findIndex((one, at) => at < forward && one.source === nameOf(source));
    if (edge.kind === 'unless done' && other >= 0 && !fallbacks.has(target)) {
      edges[other] = { ...(edges[other] as ModelEdge), action: 'done' };
      add(source, target, {});
    } else add(source, target, edge.kind === 'condition' ? { condition: 'named later' } : { action: 'again' });
  }
  return edges;
}

function choice({ action, conditional }: RawEdge): Pick<ModelEdge, 'action' | 'condition'> {
  return { ...(action === undefined ? {} : { action }), ...(conditional ? { condition: 'named later' } : {}) };
}

function ends({ from, to }: { readonly from: number; readonly to: number }, length: number): [number, number] {
  const [one, other] = [from % length, to % length];
  return [Math.min(one, other), Math.max(one, other)];
}

/** Leads from the first node to those that only edges back lead to; to all, if an edge back leads to the first. */
function withEntries(edges: readonly ModelEdge[], length: number, fallbacks: ReadonlySet<number>): ModelEdge[] {
  const into = (at: number) => edges.filter(({ target }) => target === nameOf(at));
  const isForward = ({ source, target }: ModelEdge) => source < target;
  const added: ModelEdge[] = [];
  for (let at = 1; at < length; at++) {
    const needs = into(at).length > 0 || into(0).length > 0;
    if (needs && !fallbacks.has(at) && !into(at).some(isForward)) {
      added.push({ source: nameOf(0), target: nameOf(at) });
    }
  }
  return [...edges, ...added];
}

/** Declares a node from which all others can be reached first, where no node is free of edges that lead to it. */
function startsWell(graph: ModelGraph): ModelGraph {
  const { nodes, edges } = graph;
  const all = new Set(nodes.map(({ id }) => id));
  const free = starts(graph).some((id) => edges.every(({ target }) => target !== id));
  const root = nameOf(0);
  const first = nodes.find(
    ({ id }) => id === root || (reach(id, all, edges).has(root) && reach(root, all, edges).has(id)),
  );
  if (free || first === undefined) return graph;
  return { edges, nodes: [first, ...nodes.filter((node) => node !== first)] };
}

/** A fallback that several nodes share stays with those that are in the same loop as the first of them. */
function withFallbacksOfOneLoop(graph: ModelGraph): ModelGraph {
  const loops = flattened(loopsOf(graph));
  const loopOf = (id: string) => loops.find(({ members }) => members.has(id));
  const firstOwner = (fallback: string) => graph.nodes.find((node) => node.fallback === fallback)?.id ?? '';
  const strays = graph.nodes.filter(({ id, fallback }) => fallback && loopOf(id) !== loopOf(firstOwner(fallback)));
  const stray = strays[0];
  if (stray === undefined) return graph;
  const nodes = graph.nodes.map((node) => (node === stray ? withoutFallback(node) : node));
  return withFallbacksOfOneLoop({ edges: graph.edges, nodes });
}

/** Nodes that run after a failure need a node before them. An edge that leads back in a loop does not count. */
function withSoundJoins({ nodes, edges }: ModelGraph): ModelGraph {
  const loops = flattened(loopsOf({ nodes, edges }));
  const isBack = ({ source, target }: ModelEdge) =>
    loops.some(({ members, headers }) => members.has(source) && headers.has(target));
  const sound = nodes.map((node) => {
    const { joinStrategy, ...rest } = node;
    const isJoin = joinStrategy !== 'settled' && joinStrategy !== 'failed';
    return isJoin || edges.some((edge) => edge.target === node.id && !isBack(edge)) ? node : rest;
  });
  return { nodes: sound, edges };
}

/**
 * Lets nodes wait. A node that would repeat a loop in each turn does not wait, because a wait chooses no action, and no
 * condition is evaluated behind a wait whose output is its input. The edges of a timed wait that have an action are
 * those of its expiry; without one, the wait only expires if it may fail.
 */
function withWaits(graph: ModelGraph, kinds: ReadonlyMap<string, WaitKind | undefined>, mayFail: boolean): ModelGraph {
  const fallbacks = fallbacksOf(graph);
  const edgesOf = (id: string) => graph.edges.filter(({ source }) => source === id);
  const canWait = (id: string, kind: WaitKind) =>
    !fallbacks.has(id) &&
    edgesOf(id).every(({ target, condition }) => id < target || (kind === 'wait' && condition !== undefined));
  const kindOf = (id: string): WaitKind | undefined => {
    const kind = kinds.get(id);
    if (kind === undefined || !canWait(id, kind)) return undefined;
    const isFollowed = edgesOf(id).some(({ action }) => action !== undefined);
    return kind === 'expiring' && !isFollowed && !mayFail ? 'answered' : kind;
  };
  const nodes = graph.nodes.map((node) => {
    const waits = kindOf(node.id);
    return waits === undefined ? node : { ...node, waits };
  });
  const edges = graph.edges.map(({ action, condition, ...edge }) => {
    const kind = kindOf(edge.source);
    const isTimed = kind === 'answered' || kind === 'expiring';
    return {
      ...edge,
      ...(action !== undefined && { action: isTimed ? 'timeout' : action }),
      ...(condition !== undefined && (kind === undefined || kind === 'wait') && { condition }),
    };
  });
  return { nodes, edges };
}

function withoutFallback({ fallback: _, ...node }: ModelNode): ModelNode {
  return node;
}

function modelNode(
  { joinStrategy, maxVisits, repeatable }: RawNode,
  at: number,
  fallbacks: ReadonlyMap<number, number>,
): ModelNode {
  const fallback = fallbacks.get(at);
  return {
    id: nameOf(at),
    ...(joinStrategy && { joinStrategy }),
    ...(maxVisits && { maxVisits }),
    ...(repeatable && { repeatable }),
    ...(fallback && { fallback: nameOf(fallback) }),
  };
}

function modelStep({ action: chosen, truths, fails, breaks, strays }: RawStep, id: string, graph: ModelGraph): Step {
  const { edges, nodes } = graph;
  const isWait = nodes.some((node) => node.id === id && node.waits !== undefined);
  const action = isWait ? undefined : strays || !isStray(graph, id, chosen) ? chosen : undefined;
  const conditions = edges.flatMap(({ condition }) => condition ?? []);
  const own = edges.filter(({ source }) => source === id).flatMap(({ condition }) => condition ?? []);
  const broken = breaks ? own.slice(0, 1) : [];
  const holds = conditions.filter((name, at) => !broken.includes(name) && (truths[at % truths.length] ?? true));
  return { ...(action && { action }), ...(fails && !isWait && { fails }), ...(broken.length > 0 && { broken }), holds };
}

/** The names sort as the numbers do: `a` is 0. */
function nameOf(at: number): string {
  return String.fromCharCode('a'.charCodeAt(0) + at);
}
