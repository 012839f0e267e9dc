// Hooks and actions of a run share its typed state. Every run starts with a copy of the initial state, so that
// concurrent runs do not affect each other. With `sharedState`, all runs use the same object.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Orchestrator } from 'orchestrator';

interface Order {
  customer: string;
  lines: string[];
  tasks: number;
}

const state: Order = { customer: 'nobody', lines: [], tasks: 0 };
const orchestrator = new Orchestrator<Order>({ state }).onTaskBegin(({ context }) => {
  context.tasks++;
});

const add = orchestrator.action(async (line: string) => {
  await sleep(5);
  orchestrator.getState().lines.push(line);
});

async function order(customer: string, lines: string[]): Promise<Order> {
  return orchestrator.run(
    async () => {
      for (const line of lines) await add(line);
      return orchestrator.getState();
    },
    { state: { customer } },
  );
}

const [first, second] = await Promise.all([order('Ada', ['tea', 'scones']), order('Grace', ['coffee'])]);
console.log(first, second);
assert.deepEqual(first, { customer: 'Ada', lines: ['tea', 'scones'], tasks: 2 });
assert.deepEqual(second, { customer: 'Grace', lines: ['coffee'], tasks: 1 });
assert.deepEqual(state.lines, [], 'the initial state is as it was');
assert.deepEqual(orchestrator.getState(), first, 'outside of a run it is what the last one to finish has left');
assert.throws(() => orchestrator.getState().lines.push('cake'), TypeError, 'to read: setState() changes it');

const shared = new Orchestrator({ state: { visitors: 0 }, sharedState: true });
const visit = shared.action(() => {
  shared.getState().visitors++;
});
await Promise.all([shared.run(visit), shared.run(visit), visit()]);
console.log(shared.getState());
assert.equal(shared.getState().visitors, 3);
