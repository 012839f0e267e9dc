import type { JoinStrategy } from 'orchestrator/flow';

/*
 * The loops of a graph, by the definition: strongly connected parts, their headers, and what remains strongly
 * connected without the edges that lead back to the headers. Slow and plain on purpose.
 *
 * A failure leads to the fallback, so a cycle may go through one. A fallback is in the innermost loop of the node that
 * it stands in for, whether it leads back or not: it may be needed in each turn.
 */

/**
 * The kind of a node that waits: for an event, with a timeout until the event (`answered`) or until the timeout
 * (`expiring`), or for a time (`sleep`).
 */
export type WaitKind = 'wait' | 'answered' | 'expiring' | 'sleep';

export interface ModelNode {
  readonly id: string;
  /** Default: the node does not wait. */
  readonly waits?: WaitKind;
  readonly joinStrategy?: JoinStrategy;
  readonly fallback?: string;
  readonly maxVisits?: number;
  /** If true, a fleet need not commit the end of the node before the next node begins. Default: false. */
  readonly repeatable?: true;
}

export interface ModelEdge {
  readonly source: string;
  readonly target: string;
  readonly action?: string;
  /** The name of the condition of the edge. */
  readonly condition?: string;
}

export interface ModelGraph {
  readonly nodes: readonly ModelNode[];
  readonly edges: readonly ModelEdge[];
}

export interface Loop {
  readonly members: ReadonlySet<string>;
  readonly headers: ReadonlySet<string>;
  readonly inner: readonly Loop[];
}

/** A link from one node to another: an edge or a fallback. */
type Link = Pick<ModelEdge, 'source' | 'target'>;

/** The outermost loops, with those inside them. */
export function loopsOf(graph: ModelGraph): Loop[] {
  return loopsAmong(graph, new Set(graph.nodes.map(({ id }) => id)), [...graph.edges, ...failures(graph)]);
}

/** Every loop, the inner ones before those around them. */
export function flattened(loops: readonly Loop[]): Loop[] {
  return loops.flatMap((loop) => [...flattened(loop.inner), loop]);
}

export function fallbacksOf(graph: ModelGraph): Set<string> {
  return new Set(failures(graph).map(({ target }) => target));
}

/** The links from nodes to their fallbacks. */
function failures({ nodes }: ModelGraph): Link[] {
  return nodes.flatMap(({ id, fallback }) => (fallback === undefined ? [] : [{ source: id, target: fallback }]));
}

/** The nodes that a node can reach inside a set of nodes, by one or more links. */
export function reach(from: string, within: ReadonlySet<string>, links: readonly Link[]): Set<string> {
  const found = new Set<string>();
  const visit = (id: string) => {
    for (const { source, target } of links) {
      if (source !== id || !within.has(target) || found.has(target)) continue;
      found.add(target);
      visit(target);
    }
  };
  visit(from);
  return found;
}

function loopsAmong(graph: ModelGraph, nodes: ReadonlySet<string>, links: readonly Link[]): Loop[] {
  const reached = new Map([...nodes].map((id) => [id, reach(id, nodes, links)]));
  const connected = (one: string, other: string) => reached.get(one)?.has(other) && reached.get(other)?.has(one);
  const loops: Loop[] = [];
  for (const first of nodes) {
    if (!connected(first, first) || loops.some(({ members }) => members.has(first))) continue;
    const part = [...nodes].filter((id) => connected(first, id));
    loops.push(loopOf(graph, withFallbacks(graph, part), links));
  }
  return loops;
}

function loopOf(graph: ModelGraph, members: Set<string>, links: readonly Link[]): Loop {
  const entered = graph.edges.filter(({ source, target }) => members.has(target) && !members.has(source));
  const fallbacks = fallbacksOf(graph);
  const start = graph.nodes.find(({ id }) => members.has(id) && !fallbacks.has(id));
  const headers = new Set(entered.length > 0 ? entered.map(({ target }) => target) : start ? [start.id] : []);
  const forward = links.filter(({ source, target }) => !(members.has(source) && headers.has(target)));
  return { members, headers, inner: loopsAmong(graph, members, forward) };
}

function withFallbacks(graph: ModelGraph, part: readonly string[]): Set<string> {
  const members = new Set(part);
  const links = failures(graph);
  for (const id of members) for (const { source, target } of links) if (source === id) members.add(target);
  return members;
}
