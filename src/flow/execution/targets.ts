import { type AnyFunction, isPlainObject } from '../../shared/validate.js';
import type { InputMapping, NodeDefinition } from '../blueprint.js';
import { BlueprintError } from '../errors.js';
import { FlowNode, Node, type Registry } from '../node.js';
import type { LinkedFlow } from './linked.js';
import { type IsNode, type Source, sourceFrom } from './paths.js';
import { deepestFlow, subflowOf } from './subflow.js';
import type { Toolbox } from './toolbox.js';

/** What does the work of a node; `undefined` for a name that is unknown. */
export type Target = AnyFunction | Node | undefined;

/** What does the work of the nodes of a blueprint, found by its names in the registries. */
export class Targets {
  /** The flows behind what does the work of nodes. */
  readonly #flowsBehind = new Map<Target, () => LinkedFlow>();
  /** What was found already: many nodes may use the same. */
  readonly #targets = new Map<unknown, Target>();

  constructor(
    private readonly registries: readonly Registry[],
    private readonly toolbox: Toolbox,
    private readonly fault: (nodeId: string, message: string) => void,
  ) {}

  /** What does the work of a node. Where its name stands for nothing that can, that is a fault, and it gives `undefined`. */
  of(node: NodeDefinition): Target {
    const field = fieldOf(node);
    const name = nameIn(node);
    const key = targetKey(node);
    if (this.#targets.has(key)) return this.#targets.get(key);
    const target = typeof name === 'string' ? this.#find(node, name) : undefined;
    if (target === undefined) {
      const where = field === undefined ? 'uses' : `params.${field}`;
      const problem =
        typeof name === 'string'
          ? `"${name}" is ${this.#isRegistered(name) ? 'no flow' : 'not in the registry'}`
          : 'must be a name in the registry';
      this.fault(node.id, `${where} of "${node.id}": ${problem}`);
    } else this.#targets.set(key, target);
    return target;
  }

  /** What a name stands for in the registries. Only own keys count: `toString` is no node. */
  registered(name: string): Registry[string] | undefined {
    return this.registries.find((candidate) => Object.hasOwn(candidate, name))?.[name];
  }

  /** The flow behind what does the work of a node that was looked for; `undefined` where there is none. */
  flowBehind(node: NodeDefinition): (() => LinkedFlow) | undefined {
    return this.#flowsBehind.get(this.#targets.get(targetKey(node)));
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

  /** What is wrong with a flow is wrong with each that it is part of. */
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

/** The nodes of what may be a flow, or a graph of any shape. */
export function nodesOf(flow: unknown): IsNode {
  const { nodes } = Object(flow instanceof FlowNode ? flow.toBlueprint() : flow) as { nodes?: unknown };
  let ids: Set<unknown> | undefined;
  return (id) => {
    ids ??= new Set(Array.isArray(nodes) ? nodes.map((node) => Object(node).id) : []);
    return ids.has(id);
  };
}

/** The parameter that names what does the work of a node; none where `uses` does. */
function fieldOf({ uses }: NodeDefinition): 'flow' | 'worker' | undefined {
  return uses === 'subflow' ? 'flow' : uses === 'batch' ? 'worker' : undefined;
}

function nameIn(node: NodeDefinition): unknown {
  const field = fieldOf(node);
  return field === undefined ? node.uses : node.params?.[field];
}

/** What nodes have in common that have the same target. The mapping of outputs is part of what a sub-flow is. */
function targetKey(node: NodeDefinition): unknown {
  return node.params?.outputs === undefined ? `${fieldOf(node)}:${String(nameIn(node))}` : node;
}

/** The source that outputs are mapped by; nothing for a mapping that was found to be at fault. */
function sourceOrNothing(mapping: InputMapping, evaluator: Toolbox['evaluator'], isNode: IsNode): Source | undefined {
  try {
    return sourceFrom(mapping, evaluator, isNode);
  } catch {
    return undefined;
  }
}
