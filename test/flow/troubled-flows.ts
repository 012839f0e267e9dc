import { Flow, type Graph, GraphBuilder, type NodeArgs, withAction } from 'orchestrator/flow';
import { expect } from 'vitest';
import { turns } from '../../src/distributed/testing/lateness.js';
import fc from '../properties.js';
import { fails } from './compare.js';
import {
  fallbacksOf,
  flattened,
  type Loop,
  loopsOf,
  type ModelEdge,
  type ModelGraph,
  type ModelNode,
  reach,
} from './model-loops.js';
import { type Case, cases, type Shape, scriptOf } from './random-graphs.js';
import type { AnyFlow, Scene, Site } from './scene.js';
import type { Trial } from './troubled-runs.js';

/*
 * Random graphs whose nodes write to the context, some of them in their second attempt, with batches, sub-flows, waits
 * and sleeps on some edges.
 *
 * Some waits have a timeout. An `answered` wait gets its event long before it expires. An `expiring` wait gets none, and
 * leads on with and without the action of an expiry; an `expired` one leads on only with it.
 */

const specialKinds = ['batch', 'subflow', 'wait', 'sleep', 'answered', 'expiring', 'expired'] as const;
type Special = (typeof specialKinds)[number];

/** The timeouts of waits, in milliseconds. */
const timeouts: Partial<Record<Special, number>> = { answered: 3_600_000, expiring: 3, expired: 3 };

/** The changes that a node makes to the context, besides its output. */
interface Writes {
  /** If true, the node writes a key of its own. */
  readonly own: boolean;
  /** If true, the node adds to a list that all nodes share. */
  readonly log: boolean;
  /** If true, the node sets a key in an object that all nodes share, and a key in an inner object. */
  readonly tally: boolean;
  /** If true, the node changes the output of an earlier node. */
  readonly touch: boolean;
  /** If true, the node removes the own key of an earlier node. */
  readonly removes: boolean;
}

export interface TroubledCase {
  readonly one: Case;
  readonly specials: readonly (readonly [edge: number, kind: Special])[];
  readonly writes: readonly Writes[];
  /** If true, the node fails in its first attempt and is retried. */
  readonly flaky: readonly boolean[];
  /** The number of event loop turns that each execution takes, in order. */
  readonly paces: readonly number[];
  readonly concurrency: number | undefined;
}

const sometimes = fc.boolean();
const writes = fc.record<Writes>({
  own: sometimes,
  log: sometimes,
  tally: sometimes,
  touch: sometimes,
  removes: sometimes,
});

export function troubledCases(shape: Shape): fc.Arbitrary<TroubledCase> {
  return fc.record({
    one: cases(shape),
    specials: fc.array(fc.tuple(fc.nat({ max: 30 }), fc.constantFrom<Special>(...specialKinds)), { maxLength: 4 }),
    flaky: fc.array(sometimes, { minLength: 1, maxLength: 5 }),
    writes: fc.array(writes, { minLength: 1, maxLength: 5 }),
    paces: fc.array(fc.constantFrom(0, 0, 1, 3), { minLength: 1, maxLength: 6 }),
    concurrency: fc.constantFrom(1, 2, undefined),
  });
}

/**
 * Returns true if the run fails in a fallback. A continued run repeats the fallback at another visit, for which the
 * script says something else.
 */
export function mayLoseFallback({ one }: TroubledCase): boolean {
  const fallbacks = fallbacksOf(one.graph);
  return [...fallbacks].some((id) => (one.steps[id] ?? []).some((_, at) => fails(one, `${id}#${at + 1}`)));
}

/**
 * Returns true if only time decides which waiting nodes are skipped. A join of `any` that starts makes the sleeps and
 * waits needless that lead to it alone, and so are all nodes between them. A sleep and a wait that expires end by
 * themselves. Another wait ends when nothing else can run, so before or after other waits and sleeps.
 *
 * @param isEarly - if true, the events may come at any moment. Default: false
 */
export function mayLetGoByTime({ one, specials }: TroubledCase, isEarly = false): boolean {
  const graph = specialised(one.graph, specials);
  const links = linksWithin(graph);
  const nodes = new Set(graph.nodes.map(({ id }) => id));
  const held = graph.nodes.filter(({ uses }) => uses !== undefined && isHeld(uses));
  const reachedBy = (paths: typeof links) =>
    new Map(held.map(({ id }) => [id, new Set([id, ...reach(id, nodes, paths)])]));
  const behind = reachedBy(links);
  // The fallback of one node leads on for that node alone, so what is behind a fallback need not wait for its owner.
  const surelyBehind = reachedBy(links.filter(isEdgeOf(graph)));
  const firsts = graph.nodes.filter(({ joinStrategy }) => joinStrategy === 'any');
  return firsts.some((first) => {
    const sources = links.filter(({ target }) => target === first.id).map(({ source }) => source);
    return held.some(({ id, uses }) => {
      const isBehind = (source: string) => behind.get(id)?.has(source) === true;
      const others = sources.filter((source) => surelyBehind.get(id)?.has(source) !== true);
      // The sleeps themselves are not compared.
      if (uses === 'sleep') return others.length > 0 && sources.some((source) => source !== id && isBehind(source));
      if (isEarly || uses === 'expiring' || uses === 'expired') return others.length > 0 && sources.some(isBehind);
      const end = (source: string) => held.some((other) => other.id !== id && behind.get(other.id)?.has(source));
      return sources.some(isBehind) && others.some(end);
    });
  });
}

