import {
  DistributedOrchestrator,
  DistributedWorker,
  defineFleet,
  type Engine,
  EngineError,
  memory,
  type RunInfo,
  RunNotFoundError,
  type ShardsOptions,
  shards,
} from 'orchestrator/distributed';
import { TroubledEngine } from 'orchestrator/distributed/testing';
import { Flow } from 'orchestrator/flow';
import { afterEach, describe, expect, it } from 'vitest';
import { deferred, rejection } from '../support.js';

const flow = new Flow<{ number?: number }>('order')
  .node('double', (_input, { context }) => 2 * (context.number ?? 0))
  .wait('go')
  .edge('double', 'go');

const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Shards in memory, each with a switch that takes it away. */
function scene(count: number, options: ShardsOptions = {}, more: readonly (Engine | undefined)[] = []) {
  const parts = Array.from({ length: count }, () => memory());
  const troubled = parts.map((part) => new TroubledEngine(part));
  const engine = shards([...troubled.map(({ face }) => face), ...more], { answerTimeout: 500, ...options });
  const orchestrator = new DistributedOrchestrator({ engine, workflows: [flow] });
  return { parts, troubled, engine, orchestrator };
}

async function startWorker(engine: Engine, workflows = [flow], concurrency = 10): Promise<DistributedWorker> {
  const worker = new DistributedWorker({ engine, workflows, concurrency, watchInterval: 50 });
  worker.on('warning', () => undefined);
  await worker.start();
  ends.push(() => worker.stop({ deadline: 0 }));
  return worker;
}

/** The position of the shard that has a run, or -1. */
async function shardOf(parts: readonly Engine[], runId: string): Promise<number> {
  const records = await Promise.all(parts.map(({ runInfoStore }) => runInfoStore.getRun(runId)));
  expect(records.filter((record) => record !== undefined).length).toBeLessThanOrEqual(1);
  return records.findIndex((record) => record !== undefined);
}

/** An id whose home is the given one of so many shards. */
async function idAt(position: number, count: number): Promise<string> {
  const parts = Array.from({ length: count }, () => memory());
  const orchestrator = new DistributedOrchestrator({ engine: shards(parts), workflows: [flow] });
  for (let number = 0; ; number++) {
    const id = await orchestrator.startRun({}, undefined, { id: `order-${count}-${number}` });
    if ((await shardOf(parts, id)) === position) return id;
  }
}

