import { type Cancellation, untilAborted } from '../../kernel/cancellation.js';
import { currentScope } from '../../kernel/process.js';
import type { ExecutionServices, NodeExecutionResult } from '../contracts.js';
import { NodeError, SerializationError } from '../errors.js';
import type { NodeResult } from '../node-result.js';
import type { NextNode } from '../plan/plan.js';
import type { Written } from '../run/data.js';
import type { Context } from '../run/result.js';
import { savedError } from '../run/saved.js';
import type { WorkflowState } from '../run/state.js';
import { arcsOf, type GraphTraverser } from '../run/traverser.js';
import { commit, type Failed } from './commit.js';
import { within } from './node-executor.js';

/** A run under way: what settling a node is about. */
export interface Advance {
  readonly traverser: GraphTraverser;
  readonly state: WorkflowState;
  readonly services: ExecutionServices;
}

/** Something to wait for, or nothing: most nodes settle at once. */
type Pending = Promise<void> | undefined;

/**
 * Takes in how a node has ended: what follows from it is ready then. A promise comes back where something has to be
 * waited for: a condition, a transform, a checkpoint.
 */
export function settle(advance: Advance, nodeId: string, execution: NodeExecutionResult): Pending {
  switch (execution.status) {
    case 'success':
      return complete(advance, nodeId, execution.result, undefined, execution.attempts);
    case 'failed': {
      const { state } = advance;
      state.data.closeView(nodeId);
      heedStore(state);
      return fail(advance, execution.error);
    }
    case 'awaiting':
      advance.state.data.closeView(nodeId);
      return commit(advance.state, { type: 'awaiting', nodeId, waits: execution.awaiting });
    case 'postponed': {
      const { error, delay, consumed } = execution;
      advance.state.data.closeView(nodeId);
      heedStore(advance.state);
      return commit(advance.state, { type: 'postponed', nodeId, error: savedError(error), delay, consumed });
    }
    case 'cancelled':
      advance.state.data.closeView(nodeId);
      advance.state.cutShort.add(nodeId);
      return undefined;
  }
}

/**
 * What was not written may be an item or a sub-flow of the node that fails: then the run ends, and the node is tried again
 * when the run is resumed.
 */
function heedStore({ journal }: WorkflowState): void {
  const failure = journal?.failure;
  if (failure !== undefined) throw failure.error;
}

/** A node that could not even be executed has failed too. */
export function asNodeError(nodeId: string, error: unknown, attempts = 1): NodeError {
  return error instanceof NodeError && error.nodeId === nodeId ? error : new NodeError(nodeId, attempts, error);
}

/** Fallbacks that have completed stand in for the nodes that they recover, where a crash came between. */
export async function standInForAll(advance: Advance): Promise<void> {
  for (const fallback of advance.traverser.position.plan.owners.keys()) await standIn(advance, fallback);
}

/** A node, or its fallback in its place, has a result: the edges that follow are found, and it counts. */
function complete(
  advance: Advance,
  nodeId: string,
  result: NodeResult,
  recoveredBy: string | undefined,
  attempts: number | undefined,
): Pending {
  const { traverser, state } = advance;
  const { plan } = traverser.position;
  const isPlain = plan.isPlain(plan.indexOf(nodeId));
  // Nothing can fail any more where nothing is decided or saved; a view is let go of as a whole.
  const isKept = (isPlain && state.journal === undefined) || state.data.saved !== undefined;
  const before = isKept ? undefined : state.data.written(nodeId);
  const completion = { nodeId, result, recoveredBy, before, attempts };
  const context = state.data.seenBy(nodeId);
  state.data.write(nodeId, result.output);
  state.memory.forgetPassed(plan.indexOf(nodeId));
  let next: readonly NextNode[] | Promise<readonly NextNode[]>;
  try {
    next = following(advance, nodeId, result, context);
  } catch (error) {
    return failInstead(advance, completion, error);
  }
  const isSettled = !(next instanceof Promise) && (isPlain || !next.some(hasTransform));
  if (isSettled) return count(advance, completion, next as readonly NextNode[]);
  return completeLater(advance, completion, next);
}

/** The edges that are followed. Where a node has a view of its own, that is the state for what decides on them. */
function following({ traverser, state, services }: Advance, nodeId: string, result: NodeResult, context: Context) {
  const blueprint = traverser.getDynamicBlueprint();
  if (state.data.saved === undefined) return services.determineNextNodes(blueprint, nodeId, result, context);
  return within({ context }, () => services.determineNextNodes(blueprint, nodeId, result, context));
}

/** A result that is about to count. */
interface Completion {
  readonly nodeId: string;
  readonly result: NodeResult;
  /** The fallback that the result is of, where it is not the node's own. */
  readonly recoveredBy: string | undefined;
  /** What the context had in the place of the output. */
  readonly before: Written | undefined;
  /** How often the node was tried. */
  readonly attempts: number | undefined;
}

function hasTransform({ edge }: NextNode): boolean {
  return edge.transform !== undefined;
}

async function completeLater(
  advance: Advance,
  completion: Completion,
  followed: readonly NextNode[] | Promise<readonly NextNode[]>,
): Promise<void> {
  const cancellation = currentScope()?.cancellation;
  let next: readonly NextNode[];
  try {
    const transformed = transformAll(advance, completion, followed);
    next = cancellation === undefined ? await transformed : await beforeAbort(cancellation, transformed);
  } catch (error) {
    if (!cancellation?.aborted) return failInstead(advance, completion, error);
    // What follows is not known, so the node does not count: it runs again where the run is resumed.
    takeBack(advance, completion);
    advance.state.cutShort.add(completion.nodeId);
    return;
  }
  return count(advance, completion, next);
}

