// The smallest flow: three nodes, each of which says what it follows. A node is a function of its input, which is the
// output of the node before it. The context contains the initial values of the run, and each output under the id of its node.
import assert from 'node:assert/strict';
import { Flow } from 'orchestrator/flow';

interface Letter {
  name: string;
}

const flow = new Flow<Letter>('letter')
  .node('greet', (_input, { context }) => `Dear ${context.name}`)
  .node('thank', async (greeting) => `${greeting}, thank you for the marmalade.`, { after: 'greet' })
  .node('sign', (text) => `${text} Yours, P.`, { after: 'thank' });

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
