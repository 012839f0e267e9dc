// Three ways to choose the next node. A node returns an action with its output, and the edges with this action are
// followed. If no edge has the action, the edges without an action are followed. And any edge may have a condition.
// Nodes behind edges that are not followed are skipped. A node with several incoming edges waits for all of them, or,
// with `any`, for the first.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Flow, withAction } from 'orchestrator/flow';

interface Parcel {
  weight: number;
  country: string;
}

const flow = new Flow<Parcel>('parcel')
  .node('weigh', (_input, { context: { weight } }) => {
    if (weight > 100) return withAction('refuse', { weight });
    return withAction(weight > 20 ? 'heavy' : 'light', { weight });
  })
  .node('refuse', () => 'too heavy', { after: { weigh: 'refuse' } })
  .node('truck', () => 'by truck', { after: { weigh: 'heavy' } })
  .node('bicycle', () => 'by bicycle', { after: 'weigh' }) // for every action without an edge of its own
  .node('customs', (_input, { context }) => `form for ${context.country}`, {
    after: ['truck', 'bicycle'],
    condition: (_output, { context }) => context.country !== 'NL',
  })
  .node('label', (parts) => Object.values(parts).join(', '), { after: ['truck', 'bicycle', 'customs'] });

// A joining node gets an object with the outputs of the predecessors that were followed.
const light = await flow.run({ weight: 3, country: 'NL' });
console.log(light.output);
assert.equal(light.output, 'by bicycle');
assert.deepEqual(new Set(light.skipped), new Set(['refuse', 'truck', 'customs']));

const heavy = await flow.run({ weight: 30, country: 'FR' });
console.log(heavy.output);
assert.equal(heavy.output, 'by truck, form for FR');

const refused = await flow.run({ weight: 300, country: 'FR' });
console.log(refused.output);
assert.equal(refused.output, 'too heavy');
assert.ok(refused.skipped.includes('label'), 'a join that nothing has come to is skipped');

// The first predecessor is enough here. The node is still started only once.
const race = new Flow('race')
  .node('tortoise', () => sleep(30, 'tortoise'))
  .node('hare', () => sleep(1, 'hare'))
  .node('cheer', (winners) => Object.keys(winners), { after: ['tortoise', 'hare'], joinStrategy: 'any' });
const raced = await race.run();
console.log(`The ${raced.output} was first.`);
assert.deepEqual(raced.output, ['hare']);
assert.equal(raced.status, 'completed');
