// A debugger in a few lines: `prepare` returns all parts of a run, and the step-by-step orchestrator executes the ready
// nodes and returns. Between two steps, the state can be inspected and changed.
import assert from 'node:assert/strict';
import { Flow, FlowRuntime, StepByStepOrchestrator } from 'orchestrator/flow';

const flow = new Flow<{ rows: number[]; factor: number }>('import')
  .node('read', (_input, { context }) => context.rows)
  .node('sum', (rows) => rows.reduce((sum, row) => sum + row, 0), { after: 'read' })
  .node('count', (rows) => rows.length, { after: 'read' })
  .node('mean', ({ sum, count }, { context }) => (context.factor * sum) / count, { after: ['sum', 'count'] });

const { traverser, executorFactory, state, services } = new FlowRuntime().prepare(flow, { rows: [1, 2, 6], factor: 1 });
const debug = new StepByStepOrchestrator();
const steps: string[][] = [];
let result = await debug.run(traverser, executorFactory, state, services);
steps.push([...result.completed]);
while (traverser.hasMoreWork()) {
  console.log(`step ${steps.length}`, result.status, state.getContext());
  // Changes a value by hand before the last step.
  if (state.isCompleted('sum')) state.getContext().factor = 100;
  result = await debug.run(traverser, executorFactory, state, services);
  steps.push([...result.completed]);
}

console.log(result.status, result.output);
assert.deepEqual(steps, [['read'], ['read', 'sum', 'count'], ['read', 'sum', 'count', 'mean']]);
assert.equal(result.status, 'completed');
assert.equal(result.output, 300);
