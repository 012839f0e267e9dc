import { type Cancellation, untilAborted } from '../../kernel/cancellation.js';
import { currentScope } from '../../kernel/scope/process.js';
import { SerializationError } from '../../shared/serialization-error.js';
import type { ExecutionServices, NodeExecutionResult } from '../contracts.js';
import { NodeError } from '../errors.js';
import type { NodeResult } from '../node-result.js';
import type { NextNode } from '../plan/plan.js';
import type { Written } from '../run/data.js';
import type { Context } from '../run/result.js';
import { savedError } from '../run/saved.js';
import type { WorkflowState } from '../run/state.js';
import { arcsOf, type GraphTraverser } from '../run/traverser.js';
import { commit, type Failed } from './commit.js';
import { within } from './node-executor.js';
import { choosesPlainly } from './services.js';

/** The objects needed to settle a node of a run. */
export interface Advance {
  readonly traverser: GraphTraverser;
  readonly state: WorkflowState;
  readonly services: ExecutionServices;
}

/** A promise if settling must wait for something. Most nodes settle synchronously. */
type Pending = Promise<void> | undefined;

/**
 * Records how a node has ended. Afterwards, the nodes that follow are ready. Returns a promise only if a condition, a
 * transform or a checkpoint must be awaited.
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
 * Throws the error of the store if the store has failed. The node may have failed only because its progress (a batch
 * element or a sub-flow) could not be saved. The run therefore ends, and the node is tried again when the run is
 * continued.
 */
function heedStore({ journal }: WorkflowState): void {
  const failure = journal?.failure;
  if (failure !== undefined) throw failure.error;
}

/** Returns the error as a `NodeError`. A node that could not even be executed is treated as failed. */
export function asNodeError(nodeId: string, error: unknown, attempts = 1): NodeError {
  return error instanceof NodeError && error.nodeId === nodeId ? error : new NodeError(nodeId, attempts, error);
}

/**
 * Lets completed fallbacks replace the nodes that they recover. Needed if the program crashed after the completion of a
 * fallback but before that of its node.
 */
export async function standInForAll(advance: Advance): Promise<void> {
  for (const fallback of advance.traverser.position.plan.owners.keys()) await standIn(advance, fallback);
}

/**
 * Completes a node with its own result or with that of its fallback: finds the edges to follow, then commits the
 * completion.
 */
function complete(
  advance: Advance,
  nodeId: string,
  result: NodeResult,
  recoveredBy: string | undefined,
  attempts: number | undefined,
): Pending {
  const { traverser, state, services } = advance;
  const { plan } = traverser.position;
  const isPlain = plan.isPlain(plan.indexOf(nodeId));
  // The overwritten entry is needed only if the completion can still fail. If the node has a view, the view is
  // discarded as a whole instead.
  const isKept = (isPlain && state.journal === undefined) || state.data.saved !== undefined;
  const before = isKept ? undefined : state.data.written(nodeId);
  const completion = { nodeId, result, recoveredBy, before, attempts };
  const context = state.data.seenBy(nodeId);
  state.data.write(nodeId, result.output);
  state.memory.forgetPassed(plan.indexOf(nodeId));
  if (isPlain && choosesPlainly(services)) return count(advance, completion, undefined);
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

/** Finds the edges to follow. If the node has its own view, conditions see that view as the state. */
function following({ traverser, state, services }: Advance, nodeId: string, result: NodeResult, context: Context) {
  const blueprint = traverser.getDynamicBlueprint();
  if (state.data.saved === undefined) return services.determineNextNodes(blueprint, nodeId, result, context);
  return within({ context }, () => services.determineNextNodes(blueprint, nodeId, result, context));
}

/** A result that is about to be committed. */
interface Completion {
  readonly nodeId: string;
  readonly result: NodeResult;
  /** The id of the fallback that produced the result; `undefined` if the node itself produced it. */
  readonly recoveredBy: string | undefined;
  /** The context entry that the output has replaced. */
  readonly before: Written | undefined;
  /** The number of attempts that were made. */
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
    // The edges to follow are unknown, so the completion is taken back. The node runs again when the run is continued.
    takeBack(advance, completion);
    advance.state.cutShort.add(completion.nodeId);
    return;
  }
  return count(advance, completion, next);
}

/** Fails a node because the edges to follow cannot be found. Its result is removed from the context. */
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

/** Applies the transforms of the edges that are followed, and returns these edges. */
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

/**
 * Commits the completion of a node. The nodes that follow become ready.
 *
 * @param next - the edges to follow; `undefined` for all
 */
function count(advance: Advance, completion: Completion, next: readonly NextNode[] | undefined): Pending {
  const { position } = advance.traverser;
  const { nodeId, result, recoveredBy } = completion;
  const { output, action } = result;
  const node = position.plan.indexOf(nodeId);
  const arcs = next && arcsOf(position.plan.outgoing(node), next);
  const passed = passedOn(advance, node, arcs, output);
  const happening = { type: 'completed', nodeId, output, action, arcs, passed, recoveredBy } as const;
  const counted =
    advance.state.journal === undefined
      ? commit(advance.state, happening)
      : commit(advance.state, happening, refusing(advance, completion));
  if (!position.plan.owners.has(node)) return counted;
  return Promise.resolve(counted).then(() => standIn(advance, node));
}

/** Returns the function that makes the failure of a node whose result cannot be saved. */
function refusing(advance: Advance, completion: Completion): (error: SerializationError) => Failed {
  return (error) => refused(advance, completion, error);
}

const nothing: readonly (readonly [arc: number, value: unknown])[] = [];

/**
 * Returns the values of arcs that must be recorded: results of transforms, and outputs on arcs that leave or repeat a
 * loop, because the next iteration of the loop will overwrite these outputs.
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
 * Lets a completed fallback replace each node that it recovers. The statuses are checked again for each node, because
 * concurrent calls may advance the run in the meantime. The status and the output of the fallback must be read at the
 * same moment.
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

/**
 * Commits the failure of a node.
 *
 * @param recoveredBy - the fallback whose result was refused; if present, the failure of the node is final
 */
async function fail(advance: Advance, error: NodeError, recoveredBy?: string): Promise<void> {
  const { position } = advance.traverser;
  const { nodeId } = error;
  const isLost = recoveredBy !== undefined;
  await commit(advance.state, failureOf(advance, error, isLost));
  const fallback = position.plan.fallbackOf[position.plan.indexOf(nodeId)] as number;
  if (fallback >= 0 && !isLost) await standIn(advance, fallback);
}

function failureOf({ services }: Advance, error: NodeError, isLost: boolean): Failed {
  const endsRun = services.options.failFast === true ? true : undefined;
  return { type: 'failed', nodeId: error.nodeId, error: savedError(error), isLost, endsRun };
}

/** Makes the failure of a node whose result cannot be saved, and removes the result from the context. */
function refused(advance: Advance, completion: Completion, error: SerializationError): Failed {
  const { nodeId, recoveredBy, attempts = 1 } = completion;
  const failure = new NodeError(nodeId, attempts, inContext(error, nodeId));
  takeBack(advance, completion);
  advance.state.forget(nodeId);
  return failureOf(advance, failure, recoveredBy !== undefined);
}

/** Returns the error with a path that names the output's place in the context. */
function inContext(error: SerializationError, nodeId: string): SerializationError {
  const path = error.path.replace(/^happening\.output/, `context.${nodeId}`);
  return path === error.path ? error : new SerializationError(path, error.problem, { cause: error.cause });
}
