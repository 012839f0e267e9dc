import { DistributedWorker, type Engine, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import type { ConsumeOptions, Disposition } from 'orchestrator/distributed/engine';
import { TroubledEngine } from 'orchestrator/distributed/testing';
import { Flow } from 'orchestrator/flow';
import { afterEach, describe, expect, it } from 'vitest';
import { deferred } from '../support.js';
import { eventually } from './servers/eventually.js';

/*
 * A lock is lost: the queue takes a job back from a worker that lives, and another worker counts a death. Here each step of
 * that is taken by hand, in any order, on an engine in memory.
 */

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const patience = { timeout: 60_000 };

/**
 * Two workers: the first executes a node, the second gets its job after the lock was lost. A single death is too many.
 *
 * @param opens - if false, the first worker has the job but cannot read its run until its trouble ends. Default: true
 */
async function sceneOf({ opens = true } = {}) {
  const engine = memory();
  const calls: string[] = [];
  const store = engine.workItemStateStore;
  for (const name of ['countCrash', 'takeBackCrash'] as const) {
    const method = store[name].bind(store) as (...args: string[]) => Promise<never>;
    store[name] = async (...args: string[]) => {
      const answer = await method(...args);
      calls.push(name);
      return answer;
    };
  }
  const hold = holdOn(engine);
  const opened = deferred();
  const executions: string[] = [];
  const flowOf = (worker: string) =>
    new Flow('long').node('a', async () => {
      executions.push(worker);
      if (worker === 'first') await opened.promise;
      return 'done';
    });
  const troubled = new TroubledEngine(engine);
  const soon = { lockDuration: 500, heartbeatInterval: 20, watchInterval: 20, maxCrashes: 1 };
  const workerOf = (id: string, on: Engine = engine) =>
    new DistributedWorker({ engine: on, workflows: [flowOf(id)], id, concurrency: 1, ...soon });
  const [first, second] = [workerOf('first', troubled.face), workerOf('second')];
  const orchestrator = new OrchestratorBuilder().workflow(flowOf('none')).engine(engine).build();
  ends.push(
    () => orchestrator.close(),
    () => second.stop({ deadline: 0 }),
    () => first.stop({ deadline: 0 }),
    async () => opened.resolve(),
  );
  await first.start();
  if (!opens) troubled.suffer('hangs', ['checkpointStore.read']);
  const runId = await orchestrator.startRun();
  await eventually(() => (opens ? executions.length === 1 : hold.isHeld()), patience);
  await second.start();
  const called = (name: string, times = 1) =>
    eventually(() => calls.filter((call) => call === name).length >= times, patience);
  const finish = async () => {
    const info = await orchestrator.waitForCompletion(runId, { signal: AbortSignal.timeout(60_000) });
    return { status: info.status, output: info.output, error: info.error };
  };
  return { hold, troubled, calls, called, executions, finish, store, open: opened.resolve };
}

/** Controls the first worker's lock by hand: when the queue takes the job back, and when the worker notices. */
function holdOn(engine: ReturnType<typeof memory>) {
  const { queue } = engine;
  const consume = queue.consume.bind(queue);
  const abort = new AbortController();
  const lost = deferred<Disposition>();
  let crashes = 0;
  let isHeld = false;
  let pause = async () => {};
  queue.consume = async (handler, options: ConsumeOptions) => {
    const isFirst = options.workerId === 'first';
    const consumer = await consume((delivery) => {
      if (!isFirst) return handler({ ...delivery, crashes });
      isHeld = true;
      // The later answer of the worker is ignored, since the lock is lost.
      const handled = handler({ ...delivery, signal: abort.signal });
      const answer = handled.then((disposition) => (abort.signal.aborted ? lost.promise : disposition));
      return Promise.race([lost.promise, answer]);
    }, options);
    if (isFirst) pause = () => consumer.pause();
    return consumer;
  };
  const lose = async () => {
    await pause();
    crashes = 1;
    lost.resolve({ delay: 0 });
  };
  return { lose, isHeld: () => isHeld, tell: () => abort.abort(new Error('the job was taken back')) };
}

describe('a lock that is lost by a live worker', { timeout: 120_000 }, () => {
  const completed = { status: 'completed', output: 'done', error: undefined };

  it('is no death if no node was being executed: the worker takes it back after another has counted it', async () => {
    const { hold, troubled, called, executions, finish } = await sceneOf({ opens: false });
    await hold.lose();
    await called('countCrash');
    hold.tell();
    troubled.suffer(undefined);
    expect(await finish()).toEqual(completed);
    expect(executions).toEqual(['second']);
  });

  it('is no death if no node was being executed: the worker takes it back before another counts it', async () => {
    const { hold, troubled, called, executions, finish, calls } = await sceneOf({ opens: false });
    hold.tell();
    troubled.suffer(undefined);
    await called('takeBackCrash');
    expect(calls).toEqual(['takeBackCrash']);
    await hold.lose();
    expect(await finish()).toEqual(completed);
    expect(executions).toEqual(['second']);
  });

  it('is no death if the engine was unreachable: while the node continues, and before the worker knows of the loss', async () => {
    const { hold, troubled, called, executions, finish } = await sceneOf();
    await hold.lose();
    await called('countCrash');
    troubled.suffer('fails', ['livenessStore.heartbeat']);
    expect(await finish()).toEqual(completed);
    expect(executions).toEqual(['first', 'second']);
  });

  it('is no death if the engine was unreachable before another counts it', async () => {
    const { hold, troubled, called, executions, finish } = await sceneOf();
    troubled.suffer('fails', ['livenessStore.heartbeat']);
    await called('takeBackCrash');
    await hold.lose();
    expect(await finish()).toEqual(completed);
    expect(executions).toEqual(['first', 'second']);
  });

  it('is a death if a node was being executed and the engine was reachable: the worker may still die of it', async () => {
    const { hold, called, executions, finish, calls } = await sceneOf();
    await hold.lose();
    await called('countCrash');
    hold.tell();
    expect(await finish()).toMatchObject({
      status: 'failed',
      error: expect.stringMatching(/^node "a" failed: .*worker/),
    });
    expect(executions).toEqual(['first']);
    expect(calls).not.toContain('takeBackCrash');
  });
});

it('no worker is considered dead while the engine does not answer', { timeout: 120_000 }, async () => {
  const { hold, called, finish, calls, store, open } = await sceneOf();
  const count = store.countCrash.bind(store);
  const silence = deferred();
  let asked = 0;
  store.countCrash = async (...args) => {
    if (++asked === 6) await silence.promise;
    return count(...args);
  };
  await hold.lose();
  await eventually(() => asked === 6, patience);
  // Longer than the lock lasts. Without a fresh start, the remaining time would have passed by now.
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  const before = calls.length;
  silence.resolve();
  // From now on, workers that are alive have the whole time again.
  await called('countCrash', before + 5);
  open();
  expect(await finish()).toMatchObject({ status: 'completed' });
});
