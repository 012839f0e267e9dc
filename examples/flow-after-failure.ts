// What runs after a failure. A clean-up (`settled`) runs when the nodes before it have ended, whatever became of them. An
// alarm (`failed`) runs when one of them has failed, or cannot run because of a failure before it. Neither changes how
// the run ends, nor its output. When the failed run is continued, both are left alone.
import assert from 'node:assert/strict';
import { Flow } from 'orchestrator/flow';

const log: string[] = [];
let isWet = true;

const dinner = new Flow('dinner')
  .node('tent', () => 'a tent')
  .node(
    'fire',
    () => {
      if (isWet) throw new Error('the wood is wet');
      return 'a fire';
    },
    { after: 'tent' },
  )
  .node('soup', (fire) => `soup over ${fire}`, { after: 'fire' })
  .node('pack up', (before) => void log.push(`packed up ${Object.values(before).join(', ')}`), {
    after: ['tent', 'soup'],
    joinStrategy: 'settled',
  })
  .node('whistle', (_input, { failures }) => void log.push(`whistled: ${failures[0]?.message}`), {
    after: 'soup',
    joinStrategy: 'failed',
  });

const wet = await dinner.run();
console.log(wet.status, log);
assert.equal(wet.status, 'failed');
assert.deepEqual(log.toSorted(), ['packed up a tent', 'whistled: node "fire" failed: the wood is wet']);
assert.deepEqual(wet.unreached, [{ nodeId: 'soup', reason: 'it waits for "fire", which failed' }]);

// The wood has dried. What has run after the failure does not run again.
isWet = false;
log.length = 0;
const dried = await dinner.continue(wet);
console.log(dried.status, dried.output, log);
assert.equal(dried.status, 'completed');
assert.equal(dried.output, 'soup over a fire');
assert.deepEqual(log, []);

// All goes well from the start: the clean-up runs, the alarm is skipped.
const dry = await dinner.run();
console.log(dry.status, dry.output, log);
assert.equal(dry.output, 'soup over a fire');
assert.deepEqual(log, ['packed up a tent, soup over a fire']);
assert.deepEqual(dry.skipped, ['whistle']);
