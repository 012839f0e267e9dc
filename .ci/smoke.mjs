// What must hold of the package as it is installed: run on every supported Node.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { AbortError, Orchestrator, ParallelError, TimeoutError, ValidationError } from 'orchestrator';

const events = [];
const orchestrator = new Orchestrator({ state: { requests: 0 }, retry: { retries: 2, minTimeout: 1 } })
  .onTaskBegin(({ context }) => {
    context.requests++;
  })
  .onTaskRetry(({ name, attempt }) => events.push(`${name} failed attempt ${attempt}`))
  .onTaskCompletion(({ name, status }) => events.push(`${name} ${status}`));

let calls = 0;
const flaky = orchestrator.action(async function flaky(value) {
  if (++calls < 3) throw new Error('not yet');
  return value;
});
const hang = orchestrator.action(
  async function hang() {
    await new Promise((_, reject) =>
      orchestrator.signal.addEventListener('abort', () => reject(orchestrator.signal.reason)),
    );
  },
  { timeout: 20, retry: 0 },
);
const fatal = orchestrator.action(async function fatal() {
  throw new AbortError('fatal');
});

await orchestrator.run(async () => {
  assert.equal(await flaky('value'), 'value');
  await assert.rejects(hang(), TimeoutError);
  await assert.rejects(orchestrator.parallel({ fatal, ok: () => 1 })(), ParallelError);
  assert.deepEqual(await orchestrator.map([1, 2, 3], (number) => number * 2, { concurrency: 2 }), [2, 4, 6]);
});
assert.equal(orchestrator.getState().requests, 3);
assert.deepEqual(events, [
  'flaky failed attempt 1',
  'flaky failed attempt 2',
  'flaky succeeded',
  'hang failed',
  'fatal failed',
]);
assert.throws(() => orchestrator.action(() => {}, { retry: -1 }), ValidationError);
await assert.rejects(
  orchestrator.run(() => {}, { signal: AbortSignal.abort(new Error('stop')) }),
  /stop/,
);

const required = createRequire(import.meta.url)('orchestrator');
assert.equal(required.Orchestrator, Orchestrator);

console.log(`smoke: Node ${process.versions.node}`);
