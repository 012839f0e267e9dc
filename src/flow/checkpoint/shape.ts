import { isPlainObject } from '../../shared/validate.js';
import { some } from '../plan/loops.js';
import { awaiting, carried, completed, open, pending, skipped, taken } from '../plan/marks.js';
import { ArcsByEnds, orderOf } from '../plan/order.js';
import type { Plan } from '../plan/plan.js';
import type { SavedRun } from '../run/saved.js';

/*
 * Checks that a saved run has the shape that this package writes, and that its parts are consistent with each other.
 * Each check returns a description of the fault, or `undefined`. Nothing is assumed about the input, because the texts
 * may have been altered and a custom serializer may return anything.
 */

/** A test of a value against a plan. */
type Test = (value: unknown, plan: Plan) => boolean;

const isText: Test = (value) => typeof value === 'string';
const isMaybeText: Test = (value) => value === undefined || typeof value === 'string';
const isCount: Test = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isObject: Test = (value) => isPlainObject(value);
const isMaybeTime: Test = (value) => value === undefined || Number.isFinite(value);
const isMaybeTrue: Test = (value) => value === undefined || value === true;
const isAnything: Test = () => true;
const isNode: Test = (value, plan) => typeof value === 'string' && plan.indexOf(value) >= 0;
const isMaybeNode: Test = (value, plan) => value === undefined || isNode(value, plan);

/** Maximum number of visits that a position can represent. */
const mostVisits = 2 ** 31 - 1;

function isList(test: Test): Test {
  return (value, plan) => Array.isArray(value) && value.every((item) => test(item, plan));
}

function isTuple(...tests: readonly Test[]): Test {
  return (value, plan) =>
    Array.isArray(value) && value.length === tests.length && tests.every((test, at) => test(value[at], plan));
}

function isRecord(tests: Readonly<Record<string, Test>>): Test {
  return (value, plan) => isPlainObject(value) && Object.entries(tests).every(([key, test]) => test(value[key], plan));
}

const isWait = isRecord({
  nodeId: isText,
  event: isText,
  until: isMaybeTime,
  expires: isMaybeTrue,
  since: isMaybeTime,
});
const isError = isRecord({
  nodeId: isNode,
  attempts: isCount,
  cause: isAnything,
  recoveredBy: isMaybeNode,
  ofWait: isMaybeTrue,
});
const isOutputs: Test = (value, plan) => value instanceof Map && [...value.keys()].every((key) => isCount(key, plan));
const isTexts: Test = (value, plan) =>
  value === undefined || (isPlainObject(value) && isList(isText)(Object.values(value), plan));
const isKeys: Test = (value, plan) => value === undefined || isList(isText)(value, plan);
const isChanges = isRecord({ set: isTexts, removed: isKeys, base: isTexts });
const isItemChanges: Test = (value, plan) =>
  isOutputs(value, plan) && isList(isChanges)([...(value as ReadonlyMap<number, unknown>).values()], plan);

/** The key of a sub-flow: the id of its node, followed in a batch by the index of the element. */
const isChildKey: Test = (value, plan) => {
  const key = typeof value === 'string' ? parsed(value) : undefined;
  return isTuple(isNode)(key, plan) || isTuple(isNode, isCount)(key, plan);
};

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Tests only the outer shape of a sub-flow. The content is checked later, when the flow of the sub-flow is known. */
const isChild = isRecord({ run: isObject, entries: (value) => Array.isArray(value) });

const endParts = { time: isMaybeTime, due: isMaybeTime, unchecked: isMaybeTrue, sent: isTexts };
const isEnd = isTuple(isNode, isObject, isRecord(endParts));

const isConclusion: Test = (value) => {
  if (!isPlainObject(value)) return false;
  return value.status === 'failed' || (value.status === 'completed' && Object.hasOwn(value, 'output'));
};