/** What follows a result cannot be found: the node has failed, and the result leaves no trace. */
function failInstead(advance: Advance, completion: Completion, error: unknown): Promise<void> {
  const { nodeId, recoveredBy, attempts } = completion;
  takeBack(advance, completion);
  return fail(advance, asNodeError(nodeId, error, attempts), recoveredBy);
}

function takeBack(advance: Advance, { nodeId, result, before }: Completion): void {
  const { state, traverser } = advance;
  state.memory.forgetPassed(traverser.position.plan.indexOf(nodeId));
  if (state.data.saved === undefined) state.data.takeBack(nodeId, result.output, before);
  else state.data.closeView(nodeId);
}

/** What follows a node, with what its edges pass on. */
async function transformAll(
  { traverser, state, services }: Advance,
  { nodeId, result }: Completion,
  followed: readonly NextNode[] | Promise<readonly NextNode[]>,
): Promise<readonly NextNode[]> {
  const { position } = traverser;
  const next = await followed;
  for (const each of next) {
    const { edge, node } = each;
    if (edge.transform === undefined || position.hasLeft(each)) continue;
    await services.applyEdgeTransform(edge, result, node, state.data.seenBy(nodeId));
  }
  return next;
}

async function beforeAbort<Value>(cancellation: Cancellation, pending: Promise<Value>): Promise<Value> {
  return (await untilAborted(cancellation, pending)) as Value;
}

/** From here on the node is completed: it is written down, and what follows is ready. */
function count(advance: Advance, completion: Completion, next: readonly NextNode[]): Pending {
  const { position } = advance.traverser;
  const { nodeId, result, recoveredBy } = completion;
  const { output, action } = result;
  const node = position.plan.indexOf(nodeId);
  const arcs = arcsOf(position.plan.outgoing(node), next);
  const passed = passedOn(advance, node, arcs, output);
  const happening = { type: 'completed', nodeId, output, action, arcs, passed, recoveredBy } as const;
  const failInstead = (error: SerializationError) => refused(advance, completion, error);
  const counted = commit(advance.state, happening, advance.state.journal && failInstead);
  if (!position.plan.owners.has(node)) return counted;
  return Promise.resolve(counted).then(() => standIn(advance, node));
}

const nothing: readonly (readonly [arc: number, value: unknown])[] = [];

/**
 * What arcs pass on where that has to be kept: what a transform gave, and the output on an arc that a loop is left or
 * repeated by, because the next turn will overwrite it.
 */
function passedOn({ traverser, state }: Advance, node: number, arcs: readonly number[] | undefined, output: unknown) {
  const { plan } = traverser.position;
  const { memory } = state;
  if (plan.loops.length === 0 && !memory.has('passed')) return nothing;
  const passed: [number, unknown][] = [];
  const taken = arcs && new Set(arcs);
  for (let arc = plan.outFrom[node] as number; arc < (plan.outFrom[node + 1] as number); arc++) {
    if (taken?.has(arc) === false || traverser.position.isLeft(arc)) continue;
    if (memory.passed.has(arc)) passed.push([arc, memory.passed.get(arc)]);
    else if ((plan.backOf[arc] as number) >= 0 || (plan.exitOf[arc] as number) >= 0) passed.push([arc, output]);
  }
  return passed;
}

/**
 * Has a fallback stand in for each node that it recovers, if it has completed. Each is looked at anew, since others may go
 * on with the run meanwhile: that the fallback has completed, and what came of it, are to be of one moment.
 */
async function standIn(advance: Advance, fallback: number): Promise<void> {
  const { traverser, state } = advance;
  const { position } = traverser;
  const fallbackId = position.plan.idOf(fallback);
  for (const owner of position.plan.owners.get(fallback) ?? []) {
    if (position.statusOf(fallback) !== 'completed') return;
    if (position.statusOf(owner) !== 'recovering') continue;
    state.journal?.lookAgain?.();
    const ownerId = position.plan.idOf(owner);
    const result = { output: state.data.outputOf(fallbackId), action: state.memory.actions.get(fallbackId) };
    await complete(advance, ownerId, result, fallbackId, state.errorOf(ownerId)?.attempts);
  }
}

/** @param recoveredBy - the fallback that stood in for the node: then nothing does any more */
async function fail(advance: Advance, error: NodeError, recoveredBy?: string): Promise<void> {
  const { position } = advance.traverser;
  const { nodeId } = error;
  const isLost = recoveredBy !== undefined;
  await commit(advance.state, { type: 'failed', nodeId, error: savedError(error), isLost });
  const fallback = position.plan.fallbackOf[position.plan.indexOf(nodeId)] as number;
  if (fallback >= 0 && !isLost) await standIn(advance, fallback);
}

/** A result that cannot be saved is the node's failure, and leaves no trace. */
function refused(advance: Advance, completion: Completion, error: SerializationError): Failed {
  const { nodeId, recoveredBy, attempts = 1 } = completion;
  const failure = new NodeError(nodeId, attempts, inContext(error, nodeId));
  takeBack(advance, completion);
  advance.state.forget(nodeId);
  return { type: 'failed', nodeId, error: savedError(failure), isLost: recoveredBy !== undefined };
}

/** Names the place where the context has the output. */
function inContext(error: SerializationError, nodeId: string): SerializationError {
  const path = error.path.replace(/^happening\.output/, `context.${nodeId}`);
  return path === error.path ? error : new SerializationError(path, error.problem, { cause: error.cause });
}
