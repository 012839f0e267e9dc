import { type AnyFunction, isPlainObject } from '../../shared/validate.js';
import type { InputMapping, NodeDefinition } from '../blueprint.js';
import { BlueprintError } from '../errors.js';
import { FlowNode, Node, type Registry } from '../node.js';
import type { LinkedFlow } from './linked.js';
import { type IsNode, type Source, sourceFrom } from './paths.js';
import { deepestFlow, subflowOf } from './subflow.js';
import type { Toolbox } from './toolbox.js';

/** The code that does the work of a node; `undefined` if the name is unknown. */
export type Target = AnyFunction | Node | undefined;

/** Finds the code for the nodes of a blueprint by name in the registries. */
export class Targets {
  /** For each target that runs a sub-flow, the function that returns the linked sub-flow. */
  readonly #flowsBehind = new Map<Target, () => LinkedFlow>();
  /** Targets found so far by `uses`, and by the parameter that holds the name. Many nodes may use the same target. */
  readonly #used = new Map<unknown, Target>();
  readonly #named = new Map<unknown, Target>();

  constructor(
    private readonly registries: readonly Registry[],
    private readonly toolbox: Toolbox,
    private readonly fault: (nodeId: string, message: string) => void,
  ) {}

  /**
   * Returns the target of a node. If the name of the target does not refer to suitable code, reports a fault and
   * returns `undefined`.
   */
  of(node: NodeDefinition): Target {
    const key = targetKey(node);
    const targets = this.#targetsLike(node);
    const known = targets.get(key);
    if (known !== undefined) return known;
    const field = fieldOf(node);
    const name = nameIn(node);
    const target = typeof name === 'string' ? this.#find(node, name) : undefined;
    if (target === undefined) {
      const where = field === undefined ? 'uses' : `params.${field}`;
      const problem =
        typeof name === 'string'
          ? `"${name}" is ${this.#isRegistered(name) ? 'not a flow' : 'not in the registry'}`
          : 'must be a name in the registry';
      this.fault(node.id, `${where} of "${node.id}": ${problem}`);
    } else targets.set(key, target);
    return target;
  }

  #targetsLike(node: NodeDefinition): Map<unknown, Target> {
    return fieldOf(node) === undefined ? this.#used : this.#named;
  }

  /**
   * Returns the value registered under a name. Only own keys are considered, so that `toString`, for example, is not
   * found.
   */
  registered(name: string): Registry[string] | undefined {
    return this.registries.find((candidate) => Object.hasOwn(candidate, name))?.[name];
  }

  /**
   * Returns the sub-flow that a node runs, or `undefined` if the node does not run a flow. Call `of` for the node
   * first.
   */
  flowBehind(node: NodeDefinition): (() => LinkedFlow) | undefined {
    if (this.#flowsBehind.size === 0) return undefined;
    return this.#flowsBehind.get(this.#targetsLike(node).get(targetKey(node)));
  }

  #isRegistered(name: string): boolean {
    return this.registries.some((registry) => Object.hasOwn(registry, name));
  }

  #find(node: NodeDefinition, name: string): Target {
    const found = this.registered(name);
    const isWork = typeof found === 'function' || found instanceof Node;
    if (isWork) return node.uses === 'subflow' ? undefined : (found as AnyFunction | Node);
    if (!(found instanceof FlowNode) && !isPlainObject(found)) return undefined;
    const outputs = node.params?.outputs as InputMapping | undefined;
    const source = outputs === undefined ? undefined : sourceOrNothing(outputs, this.toolbox.evaluator, nodesOf(found));
    const flow = () => this.toolbox.linkedOf(found, this.registries);
    if (!this.toolbox.isLinking(found)) this.#checkFlow(node.id, name, flow);
    const work = subflowOf(flow, source, this.toolbox);
    this.#flowsBehind.set(work, flow);
    return work;
  }

  /** Reports the faults of a sub-flow as faults of the node that uses it. */
  #checkFlow(nodeId: string, name: string, linked: () => LinkedFlow): void {
    if (this.toolbox.linkingDepth > deepestFlow) {
      this.fault(nodeId, `flows must not be nested more than ${deepestFlow} deep`);
      return;
    }
    try {
      linked();
    } catch (error) {
      if (!(error instanceof BlueprintError)) throw error;
      for (const { message } of error.faults) this.fault(nodeId, `in the flow "${name}" of "${nodeId}": ${message}`);
    }
  }
}

/** Makes a test for the ids of a flow's nodes. The argument may be a flow, or a graph that has not been checked yet. */
export function nodesOf(flow: unknown): IsNode {
  const { nodes } = Object(flow instanceof FlowNode ? flow.toBlueprint() : flow) as { nodes?: unknown };
  let ids: Set<unknown> | undefined;
  return (id) => {
    ids ??= new Set(Array.isArray(nodes) ? nodes.map((node) => Object(node).id) : []);
    return ids.has(id);
  };
}

/** Returns the parameter that holds the name of the node's target, or `undefined` if `uses` holds the name. */
function fieldOf({ uses }: NodeDefinition): 'flow' | 'worker' | undefined {
  return uses === 'subflow' ? 'flow' : uses === 'batch' ? 'worker' : undefined;
}

function nameIn(node: NodeDefinition): unknown {
  const field = fieldOf(node);
  return field === undefined ? node.uses : node.params?.[field];
}

/**
 * Returns the cache key of a node's target. A sub-flow with an output mapping is cached for each node separately,
 * because the target includes the mapping.
 */
function targetKey(node: NodeDefinition): unknown {
  if (node.params?.outputs !== undefined) return node;
  const field = fieldOf(node);
  return field === undefined ? node.uses : `${field}:${String(nameIn(node))}`;
}

/**
 * Compiles an output mapping. Returns `undefined` if the mapping is faulty, because the check has already reported the
 * fault.
 */
function sourceOrNothing(mapping: InputMapping, evaluator: Toolbox['evaluator'], isNode: IsNode): Source | undefined {
  try {
    return sourceFrom(mapping, evaluator, isNode);
  } catch {
    return undefined;
  }
}