const parts: Readonly<Record<string, Test>> = {
  context: isObject,
  values: (value, plan) => value === undefined || isList(isTuple(isText, isText))(value, plan),
  errors: isList(isError),
  awaiting: isList(isTuple(isNode, isList(isWait))),
  delivered: isList((value, plan) => isEnd(value, plan) || isTuple(isNode, isAnything)(value, plan)),
  received: (value, plan) => value === undefined || isList(isTuple(isText, isText))(value, plan),
  actions: isList(isTuple(isNode, isText)),
  items: isList(isTuple(isNode, isOutputs)),
  itemChanges: (value, plan) => value === undefined || isList(isTuple(isNode, isItemChanges))(value, plan),
  conclusion: (value, plan) => value === undefined || isConclusion(value, plan),
  children: isList(isTuple(isChildKey, isChild)),
};

/** Finds a fault in a saved run. The names of flow, version and run are not checked. */
export function faultOfParts(plan: Plan, run: SavedRun): string | undefined {
  for (const [name, test] of Object.entries(parts)) {
    if (!test(run[name as keyof SavedRun], plan)) return `its field "${name}" is malformed`;
  }
  const ends = new ArcsByEnds(plan);
  const isBetween: Test = (value) =>
    isTuple(isText, isText, isAnything)(value, plan) && ends.arcOf(...(value as [string, string])) >= 0;
  const isPassed = isList(run.graph === undefined ? isTuple(isArc, isAnything) : isBetween);
  if (!isPassed(run.passed, plan)) return 'its field "passed" is malformed';
  return faultOfPosition(plan, run);
}

const isArc: Test = (value, plan) => isCount(value, plan) && (value as number) < plan.arcTarget.length;

const isPlace: Test = (value, plan) => isCount(value, plan) && (value as number) < plan.nodeCount;
const isMaybePlaces: Test = (value, plan) => value === undefined || isList(isPlace)(value, plan);

/** Finds a fault in a position. A position that contradicts itself belongs to another graph or is damaged. */
function faultOfPosition(plan: Plan, { position, graph, awaiting: waits }: SavedRun): string | undefined {
  const { nodeCount, arcTarget } = plan;
  if (!isRecord({ nodes: isText, arcs: isText, visits: isAnything, asides: isMaybePlaces })(position, plan)) {
    return 'its position is malformed';
  }
  const { nodes, arcs, visits } = position;
  if (nodes.length !== nodeCount || arcs.length !== arcTarget.length) {
    return `its position has ${nodes.length} nodes and ${arcs.length} arcs, and the flow ${nodeCount} and ${arcTarget.length}`;
  }
  if (!/^[0-7]*$/.test(nodes) || !/^[0-3]*$/.test(arcs)) return 'its position is malformed';
  const isVisits = isList((value, of) => isCount(value, of) && (value as number) <= mostVisits);
  const hasVisits = visits !== undefined && visits !== null;
  if (hasVisits !== plan.loops.length > 0 || (hasVisits && (!isVisits(visits, plan) || visits.length !== nodeCount))) {
    return 'the visits in its position are malformed';
  }
  const order = orderOf(plan);
  const nodeAt = (place: number) => (graph === undefined ? place : (order.nodes[place] as number));
  const statusOf = new Uint8Array(nodeCount);
  for (let place = 0; place < nodeCount; place++) statusOf[nodeAt(place)] = Number(nodes[place]);
  const waiting = new Set(waits.map(([nodeId]) => nodeId));
  for (let node = 0; node < nodeCount; node++) {
    if (statusOf[node] === awaiting && !waiting.has(plan.idOf(node))) {
      return `"${plan.idOf(node)}" waits in its position, but it has no event to wait for`;
    }
  }
  for (let place = 0; place < arcs.length; place++) {
    const arc = graph === undefined ? place : (order.arcs[place] as number);
    if (!isDecidedWithSource(plan, arc)) continue;
    const source = plan.arcSource[arc] as number;
    const isDecided = statusOf[source] === completed || statusOf[source] === skipped;
    if ((Number(arcs[place]) === open) === isDecided) {
      return `its position contradicts itself at the edge from "${plan.idOf(source)}" to "${plan.idOf(arcTarget[arc] as number)}"`;
    }
  }
  return graph === undefined ? faultOfStarts(plan, statusOf, arcs) : undefined;
}