describe('runs on shards', () => {
  it('are spread over all shards, executed, signalled and controlled as on one engine', async () => {
    const { parts, engine, orchestrator } = scene(3);
    await startWorker(engine);
    const ids = await Promise.all(Array.from({ length: 30 }, (_, number) => orchestrator.startRun({ number })));
    expect(new Set(await Promise.all(ids.map((id) => shardOf(parts, id))))).toEqual(new Set([0, 1, 2]));
    for (const [number, id] of ids.entries()) {
      await expect.poll(() => orchestrator.status(id), { timeout: 20_000 }).toBe('awaiting');
      await orchestrator.pause(id);
      await orchestrator.resume(id);
      expect(await orchestrator.signal(id, 'go', number)).toBe('delivered');
    }
    const ended = await Promise.all(ids.map((id) => orchestrator.waitForCompletion(id)));
    expect(ended.map(({ status, output }) => [status, output])).toEqual(ids.map((_, number) => ['completed', number]));
    const [first] = ids as [string];
    expect(await orchestrator.context(first)).toMatchObject({ number: 0, double: 0 });
    expect(await orchestrator.metrics(first)).toMatchObject({ failed: 0 });
    const types: string[] = [];
    for await (const { type } of orchestrator.events(first)) types.push(type);
    expect(types).toContain('signal');
    await orchestrator.deleteRun(first);
    expect(await rejection(orchestrator.status(first))).toBeInstanceOf(RunNotFoundError);
  });

  it('are listed in one order, page by page, and counted', async () => {
    const { orchestrator } = scene(3);
    const ids = await Promise.all(Array.from({ length: 25 }, () => orchestrator.startRun()));
    const listed: RunInfo[] = [];
    let cursor: string | undefined;
    do {
      const page = await orchestrator.listRuns({ limit: 4, order: 'oldest', cursor });
      listed.push(...page.runs);
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(listed.map(({ runId }) => runId).sort()).toEqual([...ids].sort());
    const times = listed.map(({ createdAt }) => createdAt);
    expect(times).toEqual([...times].sort((one, other) => one - other));
    expect(await orchestrator.countRuns()).toMatchObject({ running: 25, failed: 0 });
  });

  it('are pruned on all shards', async () => {
    const { orchestrator } = scene(3);
    const ids = await Promise.all(Array.from({ length: 9 }, () => orchestrator.startRun()));
    await Promise.all(ids.map((id) => orchestrator.cancel(id)));
    expect(await orchestrator.prune({ finishedBefore: Date.now() + 60_000 })).toBe(9);
    expect((await orchestrator.listRuns()).runs).toEqual([]);
  });

  it('are found with their own ids, and not started twice', async () => {
    const { orchestrator } = scene(3);
    const first = await orchestrator.start(flow, { id: 'order-1', context: { number: 1 } });
    const again = await orchestrator.start(flow, { id: 'order-1', context: { number: 2 } });
    expect([first.existed, again.existed]).toEqual([false, true]);
    expect(again.incarnation).toBe(first.incarnation);
  });

  it('stay where they are when shards are added, and are found by a start, too', async () => {
    const before = scene(2);
    const ids = Array.from({ length: 40 }, (_, number) => `order-${number}`);
    for (const id of ids) await before.orchestrator.startRun({}, undefined, { id });
    const parts = [...before.parts, memory(), memory()];
    const orchestrator = new DistributedOrchestrator({ engine: shards(parts, { initial: 2 }), workflows: [flow] });
    for (const id of ids) {
      expect(await orchestrator.status(id)).toBe('running');
      expect(await orchestrator.start(flow, { id })).toMatchObject({ existed: true });
      expect(await shardOf(parts, id)).toBeLessThan(2);
    }
    const fresh = await Promise.all(
      Array.from({ length: 40 }, (_, n) => orchestrator.startRun({}, undefined, { id: `new-${n}` })),
    );
    expect(new Set(await Promise.all(fresh.map((id) => shardOf(parts, id))))).toEqual(new Set([0, 1, 2, 3]));
  });

  it('are found on any shard, such as those of a fleet that chose the shards by hand', async () => {
    const parts = [memory(), memory(), memory()];
    const ids = await Promise.all(
      parts.map((engine, at) =>
        new DistributedOrchestrator({ engine, workflows: [flow] }).startRun({}, undefined, { id: `${at}-x` }),
      ),
    );
    const orchestrator = new DistributedOrchestrator({ engine: shards(parts, { initial: 3 }), workflows: [flow] });
    for (const id of ids) expect(await orchestrator.status(id)).toBe('running');
  });

  it('of a drained shard go on, and new ones go to the others', async () => {
    const { parts, orchestrator } = scene(3);
    const old = await idAt(1, 3);
    await orchestrator.startRun({}, undefined, { id: old });
    const engine = shards(parts, { drained: [1] });
    const draining = new DistributedOrchestrator({ engine, workflows: [flow] });
    expect(await draining.start(flow, { id: old })).toMatchObject({ existed: true });
    const ids = await Promise.all(Array.from({ length: 30 }, () => draining.startRun()));
    expect(new Set(await Promise.all(ids.map((id) => shardOf(parts, id))))).toEqual(new Set([0, 2]));
    await startWorker(engine);
    await expect.poll(() => draining.status(old), { timeout: 20_000 }).toBe('awaiting');
    await draining.cancel(old);
    const removed = new DistributedOrchestrator({ engine: shards([parts[0], undefined, parts[2]]), workflows: [flow] });
    for (const id of ids) expect(await removed.start(flow, { id })).toMatchObject({ existed: true });
  });
});

describe('a shard that is away', () => {
  it.each(['fails', 'hangs'] as const)('does not stop runs on others, if it %s', async (how) => {
    const { troubled, engine, orchestrator } = scene(3, { initial: 3 });
    const [here, there] = [await idAt(0, 3), await idAt(1, 3)];
    await startWorker(engine);
    await orchestrator.startRun({}, undefined, { id: there });
    troubled[1]?.suffer(how);
    await orchestrator.startRun({ number: 4 }, undefined, { id: here });
    await expect.poll(() => orchestrator.status(here), { timeout: 20_000 }).toBe('awaiting');
    expect(await orchestrator.signal(here, 'go')).toBe('delivered');
    expect(await orchestrator.waitForCompletion(here)).toMatchObject({ status: 'completed' });
    expect(await rejection(orchestrator.status(there))).toMatchObject({ code: 'ERR_ENGINE', isRetryable: true });
    expect(await rejection(orchestrator.start(flow, { id: there }))).toMatchObject({
      message: expect.stringContaining(`(shard 1) may have run "${there}"`),
    });
    troubled[1]?.suffer(undefined);
    await expect.poll(() => orchestrator.status(there).catch(() => 'away'), { timeout: 20_000 }).toBe('awaiting');
  });

  it('gets no run without an id of its own', async () => {
    const { parts, troubled, orchestrator } = scene(3);
    troubled[1]?.suffer('fails');
    const ids = await Promise.all(Array.from({ length: 20 }, () => orchestrator.startRun()));
    expect(new Set(await Promise.all(ids.map((id) => shardOf(parts, id))))).toEqual(new Set([0, 2]));
    for (const part of troubled) part.suffer('fails');
    expect(await rejection(orchestrator.startRun())).toMatchObject({ message: expect.stringContaining('no shard') });
  });

  it('prevents the start of a run that an older list may have placed on it, unless "initial" excludes that', async () => {
    const id = await idAt(1, 2);
    const unsure = scene(2);
    unsure.troubled[0]?.suffer('fails');
    expect(await rejection(unsure.orchestrator.start(flow, { id }))).toMatchObject({
      message: expect.stringContaining('or give shards() "initial"'),
    });
    const sure = scene(2, { initial: 2 });
    sure.troubled[0]?.suffer('fails');
    expect(await sure.orchestrator.start(flow, { id })).toMatchObject({ existed: false });
  });

  it('makes lists and counts reject, or answer without it if they are given onError', async () => {
    const { parts, troubled, engine, orchestrator } = scene(3);
    const ids = await Promise.all(Array.from({ length: 20 }, () => orchestrator.startRun()));
    const there = (await Promise.all(ids.map((id) => shardOf(parts, id)))).filter((at) => at === 1).length;
    troubled[1]?.suffer('hangs');
    const error = await rejection(orchestrator.listRuns());
    expect(error).toMatchObject({
      code: 'ERR_ENGINE',
      reason: 'timeout',
      message: expect.stringContaining('1 of 3 shards'),
    });
    await expect(orchestrator.countRuns()).rejects.toBeInstanceOf(EngineError);
    await expect(orchestrator.listWorkerHealth()).rejects.toBeInstanceOf(EngineError);
    await expect(engine.queue.depth()).rejects.toBeInstanceOf(EngineError);
    const errors: Error[] = [];
    const onError = (one: Error) => errors.push(one);
    expect((await orchestrator.listRuns({}, { onError })).runs).toHaveLength(20 - there);
    expect(await orchestrator.countRuns({ onError })).toMatchObject({ running: 20 - there });
    expect(await orchestrator.liveness({ onError })).toEqual([]);
    expect(errors).toHaveLength(3);
    expect(errors[0]).toBeInstanceOf(EngineError);
    troubled[1]?.suffer(undefined);
    await expect.poll(async () => (await orchestrator.listRuns().catch(() => undefined))?.runs.length).toBe(20);
  });

  it('does not keep a worker from starting, and is served when it is back', async () => {
    const { troubled, engine, orchestrator } = scene(2, { initial: 2 });
    const [here, there] = [await idAt(0, 2), await idAt(1, 2)];
    for (const id of [here, there]) await orchestrator.startRun({}, undefined, { id });
    troubled[1]?.suffer('fails');
    await startWorker(engine);
    await expect.poll(() => orchestrator.status(here), { timeout: 20_000 }).toBe('awaiting');
    troubled[1]?.suffer(undefined);
    await expect.poll(() => orchestrator.status(there).catch(() => 'away'), { timeout: 20_000 }).toBe('awaiting');
  });

  it('makes the start of a worker reject if no other shard answers', async () => {
    const { troubled, engine } = scene(2);
    for (const part of troubled) part.suffer('fails');
    await expect(startWorker(engine)).rejects.toBeInstanceOf(EngineError);
  });
});

describe('a worker of shards', () => {
  it('executes up to its concurrency in all, from all shards, and is listed once', async () => {
    const { engine } = scene(3);
    let [active, most] = [0, 0];
    const gates = Array.from({ length: 12 }, () => deferred());
    const busy = new Flow<{ number: number }>('busy').node('work', async (_input, { context }) => {
      most = Math.max(most, ++active);
      await gates[context.number as number]?.promise;
      active--;
    });
    const orchestrator = new DistributedOrchestrator({ engine, workflows: [busy] });
    const worker = await startWorker(engine, [busy as never], 2);
    const ids = await Promise.all(gates.map((_, number) => orchestrator.startRun({ number })));
    await expect.poll(() => active, { timeout: 20_000 }).toBe(2);
    for (const gate of gates) gate.resolve();
    await Promise.all(ids.map((id) => orchestrator.waitForCompletion(id)));
    expect(most).toBe(2);
    expect(worker.health()).toMatchObject({ workerId: worker.id, completed: 12, concurrency: 2 });
    expect(await orchestrator.listWorkerHealth()).toHaveLength(1);
    await worker.stop();
    expect(await orchestrator.listWorkerHealth()).toEqual([]);
  });

  it('leaves jobs for which it has no seat to other workers', async () => {
    const { engine } = scene(3);
    const gate = deferred();
    const begun: string[] = [];
    const busy = new Flow('busy').node('work', async (_input, { runId }) => {
      begun.push(runId);
      await gate.promise;
    });
    const orchestrator = new DistributedOrchestrator({ engine, workflows: [busy] });
    await startWorker(engine, [busy as never], 1);
    const ids = await Promise.all(Array.from({ length: 6 }, () => orchestrator.startRun()));
    await expect.poll(() => begun.length).toBe(1);
    await startWorker(engine, [busy as never], 10);
    await expect.poll(() => begun.length, { timeout: 20_000 }).toBe(6);
    gate.resolve();
    await Promise.all(ids.map((id) => orchestrator.waitForCompletion(id)));
  });

  it('may serve one shard only', async () => {
    const { parts, orchestrator } = scene(2);
    const [one, other] = [await idAt(0, 2), await idAt(1, 2)];
    for (const id of [one, other]) await orchestrator.startRun({}, undefined, { id });
    await startWorker(parts[1] as Engine);
    await expect.poll(() => orchestrator.status(other), { timeout: 20_000 }).toBe('awaiting');
    expect(await orchestrator.status(one)).toBe('running');
  });
});

describe('shards', () => {
  it('are the engine of a fleet, which closes them', async () => {
    const fleet = defineFleet({ engine: shards([memory(), memory()]), workflows: [flow] });
    await fleet.worker().start();
    const { id } = await fleet.orchestrator().start(flow, { context: { number: 1 } });
    await expect.poll(() => fleet.orchestrator().status(id)).toBe('awaiting');
    await fleet.close();
  });

  it('keep the checkpoints of a flow that runs in process, each on one shard', async () => {
    const { parts, engine } = scene(3);
    const ids = Array.from({ length: 12 }, (_, number) => `in-process-${number}`);
    for (const id of ids) {
      const waiting = await flow.run({ number: 2 }, { id, checkpoint: engine.checkpointStore });
      expect(waiting.status).toBe('awaiting');
    }
    const lists = await Promise.all(parts.map(({ checkpointStore }) => checkpointStore.list()));
    expect(lists.every((list) => list.length > 0)).toBe(true);
    expect((await engine.checkpointStore.list()).sort()).toEqual([...ids].sort());
  });

  it.each([
    [[], {}, 'engines must be an array of engines'],
    [undefined, {}, 'engines must be an array of engines'],
    [[undefined], {}, 'engines must be an array of engines'],
    [[{}], {}, 'engines[0] must be an engine without shards'],
    [[shards([memory()])], {}, 'engines[0] must be an engine without shards'],
    [[memory()], { initial: 0 }, 'initial must be a whole number of at least 1'],
    [[memory()], { initial: 2 }, 'initial must be at most the number of shards (1)'],
    [[memory()], { drained: [1] }, 'drained must be positions of shards in the list'],
    [[memory()], { drained: [0] }, 'drained must be some of the shards'],
    [[memory()], { drained: 0 }, 'drained must be an array of positions'],
    [[memory()], { answerTimeout: -1 }, 'answerTimeout must be'],
    [[memory()], { names: [] }, 'names is unknown'],
  ])('refuse %j with %j', (engines, options, message) => {
    expect(() => shards(engines as never, options as never)).toThrow(message);
  });

  it('refuse an engine that is in the list twice', () => {
    const engine = memory();
    expect(() => shards([engine, engine])).toThrow('engines[1] must be an engine that is not in the list already');
  });
});
