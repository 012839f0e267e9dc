// Logs a line for each process and task that begins, ends, is retried or fails, in the whole program. The logger is
// anything with the methods of pino or console.
import assert from 'node:assert/strict';
import { Orchestrator } from 'orchestrator';
import { logTo } from 'orchestrator/telemetry';
import pino from 'pino';

const lines: string[] = [];
const write = (line: string) => {
  const { level, msg } = JSON.parse(line);
  lines.push(`${pino.levels.labels[level]}: ${msg.replace(/[\d.]+ ms/, 'some ms')}`);
};
const stop = logTo(pino({ level: 'info' }, { write })); // logTo(console) works as well.

const orchestrator = new Orchestrator({ name: 'breakfast', retry: { retries: 1, minTimeout: 1 } });
let misses = 1;
const catchToast = orchestrator.action(function catchToast() {
  if (misses-- > 0) throw new Error('it fell down');
});
const boilEggs = orchestrator.action(function boilEggs() {
  throw new Error('there are none');
});
const breakfast = orchestrator.run(async () => {
  await catchToast();
  await boilEggs();
});
await assert.rejects(breakfast);

stop();
await catchToast(); // From here on, nothing is logged any more.

console.log(lines.join('\n'));
assert.deepEqual(lines, [
  'warn: task catchToast failed attempt 1, again in some ms: it fell down',
  'info: task catchToast completed after some ms',
  'warn: task boilEggs failed attempt 1, again in some ms: there are none',
  'error: task boilEggs failed after some ms: there are none',
  'error: process breakfast failed after some ms: there are none',
]);