/**
 * Checks the start nodes of a run that has no outline of its graph. If a node has started although no taken arc leads
 * to it, or if a start node has not started, the flow was probably declared in another order.
 */
function faultOfStarts(plan: Plan, statusOf: Uint8Array, arcs: string): string | undefined {
  const starts = new Set(plan.starts);
  const isTaken = (arc: number) => Number(arcs[arc]) === taken || Number(arcs[arc]) === carried;
  for (let node = 0; node < plan.nodeCount; node++) {
    const hasBegun = statusOf[node] !== pending && statusOf[node] !== skipped;
    const isLed = starts.has(node) || plan.owners.has(node) || some(plan.into, node, isTaken);
    const isOutside = plan.loopOf[node] === -1;
    if ((hasBegun && !isLed) || (!hasBegun && starts.has(node) && isOutside)) {
      return `its position contradicts itself at "${plan.idOf(node)}": the flow may have been declared in another order`;
    }
  }
  return undefined;
}

/**
 * Returns true if an arc is decided when its source ends. Back arcs and exits of a loop are decided when an iteration
 * of the loop ends.
 */
function isDecidedWithSource({ backOf, exitOf }: Plan, arc: number): boolean {
  return (backOf[arc] as number) < 0 && (exitOf[arc] as number) < 0;
}

const isFlag: Test = (value) => value === undefined || typeof value === 'boolean';

const happenings: Readonly<Record<string, Test>> = {
  completed: isRecord({ nodeId: isNode, action: isMaybeText, recoveredBy: isMaybeNode, passed: Array.isArray }),
  failed: isRecord({ nodeId: isNode, error: isError, isLost: isFlag, endsRun: isMaybeTrue }),
  awaiting: isRecord({ nodeId: isNode, waits: isList(isWait) }),
  delivered: isRecord({ nodeId: isNode, events: isObject, ...endParts }),
  item: isRecord({
    nodeId: isNode,
    index: isCount,
    changes: (value, plan) => value === undefined || isChanges(value, plan),
  }),
  started: isRecord({ key: isChildKey, run: isObject }),
  child: isRecord({ key: isChildKey, entry: isObject }),
  concluded: isConclusion,
  retried: isAnything,
};

/**
 * Finds a fault in an entry.
 *
 * @param begun - the keys of the sub-flows that have started; if a sub-flow starts with this entry, its key is added
 */
export function faultOfEntry(plan: Plan, entry: unknown, begun: Set<string>): string | undefined {
  const { happening, changed, set, removed } = isPlainObject(entry) ? entry : {};
  if (!isPlainObject(happening)) return 'does not say what happened';
  const { type, key } = happening as { type: unknown; key: string };
  const test = typeof type === 'string' && Object.hasOwn(happenings, type) ? happenings[type] : undefined;
  if (test === undefined) return 'is of an unknown kind';
  if (!test(happening, plan) || (type === 'completed' && !hasArcs(happening, plan))) {
    return `(${String(type)}) is malformed`;
  }
  if (!isTexts(set, plan) || !isKeys(removed, plan) || (changed !== undefined && !isPlainObject(changed)))
    return 'has malformed changes';
  if (type === 'started') begun.add(key);
  if (type === 'child' && !begun.has(key)) return 'belongs to a sub-flow that has not started';
  return undefined;
}

/** Checks the arcs of a completed node. Versions up to 0.6 wrote arcs as numbers instead of ids. */
function hasArcs(happening: Record<string, unknown>, plan: Plan): boolean {
  const { nodeId, arcs, targets, passed } = happening as Record<string, unknown> & { nodeId: string };
  const ends = new ArcsByEnds(plan);
  const isNumber: Test = (value) => isArc(value, plan) && plan.arcSource[value as number] === plan.indexOf(nodeId);
  const isTarget: Test = (value) => typeof value === 'string' && ends.arcOf(nodeId, value) >= 0;
  const isEither: Test = (value) => isTarget(value, plan) || isNumber(value, plan);
  const isTaken = (value: unknown, test: Test) => value === undefined || isList(test)(value, plan);
  return isTaken(arcs, isNumber) && isTaken(targets, isTarget) && isList(isTuple(isEither, isAnything))(passed, plan);
}
