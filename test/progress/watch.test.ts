import { AsyncLocalStorage } from 'node:async_hooks';
import { channel, tracingChannel } from 'node:diagnostics_channel';
import { Orchestrator } from 'orchestrator';
import { Flow, FlowRuntime } from 'orchestrator/flow';
import { Loop, WorkflowOrchestrator } from 'orchestrator/loops';
import { afterEach, describe, expect, it } from 'vitest';
import { Model } from '../../src/progress/model/model.js';
import type { Tally } from '../../src/progress/model/tally.js';
import { type Filter, watch } from '../../src/progress/watch.js';
import { deferred, failing, rejection, settled } from '../support.js';
import { until } from './support.js';

let stop: (() => void) | undefined;

afterEach(() => {
  stop?.();
  stop = undefined;
});

function watched(filter?: Filter): Model {
  const model = new Model(performance.now());
  stop = watch(model, filter);
  return model;
}

/** Returns the indented tree, with the numbers of activities that have begun and ended. */
function tree({ inner }: Tally, indent = ''): string[] {
  return inner.flatMap((tally) => {
    const { kind, label, begun, counts } = tally;
    return [`${indent}${kind} ${label} ${counts.ended}/${begun}`, ...tree(tally, `${indent}  `)];
  });
}

describe('watching the program', () => {
  it('shows which task, group and process has called which, also concurrently', async () => {
    const model = watched();
    const orchestrator = new Orchestrator({ name: 'import' });
    const leaf = orchestrator.action(async (id: number) => id, { name: 'leaf' });
    const page = orchestrator.action(
      async () => {
        await settled();
        return orchestrator.parallel([() => leaf(1), () => leaf(2)])();
      },
      { name: 'page' },
    );
    await orchestrator.run(() => Promise.all([page(), orchestrator.map([1, 2, 3], leaf), leaf(9)]));
    expect(tree(model.root)).toEqual([
      'process import 1/1',
      '  task page 1/1',
      '    parallel parallel 1/1',
      '      task leaf 2/2',
      '  map leaf 1/1',
      '    task leaf 3/3',
      '  task leaf 1/1',
    ]);
    expect(model.root.live).toBe(0);
  });

  it('shows a run inside the task that started it', async () => {
    const model = watched();
    const outer = new Orchestrator({ name: 'outer' });
    const inner = new Orchestrator({ name: 'inner' });
    const act = inner.action(() => 1, { name: 'act' });
    const start = outer.action(() => inner.run(() => act()), { name: 'start' });
    await outer.run(() => start());
    expect(tree(model.root)).toEqual([
      'process outer 1/1',
      '  task start 1/1',
      '    process inner 1/1',
      '      task act 1/1',
    ]);
  });

  it('shows the attempts, durations and failures of each task from its record', async () => {
    const model = watched();
    const orchestrator = new Orchestrator({ retry: { retries: 2, minTimeout: 1 } });
    const flaky = orchestrator.action(failing(2, 'done'));
    const broken = orchestrator.action(() => Promise.reject(new Error('broken\u001b[2J')), {
      name: 'broken',
      retry: 0,
    });
    await orchestrator.run(() => Promise.allSettled([flaky(), broken()]));
    const [first, second] = model.root.inner[0]?.inner ?? [];
    expect(first?.counts).toMatchObject({ completed: 1, retries: 2 });
    expect(second?.counts).toMatchObject({ failed: 1, retries: 0, problem: 'broken' });
    expect(first?.counts.duration).toBeGreaterThan(0);
  });

  it('knows why a task waits for its next attempt, and until when', async () => {
    const model = watched();
    const controller = new AbortController();
    const orchestrator = new Orchestrator({ retry: { retries: 3, minTimeout: 600_000 } });
    const flaky = orchestrator.action(failing(1, 'done', () => new Error('503')));
    const pending = rejection(orchestrator.run(() => flaky(), { signal: controller.signal }));
    const tally = model.root.inner[0]?.inner[0];
    await until(() => tally?.retried.size === 1);
    const [activity] = tally?.retried ?? [];
    expect(activity?.retry).toMatchObject({ attempt: 1, most: 4, problem: '503' });
    expect(activity?.isWaiting).toBe(true);
    expect((activity?.retry?.due ?? 0) - performance.now()).toBeGreaterThan(400_000);
    controller.abort(new Error('enough'));
    await pending;
    expect(tally?.counts).toMatchObject({ cancelled: 1 });
    expect(tally?.retried.size).toBe(0);
  });

  it('shows tasks outside any run in the run that each gets', async () => {
    const model = watched();
    const orchestrator = new Orchestrator();
    await orchestrator.action(() => 1, { name: 'one' })();
    await orchestrator.action(() => 2, { name: 'two' })();
    expect(tree(model.root)).toEqual(['process orchestrator 2/2', '  task one 1/1', '  task two 1/1']);
  });

  it('does not count work as part of a task that has ended', async () => {
    const model = watched();
    const orchestrator = new Orchestrator({ name: 'job' });
    const late = deferred();
    const gate = deferred();
    const second = orchestrator.action(() => 2, { name: 'second' });
    const first = orchestrator.action(
      () => {
        gate.promise.then(second).then(() => late.resolve());
      },
      { name: 'first' },
    );
    await orchestrator.run(async () => {
      await first();
      gate.resolve();
      await late.promise;
    });
    expect(tree(model.root)).toEqual(['process job 1/1', '  task first 1/1', '  task second 1/1']);
  });

  it('shows work that was already running, as far as its records allow', async () => {
    const gate = deferred();
    const orchestrator = new Orchestrator();
    const early = orchestrator.action(() => gate.promise, { name: 'early' });
    const late = orchestrator.action(() => 1, { name: 'late' });
    const pending = orchestrator.run(async () => {
      await early();
      await late();
    });
    const model = watched();
    gate.resolve();
    await pending;
    expect(tree(model.root)).toEqual(['task late 1/1']);
  });

  it('shows processes that pass the filter, with everything inside them, and nothing else', async () => {
    const model = watched(({ name }) => name === 'wanted');
    const wanted = new Orchestrator({ name: 'wanted' });
    const other = new Orchestrator({ name: 'other' });
    const act = wanted.action(() => 1, { name: 'act' });
    const unseen = other.action(() => 1, { name: 'unseen' });
    await wanted.run(() => Promise.all([act(), unseen()]));
    await other.run(() => Promise.all([unseen(), act(), other.map([1], unseen)]));
    expect(tree(model.root)).toEqual([
      'process wanted 2/2',
      '  task act 2/2',
      '  process other 1/1',
      '    task unseen 1/1',
    ]);
  });

  it('hides a process if the filter throws, and tasks whose process the filter has not seen', async () => {
    const gate = deferred();
    const orchestrator = new Orchestrator();
    const act = orchestrator.action(() => 1);
    const early = orchestrator.run(() => gate.promise.then(() => act()));
    const model = watched(() => {
      throw new Error('odd');
    });
    gate.resolve();
    await early;
    await act();
    expect(tree(model.root)).toEqual([]);
  });

  it('shows flows, with their sub-flows, and their nodes as tasks', async () => {
    const model = watched();
    const flow = new Flow('order')
      .node('fetch', () => 1)
      .node('charge', () => 2)
      .edge('fetch', 'charge');
    await new FlowRuntime().run(flow);
    expect(tree(model.root).join('\n')).toMatch(/process .+ 1\/1\n {2}task fetch 1\/1\n {2}task charge 1\/1/);
  });

  it('shows loops: a process each, and a task name per node, however often it is called', async () => {
    const model = watched();
    let left = 500;
    const loop = new Loop('sensor')
      .producer('read', ({ iteration }: { iteration?: number } = {}) => iteration ?? 1)
      .blocking('convert', () => left--);
    const orchestrator = new WorkflowOrchestrator().load({ loops: [loop] });
    await orchestrator.start();
    while (left > 0) await settled();
    await orchestrator.stop();
    await orchestrator.close();
    const lines = tree(model.root);
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatch(/^ {2}task convert (\d{3,})\/\1$/);
  });

  it('leaves nothing behind when it is stopped: no subscriber, no store, and no later events', async () => {
    const model = watched();
    const gate = deferred();
    const orchestrator = new Orchestrator();
    const pending = orchestrator.run(() => orchestrator.action(() => gate.promise, { name: 'act' })());
    expect(model.root.live).toBe(2);
    stop?.();
    for (const name of ['process', 'task', 'group']) {
      const { start, end, asyncStart, asyncEnd, error } = tracingChannel(`orchestrator:${name}`);
      expect([start, end, asyncStart, asyncEnd, error].map(({ hasSubscribers }) => hasSubscribers)).not.toContain(true);
    }
    expect(channel('orchestrator:task:retry').hasSubscribers).toBe(false);
    gate.resolve();
    await pending;
    expect(model.root.live).toBe(2);
  });

  it('keeps nothing of tasks that start one another without end', async () => {
    const model = watched();
    const orchestrator = new Orchestrator();
    const store = new AsyncLocalStorage<object>();
    const refs: WeakRef<object>[] = [];
    const next = orchestrator.action(
      async (left: number): Promise<void> => {
        const here = store.getStore();
        if (here !== undefined) refs.push(new WeakRef(here));
        if (left === 0) return last.resolve();
        // Not awaited: the next task runs in the context of this one, which ends before it.
        setImmediate(() => store.run({}, () => next(left - 1)));
      },
      { name: 'next' },
    );
    const last = deferred();
    await orchestrator.run(async () => {
      next(300);
      await last.promise;
    });
    await settled();
    globalThis.gc?.();
    expect(refs.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(50);
    expect(model.root.live).toBe(0);
  });
});
