// A loop: a producer starts each iteration. Blocking nodes are awaited, non-blocking nodes are not.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { done, Loop, to, WorkflowOrchestrator } from 'orchestrator/loops';

const readings = [21.5, 21.7, 85.2, 21.6];
const stored: string[] = [];
const alarms: string[] = [];

const loop = new Loop('sensor')
  .producer('read', () => readings.shift() ?? done)
  .blocking('check', (celsius: number) => to(celsius > 80 ? 'alarm' : 'convert', celsius))
  .blocking('convert', (celsius: number) => `${Math.round(celsius * 1.8 + 32)} °F`)
  // Started in order, but not awaited: the next reading is taken while this one is stored.
  .nonBlocking('store', async (text: string) => {
    await sleep(20);
    stored.push(text);
  })
  .blocking('alarm', (celsius: number) => alarms.push(`${celsius} °C`))
  .edge('read', 'check')
  .edge('check', 'convert')
  .edge('check', 'alarm')
  .edge('convert', 'store');

const orchestrator = new WorkflowOrchestrator().load({ loops: [loop] });
await orchestrator.start();
// After the producer has returned `done`, running work finishes, nodes clean up, and the loop ends.
await orchestrator.ended();

assert.deepEqual(stored, ['71 °F', '71 °F', '71 °F']);
assert.deepEqual(alarms, ['85.2 °C']);
const [{ iterations, state } = assert.fail()] = orchestrator.metrics().loops;
assert.equal(iterations, 4);
assert.equal(state, 'stopped');
await orchestrator.close();
console.log(`${iterations} iterations; stored ${stored.join(', ')}; alarms: ${alarms.join(', ')}`);
