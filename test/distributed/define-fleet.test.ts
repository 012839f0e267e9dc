import { defineFleet, type Engine, memory } from 'orchestrator/distributed';
import { Flow, FlowRuntime, type Serializer } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { deferred, rejection } from '../support.js';

const flow = new Flow<{ name: string }>('letter', { version: '1' }).node(
  'greet',
  (_input, { context, dependencies }) => `${dependencies?.greeting ?? 'Dear'} ${context.name}`,
);

describe('a fleet', () => {
  it('creates orchestrators and workers on one engine, with the same workflows', async () => {
    const fleet = defineFleet({ engine: memory(), workflows: [flow] });
    const worker = fleet.worker({ id: 'w', concurrency: 3 });
    await worker.start();
    const orchestrator = fleet.orchestrator();
    const { id } = await orchestrator.start(flow, { context: { name: 'Lucy' } });
    expect(await orchestrator.waitForCompletion(id)).toMatchObject({ output: 'Dear Lucy' });
    expect(await orchestrator.startRun({ name: 'Lucy' }, undefined, { id })).toBe(id);
    expect(worker.health()).toMatchObject({ workerId: 'w', concurrency: 3, workflows: ['letter@1'] });
    expect(orchestrator.engine).toBe(fleet.engine);
    await fleet.close();
  });

  it('shares runtime and limits', async () => {
    const serializer: Serializer = {
      serialize: (value) => `mine ${JSON.stringify(value ?? null)}`,
      deserialize: (text) => JSON.parse(text.slice(5)),
    };
    const runtime = new FlowRuntime({ serializer, dependencies: { greeting: 'Hello' } });
    const large = new Flow('large').node('a', () => 'x'.repeat(2_000));
    const fleet = defineFleet({
      engine: memory(),
      workflows: [flow, large],
      runtime,
      maxPayload: 1_024,
      retention: 60_000,
    });
    const { orchestrator, worker } = fleet;
    await worker().start();
    const one = orchestrator();
    const { id } = await one.start(flow, { context: { name: 'Lucy' } });
    expect(await one.waitForCompletion(id)).toMatchObject({ output: 'Hello Lucy', retention: 60_000 });
    expect(await rejection(one.start(flow, { input: 'x'.repeat(2_000) }))).toMatchObject({ code: 'ERR_PAYLOAD' });
    const failed = await one.start(large);
    expect(await one.waitForCompletion(failed.id)).toMatchObject({ status: 'failed' });
    const problem = 'must be at most 1024 bytes as text, got 2008';
    expect(await one.errors(failed.id)).toMatchObject([{ error: { cause: { problem } } }]);
    await fleet.close();
  });

  const engine = memory();
  it.each([
    ['no options', undefined, 'options must be an object, got undefined'],
    ['no engine', { workflows: [flow] }, 'engine must be an engine: memory(), pglite(directory)'],
    ['no workflows', { engine }, 'workflows must be an array of flows or blueprints, got undefined'],
    ['an empty list', { engine, workflows: [] }, 'workflows must be an array of flows or blueprints, got Array'],
    [
      'a list with something else in it',
      { engine, workflows: [flow, 'x'] },
      'workflows[1] must be a flow or a blueprint',
    ],
    ['a flow with faults', { engine, workflows: [{ id: 'b', nodes: [], edges: 5 }] }, 'edges must be an array'],
    ['a flow twice', { engine, workflows: [flow, flow] }, 'workflows must be one "letter" of each version'],
    ['a runtime of another kind', { engine, workflows: [flow], runtime: {} }, 'runtime must be a FlowRuntime'],
    ['too small a limit', { engine, workflows: [flow], maxPayload: 5 }, 'maxPayload must be a whole number of bytes'],
    ['a retention in the past', { engine, workflows: [flow], retention: -5 }, 'retention must be a whole number'],
    ['an option that is unknown', { engine, workflows: [flow], concurrency: 5 }, 'concurrency is unknown, expected'],
  ])('refuses %s', (_name, options, message) => {
    expect(() => defineFleet(options as never)).toThrow(message);
  });

  it.each([
    ['what the fleet has said', { engine }, 'engine is unknown, expected concurrency, nodesPerJob, id, lockDuration'],
    ['too little concurrency', { concurrency: 0 }, 'concurrency must be a whole number of at least 1, got 0'],
    ['what is no object', 5, 'options must be an object, got 5'],
  ])('refuses to make a worker of %s', (_name, options, message) => {
    const fleet = defineFleet({ engine, workflows: [flow] });
    expect(() => fleet.worker(options as never)).toThrow(message);
  });
});