function isHeld(kind: Special): boolean {
  return kind === 'sleep' || usesOf(kind) === 'wait';
}

/** The successors of each node within a turn of a loop. The successors of a node are also those of its fallback. */
function linksWithin(graph: ModelGraph): Pick<ModelEdge, 'source' | 'target'>[] {
  const owned = graph.nodes.flatMap(({ id, fallback }) => (fallback === undefined ? [] : [{ id, fallback }]));
  const links = [
    ...graph.edges,
    ...owned.flatMap(({ id, fallback }) => [
      { source: id, target: fallback },
      ...graph.edges.filter(({ source }) => source === id).map(({ target }) => ({ source: fallback, target })),
    ]),
  ];
  const loops = flattened(loopsOf(graph));
  return links.filter(({ source, target }) => !loops.some((loop) => leadsBack(loop, source, target)));
}

function isEdgeOf({ edges }: ModelGraph): (link: Pick<ModelEdge, 'source' | 'target'>) => boolean {
  return (link) => edges.some(({ source, target }) => source === link.source && target === link.target);
}

function leadsBack({ members, headers }: Loop, source: string, target: string): boolean {
  return members.has(source) && headers.has(target);
}

export function sceneOf(given: TroubledCase): Scene {
  const { concurrency, one } = given;
  return {
    build: (site) => flowOf(given, site),
    context: { log: [], tally: { deep: {} } },
    options: concurrency === undefined ? {} : { concurrency },
    fails: (mark) => {
      const [, execution = ''] = /:([a-l]#\d+)»$/.exec(mark) ?? [];
      return execution !== '' && !mark.includes('/') && fails(one, execution);
    },
  };
}

function flowOf({ one, specials, writes, flaky, paces }: TroubledCase, site: Site): AnyFlow {
  const script = scriptOf(one);
  const routed = routedOf(one.graph, specials);
  const whole = specialised(one.graph, specials);
  let calls = 0;
  const takesTime = () => turns(paces[calls++ % paces.length] ?? 0);
  const isFlaky = (nodeId: string) => flaky[nodeId.charCodeAt(0) % flaky.length] === true;
  const node = async (input: unknown, args: NodeArgs) => {
    const { nodeId, visit, attempt } = args;
    if (isFlaky(nodeId) && attempt === 1) throw new Error(`flaky ${nodeId}`);
    const mark = await site.begin(args, input);
    await takesTime();
    write(whole, writes[nodeId.charCodeAt(0) % writes.length] as Writes, args, mark);
    await takesTime();
    await site.end(mark);
    const { fails, action, holds, broken } = script(nodeId, visit);
    if (fails) throw new Error(`scripted ${nodeId}`);
    const truths = conditionsOf(one.graph).map((name) => [name, isIn(broken, name) ? 'yes' : isIn(holds, name)]);
    const output = { mark, ...Object.fromEntries(truths) };
    return action === undefined ? output : withAction(action, output);
  };
  const item = async (input: unknown, args: NodeArgs) => {
    const mark = await site.begin(args, undefined);
    await takesTime();
    args.context.log.push(mark);
    await site.end(mark);
    return { mark, input };
  };
  const inner = new Flow('inner')
    .node('x', async (input: unknown, args: NodeArgs) => {
      const mark = await site.begin(args, input);
      args.context.seen = [mark];
      await takesTime();
      await site.end(mark);
      return { mark };
    })
    .node('y', async (input: unknown, args: NodeArgs) => {
      const mark = await site.begin(args, input);
      await takesTime();
      args.context.seen.push(mark);
      await site.end(mark);
      return { mark, seen: [...args.context.seen] };
    })
    .edge('x', 'y');
  return new GraphBuilder({ node, item, inner }).build(graphOf(one.graph, routed, isFlaky)) as AnyFlow;
}

function isIn(list: readonly string[] | undefined, name: string): boolean {
  return list?.includes(name) ?? false;
}

function conditionsOf({ edges }: ModelGraph): string[] {
  return edges.flatMap(({ condition }) => condition ?? []);
}

/** The edges of a graph, and the nodes that were put on some of them. */
interface Routed {
  readonly added: readonly Graph['nodes'][number][];
  readonly edges: readonly ModelEdge[];
}

/**
 * Puts batches, sub-flows and waits on edges without action and condition, so that the course of the run stays the
 * same.
 */
function routedOf({ edges }: ModelGraph, specials: TroubledCase['specials']): Routed {
  const added: Graph['nodes'][number][] = [];
  const routed: ModelEdge[] = [...edges];
  for (const [at, kind] of specials) {
    const free = routed.flatMap(({ action, condition }, index) =>
      action === undefined && condition === undefined ? [index] : [],
    );
    const index = free[at % free.length];
    if (index === undefined) continue;
    const { source, target } = routed[index] as ModelEdge;
    const id = `${kind}${added.length}`;
    added.push({ id, uses: usesOf(kind), ...paramsOf(kind) });
    const plain = kind === 'expired' ? [] : [{ source: id, target }];
    const timed = timeouts[kind] === undefined ? [] : [{ source: id, target, action: 'timeout' }];
    routed.splice(index, 1, { source, target: id }, ...plain, ...timed);
  }
  return { added, edges: routed };
}

interface SpecialNode extends ModelNode {
  /** The kind of a node that was put on an edge. Default: none. */
  readonly uses?: Special;
}

/** A graph with the nodes that were put on its edges. */
interface SpecialGraph extends ModelGraph {
  readonly nodes: readonly SpecialNode[];
}

function specialised(graph: ModelGraph, specials: TroubledCase['specials']): SpecialGraph {
  const { added, edges } = routedOf(graph, specials);
  return { nodes: [...graph.nodes, ...added.map(({ id }) => ({ id, uses: kindOf(id) }))], edges };
}

function usesOf(kind: Special): string {
  return timeouts[kind] === undefined ? kind : 'wait';
}

/** The kind of an added node, whose id is the kind and a number. */
function kindOf(id: string): Special {
  return id.replace(/\d+$/, '') as Special;
}

function graphOf({ nodes }: ModelGraph, { added, edges }: Routed, isFlaky: (nodeId: string) => boolean): Graph {
  const again = { retry: { retries: 1, minTimeout: 0 } };
  return {
    id: 'troubled',
    nodes: [
      ...nodes.map(({ id, ...config }) => ({ id, uses: 'node', config: { ...config, ...(isFlaky(id) && again) } })),
      ...added,
    ],
    edges: edges.map(({ condition, ...edge }) => ({
      ...edge,
      ...(condition && { condition: `output.${condition}` }),
    })),
  };
}

function paramsOf(kind: Special): object {
  if (kind === 'sleep') return { params: { duration: 5 } };
  if (timeouts[kind] !== undefined) return { params: { timeout: timeouts[kind] } };
  if (kind === 'batch') return { params: { worker: 'item', items: '[1.0, 2.0, 3.0]', concurrency: 2 } };
  return kind === 'subflow' ? { params: { flow: 'inner' } } : {};
}

function write(graph: SpecialGraph, writes: Writes, { context, nodeId, visit }: NodeArgs, mark: string): void {
  const before = nodeBefore(graph, nodeId);
  if (writes.own) context[`own ${nodeId}`] = mark;
  if (writes.log) context.log.push(mark);
  if (writes.tally) context.tally[nodeId] = visit;
  if (writes.tally) context.tally.deep[nodeId] = mark;
  if (before === undefined) return;
  const isTouched = writes.touch && typeof context[before] === 'object' && !isPassedOn(graph, before);
  if (isTouched) context[before][`touched by ${nodeId}`] = mark;
  if (writes.removes) delete context[`own ${before}`];
}

/**
 * Returns true if the output of a node is also the output of a sleep or an expired wait. It depends on time which of the
 * two has a copy.
 */
function isPassedOn({ nodes, edges }: SpecialGraph, id: string): boolean {
  return edges.some(({ source, target }) => {
    const uses = nodes.find((node) => node.id === target)?.uses;
    return source === id && (uses === 'sleep' || uses === 'expiring' || uses === 'expired');
  });
}

/** A node that has certainly ended when this node runs. */
function nodeBefore(graph: ModelGraph, id: string): string | undefined {
  const { nodes, edges } = graph;
  const fallbacks = fallbacksOf(graph);
  const { joinStrategy = 'all' } = nodes.find((node) => node.id === id) ?? {};
  if (fallbacks.has(id) || !['all', 'allCompleted'].includes(joinStrategy)) return undefined;
  const loops = flattened(loopsOf(graph));
  // The headers of a loop become ready together: a header does not wait for the arcs that lead back to it.
  const isBeside = (source: string) =>
    loops.some((loop) => leadsBack(loop, source, id) || (loop.members.has(source) && !loop.members.has(id)));
  const sources = edges.filter(({ target }) => target === id).map(({ source }) => source);
  return sources.find((source) => {
    const isFallen = fallbacks.has(source) || nodes.find((node) => node.id === source)?.fallback !== undefined;
    return source.length === 1 && source < id && !isFallen && !isBeside(source);
  });
}

/** The final marks in the shared list if each execution has added its own once, without those that may fail. */
export function expectLog(given: TroubledCase, { result, executions }: Trial): void {
  const { writes } = given;
  const mayFail = sceneOf(given).fails as (mark: string) => boolean;
  const adds = (mark: string) => {
    if (mark.includes(':batch')) return true;
    const [, nodeId = ''] = /^«run:([a-l])#\d+»$/.exec(mark) ?? [];
    return nodeId !== '' && writes[nodeId.charCodeAt(0) % writes.length]?.log === true && !mayFail(mark);
  };
  const log = (result.context.log as string[]).filter((mark) => !mayFail(mark));
  expect(log.toSorted()).toEqual([...new Set(executions)].filter(adds).toSorted());
}
