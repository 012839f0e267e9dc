// An orchestrator decides how a run advances. This custom orchestrator executes ready nodes by priority, which is part
// of the graph, two at a time. After each pair it checks the time: a night shift that ends on time. The next shift
// continues the run.
import assert from 'node:assert/strict';
import {
  type ExecutionServices,
  executeBatch,
  Flow,
  type GraphTraverser,
  type IOrchestrator,
  type NodeExecutorFactory,
  processResults,
  type ReadyNode,
  type WorkflowResult,
  type WorkflowState,
} from 'orchestrator/flow';

class Shift implements IOrchestrator {
  readonly log: string[][] = [];

  constructor(private readonly batches: number) {}

  async run(
    traverser: GraphTraverser,
    executorFactory: NodeExecutorFactory,
    state: WorkflowState,
    services: ExecutionServices,
  ): Promise<WorkflowResult> {
    const blueprint = traverser.getDynamicBlueprint();
    while (traverser.hasMoreWork() && this.log.length < this.batches) {
      const [first, second, ...later] = traverser.getReadyNodes().sort(byPriority);
      const batch = [first, second].filter((ready) => ready !== undefined);
      traverser.setFrontier(later.map(({ nodeId }) => nodeId));
      this.log.push(batch.map(({ nodeId }) => nodeId));
      const settled = await executeBatch(batch, blueprint, state, executorFactory, services);
      await processResults(settled, traverser, state, services);
    }
    const result = state.toResult(services.options.serializer);
    result.status = state.getStatus(traverser.getAllNodeIds(), traverser.getFallbackNodeIds());
    return result;
  }
}

function byPriority(one: ReadyNode, other: ReadyNode): number {
  return Number(other.nodeDef.params?.priority ?? 0) - Number(one.nodeDef.params?.priority ?? 0);
}

const bake = (_input: unknown, { nodeId }: { nodeId: string }) => `${nodeId}, fresh`;
const flow = new Flow('bakery')
  .node('oven', () => 'hot')
  .node('rolls', bake, { after: 'oven', params: { priority: 1 } })
  .node('cake', bake, { after: 'oven' })
  .node('bread', bake, { after: 'oven', params: { priority: 3 } })
  .node('croissants', bake, { after: 'oven', params: { priority: 2 } });

const night = new Shift(2);
const left = await flow.run({}, { orchestrator: night });
console.log(left.status, night.log);
assert.deepEqual(night.log, [['oven'], ['bread', 'croissants']]);
assert.equal(left.status, 'stalled');

const morning = new Shift(2);
const done = await flow.continue(left, { orchestrator: morning });
console.log(done.status, morning.log);
assert.deepEqual(morning.log, [['rolls', 'cake']]);
assert.equal(done.status, 'completed');
