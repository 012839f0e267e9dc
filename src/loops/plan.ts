import type { Orchestrator } from '../kernel/orchestrator.js';
import { AnyLimit, type Limit, readLimit } from '../kernel/policies/limit.js';
import { aName, anObjectOf, aValue } from '../shared/validate.js';
import type {
  ErrorPolicy,
  Implementation,
  LoopDefinition,
  LoopEdgeDefinition,
  LoopNodeDefinition,
  LoopSource,
  NodeKind,
  NodeOverflow,
  Schedule,
} from './definition.js';
import { LoopDefinitionError, type LoopFault } from './errors.js';
import { QueueNode, QueueReader } from './node.js';
import { isNodeClass, kindOfClass } from './node-class.js';
import { readEdge, readNode, readSchedule, settingsReaders } from './options.js';

/**
 * A checked node, with the nodes that receive its output. Part of a `LoopPlan`; `definition` holds the settings of the
 * node, and `implementation` its function or class.
 */
export interface PlannedNode {
  /** Id of the node. */
  readonly id: string;
  /** Role of the node, from the definition or from the class. */
  readonly kind: NodeKind;
  /** Settings of the node, with current option names. */
  readonly definition: LoopNodeDefinition;
  /** The function or class of the node. */
  readonly implementation: Implementation;
  /** The limits of the node, over all lives of the loop. `null` for none. Undefined: those of the defaults. */
  readonly limit: readonly Limit[] | null | undefined;
  /** The nodes that receive the output, in the order of their edges. */
  readonly next: readonly PlannedNode[];
}

/**
 * A checked loop, ready to be executed by a `LoopManager`. Created by `planOf`. All defaults are filled in, and all
 * edges are resolved to nodes.
 */
export interface LoopPlan {
  /** Id of the loop. */
  readonly id: string;
  /** The producer or reader of the loop. */
  readonly producer: PlannedNode;
  /** All nodes, in the order of the definition. */
  readonly nodes: readonly PlannedNode[];
  /** The times at which iterations start. If undefined, as fast as possible. */
  readonly schedule: Schedule | undefined;
  /** Reaction to failed nodes without an `onError` of their own. */
  readonly onError: ErrorPolicy;
  /** Milliseconds before a failed producer is called again. */
  readonly producerBackoff: number;
  /** The queue that the loop reads, if any. */
  readonly reads: string | undefined;
  /** The queues that the loop pushes to. */
  readonly pushes: readonly string[];
  // biome-ignore lint/suspicious/noExplicitAny: only the caller knows the type of its state
  readonly orchestrator: Orchestrator<any> | undefined;
}

const anArray = aValue<readonly unknown[]>('an array', Array.isArray);

const readDefinition = anObjectOf<LoopDefinition>({ id: aName, nodes: anArray, edges: anArray, ...settingsReaders });

/**
 * Checks a loop and resolves its edges. `WorkflowOrchestrator.load` calls this function. Call it directly to drive a
 * loop with a `LoopManager`, for example in a test.
 *
 * @param source - the definition and the implementations, such as `loop.source`
 * @throws {ValidationError} for a field that is unknown or of the wrong kind
 * @throws {LoopDefinitionError} with every fault of the loop
 *
 * @example
 * const manager = new LoopManager(planOf(loop.source), host);
 */
export function planOf(source: LoopSource): LoopPlan {
  const definition = readDefinition(source.definition, '');
  const loopId = aName(definition.id, 'id');
  const nodes = anArray(definition.nodes, 'nodes').map((node, index) => readNode(node, `nodes[${index}]`));
  const edges = definition.edges?.map((edge, index) => readEdge(edge, `edges[${index}]`)) ?? chain(distinct(nodes));
  const faults: LoopFault[] = [];
  const planned = nodes.map((node) => plannedOf(loopId, node, source, faults));
  connect(loopId, planned, edges, faults);
  if (faults.length > 0) throw new LoopDefinitionError(faults);
  const producer = planned.find(isProducer) as PlannedNode;
  return {
    id: loopId,
    producer,
    nodes: planned,
    schedule: definition.schedule === undefined ? undefined : readSchedule(definition.schedule, 'schedule'),
    onError: definition.onError ?? 'continue',
    producerBackoff: definition.producerBackoff ?? 100,
    reads: producer.kind === 'reader' ? queueOf(producer) : undefined,
    pushes: [...new Set(planned.filter(({ kind }) => kind === 'queue').map(queueOf))],
    orchestrator: source.orchestrator,
  };
}

interface Draft extends PlannedNode {
  readonly next: Draft[];
}

function chain(nodes: readonly LoopNodeDefinition[]): LoopEdgeDefinition[] {
  return nodes.slice(1).map(({ id }, index) => ({ source: (nodes[index] as LoopNodeDefinition).id, target: id }));
}

/** Removes nodes that have the same id as an earlier node. */
function distinct<Node extends { readonly id: string }>(nodes: readonly Node[]): Node[] {
  return nodes.filter((node, index) => nodes.findIndex(({ id }) => id === node.id) === index);
}

function isProducer({ kind }: PlannedNode): boolean {
  return kind === 'producer' || kind === 'reader';
}

function queueOf({ definition }: PlannedNode): string {
  return definition.options?.queue as string;
}

