// Checks the installed package. Run on every supported version of Node, and on Bun and Deno.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  AbortError,
  instrument,
  Orchestrator,
  ParallelError,
  runMain,
  TimeoutError,
  ValidationError,
} from 'orchestrator';
import { createDashboard, serveDashboard } from 'orchestrator/dashboard';
import { DistributedWorker, memory, OrchestratorBuilder, redis } from 'orchestrator/distributed';
import { BlueprintError, FileCheckpointStore, Flow, FlowRuntime, GraphBuilder, withAction } from 'orchestrator/flow';
import { limit, redisLimits } from 'orchestrator/limits';
import { done, Loop, lmdbStore, WorkflowOrchestrator } from 'orchestrator/loops';
import { showProgress } from 'orchestrator/progress';
import { logTo, startTelemetry } from 'orchestrator/telemetry';
import { record, stub } from 'orchestrator/testing';

// Stack traces show the names of classes, which a build may change.
assert.deepEqual(
  [ParallelError, TimeoutError, ValidationError, BlueprintError].map(({ name }) => name),
  ['ParallelError', 'TimeoutError', 'ValidationError', 'BlueprintError'],
);

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
  'flaky completed',
  'hang failed',
  'fatal failed',
]);
assert.throws(() => orchestrator.action(() => {}, { retry: -1 }), ValidationError);
await assert.rejects(
  orchestrator.run(() => {}, { signal: AbortSignal.abort(new Error('stop')) }),
  /stop/,
);

// The task at hand, its time, and the end of a script.
const { at } = orchestrator.actions({ at: async () => [orchestrator.task?.name, orchestrator.remaining] });
assert.deepEqual(await at(), ['at', Infinity]);
assert.equal(await runMain(orchestrator, () => orchestrator.remaining <= 60_000, { timeout: 60_000 }), true);
assert.equal(process.listenerCount('SIGINT'), 0);

// Fakes for actions, and what has become of their tasks.
const recording = record(orchestrator);
const stubs = stub(orchestrator, { at: () => 'fake' });
assert.equal(await at(), 'fake');
stubs.restore();
recording.stop();
assert.deepEqual(
  recording.tasks.map(({ name, status, result }) => [name, status, result]),
  [['at', 'completed', 'fake']],
);

const required = createRequire(import.meta.url)('orchestrator');
assert.equal(required.Orchestrator, Orchestrator);

// A flow runs as a process of the given orchestrator, and its nodes are tasks that the orchestrator's hooks see.
const tasks = [];
const observed = new Orchestrator().onTaskCompletion(({ name, status }) => tasks.push(`${name} ${status}`));
const runtime = new FlowRuntime({ orchestrator: observed });
const flow = new Flow('smoke')
  .node('count', (_, { context }) => withAction(context.limit > 1 ? 'many' : 'few', context.limit))
  .batch('many', (item) => item * 2, { items: 'items', concurrency: 2 })
  .node('few', () => 'few')
  .wait('approval')
  .node('end', (input) => input)
  .edge('count', 'many', { action: 'many' })
  .edge('count', 'few', { action: 'few' })
  .edge('many', 'approval', { condition: 'size(output) == 3' })
  .edge('approval', 'end')
  .edge('few', 'end');
const directory = await mkdtemp(join(tmpdir(), 'orchestrator-'));
const checkpoint = new FileCheckpointStore(directory);
const waiting = await runtime.run(flow, { limit: 3, items: [1, 2, 3] }, { checkpoint, id: 'run' });
assert.equal(waiting.status, 'awaiting');
const ended = await runtime.resume(flow, 'run', { checkpoint, events: { approval: 'yes' } });
assert.deepEqual([ended.status, ended.context.many, ended.output], ['completed', [2, 4, 6], { approval: 'yes' }]);
assert.deepEqual(tasks.sort(), ['count completed', 'end completed', ...Array(4).fill('many completed')]);
assert.throws(() => new GraphBuilder().build({ id: 'x', nodes: [{ id: 'a', uses: 'b' }], edges: [] }), BlueprintError);
await rm(directory, { recursive: true });

// The same flow, plus a wait that a signal ends, on a fleet with one worker.
const engine = memory();
const fleet = new OrchestratorBuilder().workflow(flow).engine(engine).build();
const worker = new DistributedWorker({ engine, workflows: [flow], concurrency: 4 });
await worker.start();
const runId = await fleet.startRun({ limit: 3, items: [1, 2, 3] });
await fleet.signal(runId, 'approval', 'yes');
const { status, output } = await fleet.waitForCompletion(runId);
assert.deepEqual([status, output], ['completed', { approval: 'yes' }]);
assert.deepEqual(await fleet.pendingWork(runId), []);
await worker.stop();
// If a package that an engine needs is missing, the error names it.
await assert.rejects(redis('redis://127.0.0.1:1').open(), /npm install bullmq ioredis/);

