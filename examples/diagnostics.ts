// Every process and task is published on node:diagnostics_channel, so that a program can be observed from outside,
// without hooks and without access to its orchestrators.
import assert from 'node:assert/strict';
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { Orchestrator, type TaskRecord, type TaskRetryEvent } from 'orchestrator';

// The observer. It could be another module, or one that is loaded with `node --import`.
const seen: string[] = [];
const tasks = tracingChannel<TaskRecord>('orchestrator:task');
const watcher = {
  start: ({ name }: TaskRecord) => seen.push(`start ${name}`),
  end: () => {}, // the synchronous part has ended
  asyncStart: () => {},
  asyncEnd: ({ name, status, attempts }: TaskRecord) => seen.push(`end ${name}: ${status}, attempt ${attempts}`),
  error: ({ name, error }: TaskRecord) => seen.push(`error ${name}: ${(error as Error).message}`),
};
const onRetry = (message: unknown) => {
  const { name, error } = message as TaskRetryEvent;
  seen.push(`retry ${name}: ${error.message}`);
};
tasks.subscribe(watcher);
subscribe('orchestrator:task:retry', onRetry);

// The program, which does not know its observer.
const orchestrator = new Orchestrator({ retry: { retries: 1, minTimeout: 1 } });
let failures = 1;
const knock = orchestrator.action(function knock() {
  if (failures-- > 0) throw new Error('nobody there');
});
const shout = orchestrator.action(function shout() {
  throw new Error('hoarse');
});
await knock();
await assert.rejects(shout());

tasks.unsubscribe(watcher);
unsubscribe('orchestrator:task:retry', onRetry);
await knock(); // From here on, nothing is observed any more.

console.log(seen.join('\n'));
assert.deepEqual(seen, [
  'start knock',
  'retry knock: nobody there',
  'end knock: completed, attempt 2',
  'start shout',
  'retry shout: hoarse',
  'error shout: hoarse',
  'end shout: failed, attempt 2',
]);
