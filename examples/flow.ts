// The smallest flow: three nodes and the edges between them. A node is a function of its input, which is the output of
// the previous node. The context contains the initial values of the run, and each output under the id of its node.
import assert from 'node:assert/strict';
import { Flow } from 'orchestrator/flow';

interface Letter {
  name: string;
}

const flow = new Flow<Letter>('letter')
  .node('greet', (_input, { context }) => `Dear ${context.name}`)
  .node('thank', async (greeting: string) => `${greeting}, thank you for the marmalade.`)
  .node('sign', (text: string) => `${text} Yours, P.`)
  .edge('greet', 'thank')
  .edge('thank', 'sign');

const result = await flow.run({ name: 'Aunt Lucy' });

console.log(result.output);
assert.equal(result.status, 'completed');
assert.equal(result.output, 'Dear Aunt Lucy, thank you for the marmalade. Yours, P.');
assert.deepEqual(result.completed, ['greet', 'thank', 'sign']);
assert.deepEqual(result.context, {
  name: 'Aunt Lucy',
  greet: 'Dear Aunt Lucy',
  thank: 'Dear Aunt Lucy, thank you for the marmalade.',
  sign: result.output,
});

// A diagram with the status of each node.
console.log(flow.toMermaid(result));
