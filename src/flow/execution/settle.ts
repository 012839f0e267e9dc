import { type Cancellation, untilAborted } from '../../cancellation.js';
import { currentScope } from '../../process.js';
import { apply } from '../checkpoint/apply.js';
import { type Happening, savedError } from '../checkpoint/store.js';
import type { ExecutionServices, NodeExecutionResult } from '../contracts.js';
import { NodeError, SerializationError } from '../errors.js';
import type { NodeResult } from '../node-result.js';
import type { NextNode } from '../plan/plan.js';
import type { Position } from '../plan/position.js';
import type { StateJournal, WorkflowState } from '../state.js';
import { arcsOf, type GraphTraverser } from '../traverser.js';

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
      return complete(advance, nodeId, execution.result, undefined);
    case 'failed':
      return fail(advance, execution.error);
    case 'awaiting':
      return commit(advance, { type: 'awaiting', nodeId, waits: execution.awaiting });
    case 'postponed': {
      const { error, delay, consumed } = execution;
      return commit(advance, { type: 'postponed', nodeId, error: savedError(error), delay, consumed });
    }
    case 'cancelled':
      advance.state.cutShort.add(nodeId);
      return undefined;
  }
}

/** A node that could not even be executed has failed too. */
export function asNodeError(nodeId: string, error: unknown): NodeError {
  return error instanceof NodeError && error.nodeId === nodeId ? error : new NodeError(nodeId, 1, error);
}

/** Fallbacks that have completed stand in for the nodes that they recover, where a crash came between. */
export async function standInForAll(advance: Advance): Promise<void> {
  const { position } = advance.traverser;
  for (const fallback of position.plan.owners.keys()) {
    if (position.statusOf(fallback) === 'completed') await standIn(advance, fallback);
  }
}

/** A node, or its fallback in its place, has a result: the edges that follow are found, and it counts. */
function complete(advance: Advance, nodeId: string, result: NodeResult, recoveredBy: string | undefined): Pending {
  const { traverser, state, services } = advance;
  state.write(nodeId, result.output);
  forgetPassed(advance, nodeId);
  let next: readonly NextNode[] | Promise<readonly NextNode[]>;
  try {
    next = services.determineNextNodes(traverser.getDynamicBlueprint(), nodeId, result, state.getContext());
  } catch (error) {
    return fail(advance, asNodeError(nodeId, error), recoveredBy);
  }
  const { plan } = traverser.position;
  const isSettled = !(next instanceof Promise) && (plan.isPlain(plan.indexOf(nodeId)) || !next.some(hasTransform));
  if (isSettled) return count(advance, nodeId, result, next as readonly NextNode[], recoveredBy);
  return completeLater(advance, nodeId, result, next, recoveredBy);
}

function hasTransform({ edge }: NextNode): boolean {
  return edge.transform !== undefined;
}

async function completeLater(
  advance: Advance,
  nodeId: string,
  result: NodeResult,
  following: readonly NextNode[] | Promise<readonly NextNode[]>,
  recoveredBy: string | undefined,
): Promise<void> {
  const cancellation = currentScope()?.cancellation;
  let next: readonly NextNode[];
  try {
    const transformed = transformAll(advance, result, following);
    next = cancellation === undefined ? await transformed : await beforeAbort(cancellation, transformed);
  } catch (error) {
    if (!cancellation?.aborted) return fail(advance, asNodeError(nodeId, error), recoveredBy);
    // What follows is not known, so the node does not count: it runs again where the run is resumed.
    advance.state.cutShort.add(nodeId);
    return;
  }
  return count(advance, nodeId, result, next, recoveredBy);
}

/** What follows a node, with what its edges pass on. */
async function transformAll(
  { traverser, state, services }: Advance,
  result: NodeResult,
  following: readonly NextNode[] | Promise<readonly NextNode[]>,
): Promise<readonly NextNode[]> {
  const { position } = traverser;
  const next = await following;
  for (const followed of next) {
    const { edge, node } = followed;
    if (edge.transform === undefined || position.hasLeft(followed)) continue;
    await services.applyEdgeTransform(edge, result, node, state.getContext());
  }
  return next;
}

async function beforeAbort<Value>(cancellation: Cancellation, pending: Promise<Value>): Promise<Value> {
  return (await untilAborted(cancellation, pending)) as Value;
}

