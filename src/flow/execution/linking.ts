import type { EdgeDefinition } from '../blueprint.js';
import { BlueprintError, type Fault } from '../errors.js';
import { FlowNode, type Registry } from '../node.js';
import { nameOf } from '../plan/plan.js';
import { link } from './link.js';
import { LinkedFlow } from './linked.js';
import type { Toolbox } from './toolbox.js';

/** The settings of a runtime. */
export type RuntimeSettings = Omit<Toolbox, 'linkedOf' | 'linkedOfEdge' | 'isLinking' | 'linkingDepth'>;

/** A toolbox that links each flow once. */
export function toolboxOf(settings: RuntimeSettings): Toolbox {
  return new LinkingToolbox(settings);
}

class LinkingToolbox implements Toolbox {
  readonly core;
  readonly policies;
  readonly registry;
  readonly middleware;
  readonly serializer;
  readonly evaluator;
  readonly logger;
  readonly dependencies;
  readonly executor;
  readonly #linked = new WeakMap<object, LinkedFlow | readonly Fault[]>();
  readonly #byEdge = new WeakMap<EdgeDefinition, LinkedFlow>();
  readonly #linking = new Set<object>();
  #last: { readonly blueprint: object; readonly linked: LinkedFlow } | undefined = undefined;

  constructor(settings: RuntimeSettings) {
    this.core = settings.core;
    this.policies = settings.policies;
    this.registry = settings.registry;
    this.middleware = settings.middleware;
    this.serializer = settings.serializer;
    this.evaluator = settings.evaluator;
    this.logger = settings.logger;
    this.dependencies = settings.dependencies;
    this.executor = settings.executor;
  }

  linkedOf(flow: object, registries: readonly Registry[] = []): LinkedFlow {
    const blueprint = flow instanceof FlowNode ? flow.toBlueprint() : flow;
    if (this.#last !== undefined && this.#last.blueprint === blueprint) return this.#last.linked;
    let linked = typeof blueprint === 'object' && blueprint !== null ? this.#linked.get(blueprint) : undefined;
    if (linked === undefined) linked = this.#link(flow, blueprint, registries);
    if (!(linked instanceof LinkedFlow)) throw new BlueprintError(nameOf(blueprint), linked);
    this.#last = { blueprint, linked };
    return linked;
  }

  linkedOfEdge(edge: EdgeDefinition): LinkedFlow | undefined {
    return this.#byEdge.get(edge);
  }

  get linkingDepth(): number {
    return this.#linking.size;
  }

  isLinking(flow: object): boolean {
    return this.#linking.has(flow instanceof FlowNode ? flow.toBlueprint() : flow);
  }

  #link(flow: object, blueprint: object, registries: readonly Registry[]): LinkedFlow | readonly Fault[] {
    const isFlow = flow instanceof FlowNode;
    const options = {
      params: isFlow ? flow.params : {},
      registries: [...(isFlow ? [flow.registry] : []), ...registries, this.registry],
      middleware: isFlow ? [...this.middleware, ...flow.middleware] : this.middleware,
      policies: isFlow ? flow.policies : new Map(),
    };
    this.#linking.add(blueprint);
    const linked = link(blueprint, options, this);
    this.#linking.delete(blueprint);
    if (Object(blueprint) === blueprint) this.#linked.set(blueprint, linked);
    if (!(linked instanceof LinkedFlow)) return linked;
    for (const edge of linked.links.transforms.keys()) this.#byEdge.set(edge, linked);
    return linked;
  }
}
