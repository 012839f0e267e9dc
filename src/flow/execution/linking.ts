import type { EdgeDefinition } from '../blueprint.js';
import { BlueprintError, type Fault } from '../errors.js';
import { FlowNode, type Registry } from '../node.js';
import { compile, compiled, nameOf, Plan, type Uncompiled } from '../plan/plan.js';
import { link } from './link.js';
import { LinkedFlow } from './linked.js';
import { schemasOf } from './schemas.js';
import type { Toolbox } from './toolbox.js';

/** The settings of a runtime. */
export type RuntimeSettings = Omit<
  Toolbox,
  'linkedOf' | 'linkedBefore' | 'linkedOfEdge' | 'isLinking' | 'linkingDepth'
>;

/** Makes a toolbox that links each flow once, and links it again only after the flow has changed. */
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
  readonly drivers;
  readonly #linked = new WeakMap<Plan, LinkedFlow>();
  /**
   * Faults of sub-flows. They are kept until the outermost flow is linked, because many nodes may use the same
   * sub-flow.
   */
  readonly #faulty = new Map<object, readonly Fault[]>();
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
    this.drivers = settings.drivers;
  }

  linkedOf(flow: object, registries: readonly Registry[] = []): LinkedFlow {
    const blueprint = flow instanceof FlowNode ? flow.toBlueprint() : flow;
    if (this.#last !== undefined && this.#last.blueprint === blueprint) return this.#last.linked;
    return this.#find(flow, blueprint, registries, compile);
  }

  linkedBefore(blueprint: object): LinkedFlow {
    if (this.#last !== undefined && this.#last.blueprint === blueprint) return this.#last.linked;
    return this.#find(blueprint, blueprint, [], compiled);
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

  #find(
    flow: object,
    blueprint: object,
    registries: readonly Registry[],
    planned: (blueprint: unknown) => Plan | Uncompiled,
  ): LinkedFlow {
    const faults = this.#faulty.get(blueprint);
    if (faults !== undefined) throw new BlueprintError(nameOf(blueprint), faults);
    const plan = planned(blueprint);
    const linked = this.#linked.get(plan as Plan) ?? this.#link(flow, blueprint, plan, registries);
    // Only a compiled blueprint is immutable. Any other blueprint is checked for changes on each call.
    if (linked.plan.graph === blueprint) this.#last = { blueprint, linked };
    return linked;
  }

  #link(flow: object, blueprint: object, plan: Plan | Uncompiled, registries: readonly Registry[]): LinkedFlow {
    const isFlow = flow instanceof FlowNode;
    const options = {
      params: isFlow ? flow.params : {},
      merges: isFlow ? flow.merge : {},
      schemas: isFlow ? flow.schemas : schemasOf(plan instanceof Plan ? plan.graph : plan.sound),
      registries: [...(isFlow ? [flow.registry] : []), ...registries, this.registry],
      middleware: isFlow ? [...this.middleware, ...flow.middleware] : this.middleware,
      policies: isFlow ? flow.policies : new Map(),
    };
    const linked = this.#guarded(blueprint, () => link(plan, options, this));
    if (!(linked instanceof LinkedFlow)) throw new BlueprintError(nameOf(blueprint), linked);
    this.#linked.set(linked.plan, linked);
    for (const edge of linked.links.transforms.keys()) this.#byEdge.set(edge, linked);
    return linked;
  }

  /** Marks a flow as being linked while `work` runs. Faults are remembered until the outermost flow is linked. */
  #guarded(blueprint: object, work: () => LinkedFlow | readonly Fault[]): LinkedFlow | readonly Fault[] {
    this.#linking.add(blueprint);
    try {
      const linked = work();
      if (!(linked instanceof LinkedFlow)) this.#faulty.set(blueprint, linked);
      return linked;
    } finally {
      this.#linking.delete(blueprint);
      if (this.#linking.size === 0) this.#faulty.clear();
    }
  }
}