/** From here on the node is completed: it is written down, and what follows is ready. */
function count(
  advance: Advance,
  nodeId: string,
  { output, action }: NodeResult,
  next: readonly NextNode[],
  recoveredBy: string | undefined,
): Pending {
  const { position } = advance.traverser;
  const node = position.plan.indexOf(nodeId);
  const arcs = arcsOf(position.plan.outgoing(node), next);
  const passed = passedOn(advance, node, arcs, output);
  const counted = commit(advance, { type: 'completed', nodeId, output, action, arcs, passed, recoveredBy });
  if (!position.plan.owners.has(node)) return counted;
  return Promise.resolve(counted).then(() => standIn(advance, node));
}

/** What the arcs of a node have passed on in an earlier turn does not count in this one. */
function forgetPassed({ state, traverser }: Advance, nodeId: string): void {
  if (state.passed.size === 0) return;
  const { position } = traverser;
  const { outFrom } = position.plan;
  const node = position.plan.indexOf(nodeId);
  for (let arc = outFrom[node] as number; arc < (outFrom[node + 1] as number); arc++) {
    if (!position.isLeft(arc)) state.passed.delete(arc);
  }
}

const nothing: readonly (readonly [arc: number, value: unknown])[] = [];

/**
 * What arcs pass on where that has to be kept: what a transform gave, and the output on an arc that a loop is left or
 * repeated by, because the next turn will overwrite it.
 */
function passedOn({ traverser, state }: Advance, node: number, arcs: readonly number[] | undefined, output: unknown) {
  const { plan } = traverser.position;
  if (plan.loops.length === 0 && state.passed.size === 0) return nothing;
  const passed: [number, unknown][] = [];
  const taken = arcs && new Set(arcs);
  for (let arc = plan.outFrom[node] as number; arc < (plan.outFrom[node + 1] as number); arc++) {
    if (taken?.has(arc) === false || traverser.position.isLeft(arc)) continue;
    if (state.passed.has(arc)) passed.push([arc, state.passed.get(arc)]);
    else if ((plan.backOf[arc] as number) >= 0 || (plan.exitOf[arc] as number) >= 0) passed.push([arc, output]);
  }
  return passed;
}

/** A fallback has completed: it stands in for each node that it recovers. */
async function standIn(advance: Advance, fallback: number): Promise<void> {
  const { traverser, state } = advance;
  const { position } = traverser;
  const fallbackId = position.plan.idOf(fallback);
  if (position.statusOf(fallback) !== 'completed') return;
  const result = { output: state.getContext()[fallbackId], action: state.actions.get(fallbackId) };
  for (const owner of position.recovered(fallback))
    await complete(advance, position.plan.idOf(owner), result, fallbackId);
}

/** @param recoveredBy - the fallback that stood in for the node: then nothing does any more */
async function fail(advance: Advance, error: NodeError, recoveredBy?: string): Promise<void> {
  const { position } = advance.traverser;
  const { nodeId } = error;
  const isLost = recoveredBy !== undefined;
  await commit(advance, { type: 'failed', nodeId, error: savedError(error), isLost });
  const fallback = position.plan.fallbackOf[position.plan.indexOf(nodeId)] as number;
  if (fallback >= 0 && !isLost) await standIn(advance, fallback);
}

/** Something has happened: it is saved, if the run is, and then holds. */
function commit(advance: Advance, happening: Happening): Pending {
  const { state, traverser } = advance;
  if (state.journal !== undefined) return commitSaved(state, traverser.position, happening, state.journal);
  apply(state, traverser.position, happening);
  return undefined;
}

function commitSaved(
  state: WorkflowState,
  position: Position,
  happening: Happening,
  journal: StateJournal,
): Promise<void> {
  return journal
    .append(happening, () => apply(state, position, happening))
    .catch((error) => {
      // An output that cannot be saved is the node's failure; a disk that is full is not.
      if (!(error instanceof SerializationError) || happening.type !== 'completed') throw error;
      const { nodeId, recoveredBy } = happening;
      const failure = new NodeError(nodeId, 1, inContext(error, nodeId));
      const failed = { type: 'failed', nodeId, error: savedError(failure), isLost: recoveredBy !== undefined } as const;
      state.forget(nodeId, error.path);
      return journal.append(failed, () => apply(state, position, failed));
    });
}

/** Names the place where the context has the output. */
function inContext(error: SerializationError, nodeId: string): SerializationError {
  const path = error.path.replace(/^happening\.output/, `context.${nodeId}`);
  return path === error.path ? error : new SerializationError(path, error.problem, { cause: error.cause });
}
