// The fallback of a node that fails after its retries: another node runs instead, and the run continues with its
// output. The error is kept. Without a fallback, the nodes that depend on the failed one are not reached, and all
// others run.
import assert from 'node:assert/strict';
import { TimeoutError } from 'orchestrator';
import { Flow } from 'orchestrator/flow';

let asked = 0;

function forecast(lake: 'up' | 'down') {
  return new Flow('outing')
    .node(
      'station',
      () => {
        asked++;
        if (lake === 'down') throw new Error('the station is flooded');
        return 'sun';
      },
      { retry: { retries: 2, minTimeout: 1 }, fallback: 'almanac' },
    )
    .node('almanac', () => 'rain, as always')
    .node('pack', (weather) => (weather === 'sun' ? 'hat' : 'umbrella'), { after: 'station' });
}

const dry = await forecast('up').run();
console.log(`pack: ${dry.output}`);
assert.equal(dry.output, 'hat');
assert.deepEqual(dry.skipped, ['almanac'], 'a fallback that nobody needs does not run');

asked = 0;
const wet = await forecast('down').run();
console.log(`pack: ${wet.output}, since ${wet.errors[0]?.message}`);
assert.equal(wet.status, 'completed');
assert.equal(wet.output, 'umbrella');
assert.equal(asked, 3);
assert.equal(wet.errors[0]?.recoveredBy, 'almanac');
assert.equal(wet.context.station, 'rain, as always', 'the output stands for that of the node');

// The ferry has no fallback: nodes that depend on it are not reached, and the result says why. All others run.
const flow = new Flow('trip')
  .node('ferry', (_input, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)), {
    timeout: 10,
  })
  .node('island', () => 'arrived', { after: 'ferry' })
  .node('sandwiches', () => 'made');
const trip = await flow.run();
console.log(trip.status, trip.unreached);
assert.equal(trip.status, 'failed');
assert.ok(trip.errors[0]?.cause instanceof TimeoutError);
assert.deepEqual(trip.completed, ['sandwiches']);
assert.deepEqual(trip.unreached[0], { nodeId: 'island', reason: 'it waits for "ferry", which failed' });
