import type { Graph } from './blueprint.js';
import { Flow } from './flow.js';
import type { Registry } from './node.js';
import { FlowRuntime } from './runtime.js';
import type { FlowRuntimeOptions } from './runtime-options.js';

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
    const runtime = new FlowRuntime({ ...this.options, registry: this.registry });
    runtime.validate(graph);
    const { id, version, maxVisits, nodes, edges } = graph;
    return new Flow(id, { version, maxVisits }).load({ nodes, edges }, this.registry);
  }
}
