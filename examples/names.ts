// A name makes hooks and errors readable. It stands first, or it is the key of the action in an object.
import assert from 'node:assert/strict';
import { Orchestrator } from 'orchestrator';

const ended: string[] = [];
const orchestrator = new Orchestrator().onTaskCompletion(({ name, args }) => ended.push(`${name}(${args})`));

const greet = orchestrator.action('greet', (name: string) => `Hello ${name}`);

// The options hold for all of them. Each has the type of its function.
const { fetchUser, countOrders } = orchestrator.actions(
  {
    fetchUser: async (id: string) => ({ id, name: 'Ada' }),
    countOrders: async (customer: string) => customer.length,
  },
  { retry: 2, timeout: 1_000 },
);

const greeting = await orchestrator.run(async () => {
  const { id, name } = await fetchUser('42');
  return `${await greet(name)}, you have ${await countOrders(id)} orders`;
});

console.log(greeting);
assert.equal(greeting, 'Hello Ada, you have 2 orders');
assert.deepEqual(ended, ['fetchUser(42)', 'greet(Ada)', 'countOrders(42)']);

assert.throws(() => orchestrator.actions({ fetchUser: 'https://example.com' as never }), {
  message: 'actions.fetchUser must be a function, got String',
});
