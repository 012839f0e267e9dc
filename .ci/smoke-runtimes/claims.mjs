// Claims about actions and flows that hold on every runtime. No files, processes or threads are needed.

import assert from 'node:assert/strict';
import { AbortError, limit, Orchestrator, ParallelError, TimeoutError, ValidationError } from 'orchestrator';
import { BlueprintError, Flow, FlowRuntime, GraphBuilder, MemoryCheckpointStore, withAction } from 'orchestrator/flow';

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Sleeps until the signal aborts. */
export const hanging = (signal) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));

export const kernel = {
  async 'an action is retried, and its own error comes out'() {
    const orchestrator = new Orchestrator({ retry: { retries: 2, minTimeout: 1 } });
    const retries = [];
    orchestrator.onTaskRetry(({ name, attempt, error }) => retries.push(`${name} ${attempt} ${error.message}`));
    let calls = 0;
    const flaky = orchestrator.action(async function flaky(value) {
      if (++calls < 3) throw new Error('not yet');
      return value;
    });
    assert.equal(await flaky('value'), 'value');
    assert.deepEqual(retries, ['flaky 1 not yet', 'flaky 2 not yet']);
    const own = new Error('own');
    await assert.rejects(orchestrator.action(() => Promise.reject(own))(), (error) => error === own);
    await assert.rejects(orchestrator.action(() => Promise.reject(new AbortError(own)))(), (error) => error === own);
  },

  async 'a limit aborts the signal of its attempt, and of the run'() {
    const orchestrator = new Orchestrator();
    let signal;
    const hang = orchestrator.action(
      function hang() {
        signal = orchestrator.signal;
        return hanging(signal);
      },
      { timeout: 20 },
    );
    await assert.rejects(hang(), (error) => error instanceof TimeoutError && error.limit === 20);
    assert.ok(signal.aborted && signal.reason instanceof TimeoutError);
    await assert.rejects(
      orchestrator.run(() => hanging(orchestrator.signal), { timeout: 20 }),
      TimeoutError,
    );
  },

  async 'parallel waits for all, fails fast, or settles'() {
    const orchestrator = new Orchestrator();
    const ok = orchestrator.action(async (value) => value);
    const fails = orchestrator.action(async () => Promise.reject(new Error('no')));
    assert.deepEqual(await orchestrator.parallel({ a: ok, b: ok })(1), { a: 1, b: 1 });
    await assert.rejects(orchestrator.parallel([ok, fails])(1), ParallelError);
    const hang = orchestrator.action(() => hanging(orchestrator.signal));
    await assert.rejects(orchestrator.parallel([hang, fails], { failFast: true })(), /^Error: no$/);
    const settled = await orchestrator.parallel([ok, fails], { settle: true })(1);
    assert.deepEqual(
      settled.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    );
  },

  async 'map keeps the order of items, and its concurrency'() {
    const orchestrator = new Orchestrator();
    let running = 0;
    let most = 0;
    const double = orchestrator.action(async (number) => {
      most = Math.max(most, ++running);
      await sleep(5 - number);
      running--;
      return number * 2;
    });
    assert.deepEqual(await orchestrator.map([1, 2, 3, 4], double, { concurrency: 2 }), [2, 4, 6, 8]);
    assert.equal(most, 2);
    assert.deepEqual(await orchestrator.map(new Set([1, 2]), double), [2, 4]);
  },

  async 'a run is aborted by its signal, with its tasks'() {
    const orchestrator = new Orchestrator();
    const statuses = [];
    orchestrator
      .onTaskCompletion(({ status }) => statuses.push(`task ${status}`))
      .onProcessCompletion(({ status }) => statuses.push(`process ${status}`));
    const controller = new AbortController();
    const reason = new Error('the client has gone');
    const hang = orchestrator.action(() => hanging(orchestrator.signal));
    const run = orchestrator.run(() => hang(), { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(run, (error) => error === reason);
    await sleep(1);
    assert.deepEqual(statuses.sort(), ['process cancelled', 'task cancelled']);
    await assert.rejects(
      orchestrator.run(() => 1, { signal: controller.signal }),
      (error) => error === reason,
    );
  },

  async 'hooks and middleware are around the work, in order'() {
    const events = [];
    const orchestrator = new Orchestrator()
      .onProcessBegin(() => events.push('process begins'))
      .onTaskBegin(({ name }) => sleep(1).then(() => events.push(`${name} begins`)))
      .use(async (task, next) => {
        events.push(`around ${task.name}`);
        return next();
      })
      .onTaskCompletion(({ name, status, attempts }) => events.push(`${name} ${status} ${attempts}`))
      .onProcessCompletion(({ status }) => events.push(`process ${status}`));
    await orchestrator.action(() => events.push('work'), { name: 'a' })();
    assert.deepEqual(events, ['process begins', 'a begins', 'around a', 'work', 'a completed 1', 'process completed']);
  },

  async 'a limit says how many attempts run at once, and start in a time, for each key'() {
    const orchestrator = new Orchestrator();
    const shared = limit({ concurrency: 2, rate: 3, per: 50, key: (key) => key });
    const starts = [];
    let running = 0;
    const call = orchestrator.action(
      async (key) => {
        if (key === 'a') starts.push(performance.now());
        assert.ok(++running <= 4);
        await sleep(5);
        running--;
      },
      { limit: shared },
    );
    await Promise.all(['a', 'b', 'a', 'b', 'a', 'b', 'a', 'b', 'a'].map((key) => call(key)));
    assert.ok(starts[3] - starts[0] >= 49);
    const controller = new AbortController();
    const many = orchestrator.run(() => Promise.all(Array.from({ length: 9 }, () => call('a'))), {
      signal: controller.signal,
    });
    controller.abort(new Error('stop'));
    await assert.rejects(many, /stop/);
    while (shared.waiting + shared.running > 0) await sleep(1);
  },

  async 'bad options are refused'() {
    assert.throws(() => new Orchestrator().action(() => {}, { retry: -1 }), ValidationError);
  },
};

export const flow = new Flow('smoke')
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

export const flows = {
  async 'a flow branches, and its nodes are tasks of the kernel'() {
    const tasks = [];
    const orchestrator = new Orchestrator().onTaskCompletion(({ name, status }) => tasks.push(`${name} ${status}`));
    const { status, output } = await new FlowRuntime({ orchestrator }).run(flow, { limit: 1 });
    assert.deepEqual([status, output], ['completed', { few: 'few' }]);
    assert.deepEqual(tasks, ['count completed', 'few completed', 'end completed']);
    const outline = { id: 'x', nodes: [{ id: 'a', uses: 'b' }], edges: [] };
    assert.throws(() => new GraphBuilder().build(outline), BlueprintError);
  },

  async 'a flow waits, is saved, and goes on from its checkpoint'() {
    const checkpoint = new MemoryCheckpointStore();
    const runtime = new FlowRuntime();
    const waiting = await runtime.run(flow, { limit: 3, items: [1, 2, 3] }, { checkpoint, id: 'run' });
    assert.equal(waiting.status, 'awaiting');
    const ended = await runtime.continue(flow, 'run', { checkpoint, events: { approval: 'yes' } });
    assert.deepEqual([ended.status, ended.context.many, ended.output], ['completed', [2, 4, 6], { approval: 'yes' }]);
  },

  async 'a flow is retried, limited and aborted'() {
    let calls = 0;
    const flaky = new Flow('flaky')
      .node('flaky', () => (++calls < 2 ? Promise.reject(new Error('not yet')) : 'ok'), { retry: { minTimeout: 1 } })
      .node('hang', (_, { signal }) => hanging(signal), { timeout: 60_000 })
      .edge('flaky', 'hang');
    const controller = new AbortController();
    const running = flaky.run({}, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('stop')), 20);
    const { status } = await running;
    assert.deepEqual([status, calls], ['cancelled', 2]);
  },
};