describe('a fleet that is closed', () => {
  /** An engine that records when it was closed, and with which options. */
  function watched(closed: unknown[]): Engine {
    const engine = memory();
    const close = engine.close.bind(engine);
    return Object.assign(engine, {
      close: (options: object) => {
        closed.push(options);
        return close();
      },
    });
  }

  it('lets nodes end, stops its workers, ends all waiting, and closes the engine last', async () => {
    const closed: unknown[] = [];
    const [begun, gate] = [deferred(), deferred()];
    const long = new Flow('long').node('a', () => {
      begun.resolve();
      return gate.promise;
    });
    const fleet = defineFleet({ engine: watched(closed), workflows: [long] });
    const workers = [fleet.worker(), fleet.worker(), fleet.worker()];
    await workers[0]?.start();
    await workers[1]?.start();
    const orchestrator = fleet.orchestrator();
    const { id } = await orchestrator.start(long);
    const waiting = rejection(orchestrator.waitForCompletion(id));
    const events = orchestrator.events(id);
    const ended = (async () => {
      for await (const _ of events);
    })();
    await begun.promise;
    const closing = fleet.close({ timeout: 60_000 });
    expect(await waiting).toMatchObject({ name: 'AbortError', message: 'the fleet was closed' });
    await ended;
    expect(closed).toEqual([]);
    gate.resolve();
    await closing;
    expect(closed).toEqual([{ timeout: 60_000 }]);
    expect(workers.map((worker) => worker.health().status)).toEqual(['stopping', 'stopping', 'stopping']);
    expect(await orchestrator.status(id)).toBe('completed');
  });

  it('keeps the earlier deadline when it is closed again', async () => {
    const [begun, aborted] = [deferred(), deferred()];
    const long = new Flow('long').node('a', (_input, { signal }) => {
      begun.resolve();
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted.resolve();
          reject(signal.reason);
        });
      });
    });
    const closed: unknown[] = [];
    const fleet = defineFleet({ engine: watched(closed), workflows: [long] });
    await fleet.worker().start();
    await fleet.orchestrator().start(long);
    await begun.promise;
    const first = fleet.close({ timeout: 600_000 });
    await Promise.all([first, fleet.close({ timeout: 10 })]);
    await aborted.promise;
    expect(closed).toHaveLength(2);
    await fleet.close();
  });

  it('creates nothing any more', async () => {
    const fleet = defineFleet({ engine: memory(), workflows: [flow] });
    await fleet[Symbol.asyncDispose]();
    const message = 'memory was closed with its fleet: define a new fleet';
    expect(() => fleet.worker()).toThrow(message);
    expect(() => fleet.orchestrator()).toThrow(message);
  });

  it('does not start to close if the options are wrong', async () => {
    const fleet = defineFleet({ engine: memory(), workflows: [flow] });
    expect(await rejection(fleet.close({ timeout: -1 }))).toMatchObject({ name: 'ValidationError' });
    expect(await rejection(fleet.close({ deadline: 1 } as never))).toMatchObject({ name: 'ValidationError' });
    fleet.orchestrator();
    await fleet.close();
  });

  it('closes its engine even if a worker could not stop, and reports the error', async () => {
    const closed: unknown[] = [];
    const fleet = defineFleet({ engine: watched(closed), workflows: [flow] });
    const worker = fleet.worker();
    worker.close = () => Promise.reject(new Error('stuck'));
    expect(await rejection(fleet.close())).toMatchObject({ message: 'stuck' });
    expect(closed).toHaveLength(1);
  });

  it('keeps no reference to orchestrators and workers that are no longer used', async () => {
    const fleet = defineFleet({ engine: memory(), workflows: [flow] });
    const made: WeakRef<object>[] = [];
    const make = async () => {
      for (let count = 0; count < 20; count++) {
        const worker = fleet.worker();
        await worker.start();
        await worker.stop();
        const orchestrator = fleet.orchestrator();
        const { id } = await orchestrator.start(flow, { delay: 60_000 });
        await orchestrator.cancel(id);
        await orchestrator.waitForCompletion(id);
        made.push(new WeakRef(worker), new WeakRef(orchestrator));
      }
    };
    await make();
    await expect
      .poll(() => {
        globalThis.gc?.();
        return made.filter((ref) => ref.deref() !== undefined).length;
      })
      .toBeLessThan(4);
    await fleet.close();
  });
});
