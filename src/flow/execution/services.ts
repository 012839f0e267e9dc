import type { EdgeDefinition, NodeDefinition, WorkflowBlueprint } from '../blueprint.js';
import type { ExecutionOptions, ExecutionServices, MaybePromise, NodeExecutorFactory } from '../contracts.js';
import { ExpressionError, UnknownActionError } from '../errors.js';
import type { NodeResult } from '../node-result.js';
import { compiledEdge } from '../plan/fixed.js';
import type { NextNode, Outgoing } from '../plan/plan.js';
import type { Context } from '../run/result.js';
import { stateOf, type WorkflowState } from '../run/state.js';
import { inputFrom } from './input.js';
import type { LinkedFlow } from './linked.js';
import { settingsOf } from './node-call.js';
import { inProcess } from './node-executor.js';
import type { Toolbox } from './toolbox.js';

/** Resolves inputs, chooses edges and applies transforms for the flows of a runtime. */
export class FlowServices implements ExecutionServices {
  readonly executorFactory: NodeExecutorFactory;

  /** The state for which each node's input was last resolved. Used in a prepared run. */
  readonly #resolved = new Map<string, WorkflowState>();

  /**
   * @param prepared - the state of a prepared run, if the services are for this run only. Default: the services are
   *   for any run
   */
  constructor(
    private readonly toolbox: Toolbox,
    readonly options: ExecutionOptions,
    private readonly prepared?: WorkflowState,
  ) {
    this.executorFactory = (blueprint) => {
      const linked = toolbox.linkedBefore(blueprint);
      if (prepared === undefined) return (nodeId) => linked.executorOf(nodeId);
      return (nodeId) => {
        const executor = linked.executorOf(nodeId);
        return {
          execute: (input, state = this.#resolved.get(nodeId) ?? prepared, visit) =>
            executor.execute(input, state, visit),
        };
      };
    };
  }

  resolveNodeInput(nodeId: string, blueprint: WorkflowBlueprint, context: Context): MaybePromise<unknown> {
    const linked = this.toolbox.linkedBefore(blueprint);
    const state = stateOf(context);
    if (this.prepared !== undefined) this.#resolved.set(nodeId, state);
    const { saved } = state.data;
    if (saved === undefined) return inputOf(nodeId, linked, state, context);
    const resolve = (seen: Context) => inputOf(nodeId, linked, state, seen);
    return resolve(state.data.openView(nodeId, saved, resolve).context);
  }

  determineNextNodes(
    blueprint: WorkflowBlueprint,
    nodeId: string,
    result: NodeResult,
    context: Context,
  ): MaybePromise<readonly NextNode[]> {
    const linked = this.toolbox.linkedBefore(blueprint);
    const node = linked.nodeOf(nodeId);
    const outgoing = linked.plan.outgoing(node);
    if (linked.plan.isPlain(node)) return outgoing;
    const candidates = candidatesOf(nodeId, outgoing, result.action ?? undefined);
    if (candidates.every(({ edge }) => edge.condition === undefined)) return candidates;
    return decide(linked, candidates, result, context);
  }

  applyEdgeTransform(
    given: EdgeDefinition,
    result: NodeResult,
    _targetNode: NodeDefinition,
    context: Context,
  ): MaybePromise<void> {
    if (given.transform === undefined) return undefined;
    const edge = compiledEdge(given);
    const linked = this.toolbox.linkedOfEdge(edge);
    const transform = linked?.links.transforms.get(edge);
    if (linked === undefined || transform === undefined) return undefined;
    const arc = linked.arcOf(edge);
    const { passed } = stateOf(context).memory;
    const value = transform(result, context);
    if (value instanceof Promise) return value.then((later) => void passed.set(arc, later));
    passed.set(arc, value);
    return undefined;
  }

  inProcess<Result>(state: WorkflowState, work: () => Promise<Result>): Promise<Result> {
    return inProcess(this.toolbox.core, state, work, this.options.signal);
  }
}

/** Returns true if services follow all edges of a node whose edges have no actions, conditions or transforms. */
export function choosesPlainly(services: ExecutionServices): boolean {
  return services.determineNextNodes === FlowServices.prototype.determineNextNodes && services instanceof FlowServices;
}

/**
 * Resolves the input of a node: from its input mapping, or else from the nodes before it. A fallback gets the input of
 * the node that it replaces.
 */
function inputOf(nodeId: string, linked: LinkedFlow, state: WorkflowState, context: Context): unknown {
  const { plan, links } = linked;
  const mapped = links.inputs.size > 0 ? links.inputs.get(nodeId) : undefined;
  const node = plan.indexOf(nodeId);
  if (mapped !== undefined) {
    const params = settingsOf(state)?.params ?? links.params;
    return mapped(context, { ...params, ...plan.nodes[node]?.params });
  }
  const [owner] = plan.owners.has(node) ? (state.position?.recovered(node) ?? []) : [];
  if (owner !== undefined) return inputOf(plan.idOf(owner), linked, state, context);
  return inputFrom(plan, node, state, context);
}

/**
 * Returns the edges with the chosen action, or else the edges without an action.
 *
 * @throws {UnknownActionError} if all edges have actions, but none has the chosen action
 */
function candidatesOf(nodeId: string, outgoing: readonly Outgoing[], action: string | undefined): readonly Outgoing[] {
  if (outgoing.every(({ edge }) => edge.action === undefined)) return outgoing;
  const matching = action === undefined ? [] : outgoing.filter(({ edge }) => edge.action === action);
  if (matching.length > 0) return matching;
  const unlabelled = outgoing.filter(({ edge }) => edge.action === undefined);
  if (action === undefined || unlabelled.length > 0) return unlabelled;
  throw new UnknownActionError(nodeId, action, [...new Set(outgoing.map(({ edge }) => edge.action as string))]);
}

/** Returns the edges whose condition is true. A condition with a result that is not a boolean is an error. */
function decide(
  { links }: LinkedFlow,
  candidates: readonly Outgoing[],
  result: NodeResult,
  context: Context,
): MaybePromise<readonly Outgoing[]> {
  const verdicts = candidates.map(({ edge }) => {
    const condition = links.conditions.get(edge);
    return condition === undefined || condition(result, context);
  });
  const choose = (decided: readonly unknown[]) =>
    candidates.filter((candidate, index) => holds(candidate, decided[index]));
  return verdicts.some((verdict) => verdict instanceof Promise) ? Promise.all(verdicts).then(choose) : choose(verdicts);
}

function holds({ edge }: Outgoing, verdict: unknown): boolean {
  if (typeof verdict === 'boolean') return verdict;
  const { source, target, condition } = edge;
  throw new ExpressionError(
    String(condition),
    `on the edge from "${source}" to "${target}" must return a boolean, got ${typeof verdict}`,
  );
}