function plannedOf(loopId: string, node: LoopNodeDefinition, source: LoopSource, faults: LoopFault[]): Draft {
  const { id } = node;
  const fault = (message: string) => void faults.push({ message: `loop "${loopId}": ${message}`, loopId, nodeId: id });
  const implementation = implementationOf(node, source);
  if (implementation === undefined) {
    fault(
      node.uses === undefined
        ? `node "${id}" has no implementation (uses)`
        : `node "${id}" uses "${node.uses}", which is not registered`,
    );
  } else if (typeof implementation !== 'function') {
    fault(`node "${id}" uses "${node.uses}", which is neither a function nor a class`);
  }
  const ofClass = isNodeClass(implementation) ? kindOfClass(implementation) : undefined;
  if (node.kind === undefined && ofClass === undefined) fault(`node "${id}" needs a kind`);
  const kind = node.kind ?? ofClass ?? 'blocking';
  if (ofClass !== undefined && node.kind !== undefined && ofClass !== node.kind) {
    fault(`node "${id}" is defined as ${node.kind}, but its class is ${ofClass}`);
  }
  const isOfQueue = kind === 'queue' || kind === 'reader';
  const { queue, batch } = node.options ?? {};
  if (isOfQueue && (typeof queue !== 'string' || queue === ''))
    fault(`node "${id}" needs the name of a queue (options.queue)`);
  if (kind === 'reader' && batch !== undefined && !(Number.isSafeInteger(batch) && (batch as number) >= 1)) {
    fault(`node "${id}": options.batch must be a whole number of at least 1`);
  }
  if (kind !== 'non-blocking' && (node.maxInFlight ?? node.overflow ?? node.whenFull) !== undefined) {
    fault(`node "${id}" is ${kind}: maxInFlight and overflow are for non-blocking nodes`);
  }
  const overflow = overflowOf(node);
  const definition = overflow === undefined ? node : { ...node, overflow };
  const limit = limitOf(node, source, fault);
  return { id, kind, definition, implementation: implementation as Implementation, limit, next: [] };
}

/** Reads `overflow` under its current or former name, and returns the current value. */
function overflowOf({ overflow, whenFull }: LoopNodeDefinition): NodeOverflow | undefined {
  if (whenFull === 'wait') return 'block';
  return whenFull === 'drop' ? 'drop-newest' : (overflow ?? whenFull);
}

function limitOf({ id, limit }: LoopNodeDefinition, { registry = {} }: LoopSource, fault: (message: string) => void) {
  if (limit === undefined || limit === null) return limit;
  if (typeof limit !== 'string') return readLimit(limit, `limit of "${id}"`);
  const found = Object.hasOwn(registry, limit) ? registry[limit] : undefined;
  if (found instanceof AnyLimit) return [found];
  fault(`node "${id}" has the limit "${limit}", which is not a limit() in the registry`);
  return undefined;
}

function implementationOf({ id, kind, uses }: LoopNodeDefinition, source: LoopSource): unknown {
  const own = source.implementations.get(id);
  if (own !== undefined) return own;
  if (uses !== undefined) return Object.hasOwn(source.registry ?? {}, uses) ? source.registry?.[uses] : undefined;
  if (kind === 'queue') return QueueNode;
  return kind === 'reader' ? QueueReader : undefined;
}

function connect(
  loopId: string,
  nodes: readonly Draft[],
  edges: readonly LoopEdgeDefinition[],
  faults: LoopFault[],
): void {
  const fault = (message: string, nodeId?: string) =>
    void faults.push({ message: `loop "${loopId}": ${message}`, loopId, nodeId });
  const byId = new Map<string, Draft>();
  for (const node of nodes) {
    if (byId.has(node.id)) fault(`there are two nodes "${node.id}"`, node.id);
    else byId.set(node.id, node);
  }
  const producers = nodes.filter(isProducer);
  if (producers.length === 0) fault('it has no producer');
  if (producers.length > 1) {
    fault(`it has ${producers.length} producers (${producers.map(({ id }) => id).join(', ')}), expected one`);
  }
  for (const { source, target } of edges) {
    const [before, after] = [byId.get(source), byId.get(target)];
    if (before === undefined) fault(`an edge leads from "${source}", which is not a node`, source);
    if (after === undefined) fault(`an edge leads to "${target}", which is not a node`, target);
    if (before === undefined || after === undefined) continue;
    if (isProducer(after) && producers.length === 1)
      fault(`an edge leads to "${target}", which is the producer`, target);
    if (before.next.includes(after)) fault(`there are two edges from "${source}" to "${target}"`, source);
    else before.next.push(after);
  }
  const circle = circleIn(nodes);
  if (circle !== undefined) fault(`the edges form a cycle: ${circle.join(' → ')}`, circle[0]);
  const [producer] = producers;
  if (producers.length !== 1 || producer === undefined) return;
  const reached = new Set<Draft>([producer]);
  for (const node of reached) for (const next of node.next) reached.add(next);
  for (const node of byId.values()) if (!reached.has(node)) fault(`nothing leads to node "${node.id}"`, node.id);
}

/** Finds a cycle of edges. Returns its node ids, with the first id repeated at the end. */
function circleIn(nodes: readonly Draft[]): string[] | undefined {
  const path: Draft[] = [];
  const finished = new Set<Draft>();
  const visit = (node: Draft): string[] | undefined => {
    const at = path.indexOf(node);
    if (at >= 0) return [...path.slice(at), node].map(({ id }) => id);
    if (finished.has(node)) return undefined;
    path.push(node);
    for (const next of node.next) {
      const circle = visit(next);
      if (circle !== undefined) return circle;
    }
    path.pop();
    finished.add(node);
    return undefined;
  };
  for (const node of nodes) {
    const circle = visit(node);
    if (circle !== undefined) return circle;
  }
  return undefined;
}
