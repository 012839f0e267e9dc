import type { Graph } from './blueprint.js';
import { schemasOf } from './execution/schemas.js';
import { Flow } from './flow.js';
import type { Registry } from './node.js';
import { FlowRuntime } from './runtime.js';
import type { FlowRuntimeOptions } from './runtime-options.js';

/**
 * Builds flows from graphs that are data, for example JSON that an editor saved. The registry holds the code that the
 * graphs refer to by name. If you do not need a `Flow` object, use `runtime.run(graph)` instead.
 *
 * @example
 * const builder = new GraphBuilder({ fetchOrder, charge, isPaid: (order) => order.paid });
 * const flow = builder.build(JSON.parse(await readFile('order.json', 'utf8')));
 */
export class GraphBuilder {
  /**
   * @param registry - the functions, actions, node classes, flows and graphs that graphs refer to, by name. Default:
   * empty
   * @param options - `evaluator`: checks the expressions in the graphs. Default: the evaluator of a `FlowRuntime`
   */
  constructor(
    private readonly registry: Registry = {},
    private readonly options: Pick<FlowRuntimeOptions, 'evaluator'> = {},
  ) {}

  /**
   * Makes a flow from a graph.
   *
   * @param graph - a graph from any source; it is copied and not changed
   * @throws {BlueprintError} if the graph is faulty; the error lists all faults
   */
  build(graph: Graph): Flow {
    const runtime = new FlowRuntime({ ...this.options, registry: this.registry });
    runtime.validate(graph);
    const { id, version, maxVisits, nodes, edges } = graph;
    return new Flow(id, { version, maxVisits, ...schemasOf(graph) }).load({ nodes, edges }, this.registry);
  }
}
