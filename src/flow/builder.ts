import type { Graph } from './blueprint.js';
import { BlueprintError } from './errors.js';
import { Flow } from './flow.js';
import type { Registry } from './node.js';
import { ShapeCheck } from './plan/check.js';
import { nameOf } from './plan/plan.js';
import { FlowRuntime, type FlowRuntimeOptions } from './runtime.js';

/**
 * Builds flows from data.
 *
 * @example
 * const builder = new GraphBuilder({ fetchOrder, charge, isPaid: (order) => order.paid });
 * const flow = builder.build(JSON.parse(await readFile('order.json', 'utf8')));
 */
export class GraphBuilder {
  /**
   * @param registry - what the graphs use, by name: functions, actions, node classes, flows, graphs
   * @param options - what expressions are checked with. Default: as a `FlowRuntime`
   */
  constructor(
    private readonly registry: Registry = {},
    private readonly options: Pick<FlowRuntimeOptions, 'evaluator'> = {},
  ) {}

  /**
   * A flow from a graph.
   *
   * @param graph - data of any origin; it is not changed
   * @throws {BlueprintError} that lists everything that is wrong with it
   */
  build(graph: Graph): Flow {
    const check = new ShapeCheck();
    if (check.graph(graph) === undefined) throw new BlueprintError(nameOf(graph), check.faults);
    const { id, version, maxVisits, nodes, edges } = graph;
    const flow = new Flow(id, { version, maxVisits }).load({ nodes, edges }, this.registry);
    new FlowRuntime({ ...this.options, registry: this.registry }).validate(flow);
    return flow;
  }
}