// Loops: on the event loop, in a thread and in a process, with queues between them.
for (const pool of ['thread', 'process']) {
  const numbers = [];
  let next = 0;
  const module = new URL('smoke-loop.mjs', import.meta.url);
  const workflow = new WorkflowOrchestrator().load({
    queues: { numbers: { capacity: 4 }, doubled: {} },
    loops: [
      new Loop('count').producer('next', () => (next < 10 ? ++next : done)).push('out', 'numbers'),
      { id: 'double', module, options: { factor: 2 }, pool },
      new Loop('collect').read('in', 'doubled').blocking('add', (number) => void numbers.push(number)),
    ],
  });
  await workflow.start();
  const { abandoned, messages } = await workflow.stop();
  assert.deepEqual([numbers, abandoned, messages], [[2, 4, 6, 8, 10, 12, 14, 16, 18, 20].slice(0, next), 0, 0]);
  await workflow.close();
}
const shared = limit({ name: 'api', concurrency: 1, store: redisLimits('redis://127.0.0.1:1') });
await assert.rejects(orchestrator.action(() => 1, { limit: shared })(), /npm install ioredis/);
const clocked = new Loop('clocked', { schedule: { cron: '* * * * *' } }).producer('tick', () => 1);
await assert.rejects(new WorkflowOrchestrator().load({ loops: [clocked] }).start(), /npm install croner/);
await assert.rejects(
  new WorkflowOrchestrator({ store: lmdbStore('never') }).load({ loops: [clocked] }).start(),
  /npm install lmdb/,
);

// Telemetry, progress, the dashboard and the command line.
const around = [];
const remove = instrument({ task: ({ name }, work) => work().then(() => around.push(name)) });
const lines = [];
const logger = Object.fromEntries(
  ['debug', 'info', 'warn', 'error'].map((level) => [level, (...args) => lines.push(args)]),
);
const stopLog = logTo(logger);
const stream = new PassThrough();
const progress = showProgress({ stream, interactive: false });
await orchestrator.run(() => flaky('again'), { name: 'seen' });
progress.stop();
stopLog();
remove();
stream.end();
assert.deepEqual(around, ['flaky']);
assert.ok(lines.length >= 2);
const shown = await text(stream);
assert.match(shown, /seen/);
assert.match(shown, /flaky/);
await assert.rejects(startTelemetry(), /npm install @opentelemetry\/api/);

const dashboard = createDashboard({ distributed: fleet });
const page = await dashboard.fetch(new Request('http://localhost/'));
assert.deepEqual([page.status, page.headers.get('content-type')], [200, 'text/html; charset=utf-8']);
const overview = await (await dashboard.fetch(new Request('http://localhost/api/overview'))).json();
assert.equal(overview.distributed.runs.completed, 1);
const refused = await dashboard.fetch(new Request(`http://localhost/api/runs/${runId}/pause`, { method: 'POST' }));
assert.equal(refused.status, 401);
await dashboard.close();
const served = await serveDashboard({ distributed: fleet, port: 0 });
assert.match(await (await fetch(new URL('page.js', served.url))).text(), /addEventListener/);
await served.close();

const command = fileURLToPath(new URL('node_modules/orchestrator/dist/cli/main.js', import.meta.url));
const cwd = fileURLToPath(new URL('.', import.meta.url));
const runFlow = (module) =>
  promisify(execFile)(process.execPath, [command, 'run', module, '--json', '--quiet'], { cwd });
const smokeFlow = fileURLToPath(new URL('smoke-flow.mjs', import.meta.url));
assert.equal(JSON.parse((await runFlow(smokeFlow)).stdout).status, 'completed');

// TypeScript, if this version of Node supports it. Otherwise the error says what is needed.
const typedFlow = fileURLToPath(new URL('smoke-typed.mts', import.meta.url));
await writeFile(typedFlow, `const one: number = 1;\n${await readFile(smokeFlow, 'utf8')}`);
if (process.features.typescript) assert.equal(JSON.parse((await runFlow(typedFlow)).stdout).status, 'completed');
else await assert.rejects(runFlow(typedFlow), ({ code, stderr }) => code === 2 && /tsx/.test(stderr));

const { bun, deno, node } = process.versions;
console.log(`smoke: ${bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node ${node}`}`);
