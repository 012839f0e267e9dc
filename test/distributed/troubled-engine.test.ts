import {
  DistributedWorker,
  EngineError,
  memory,
  OrchestratorBuilder,
  type StatusChange,
} from 'orchestrator/distributed';
import { planFrom, planOf, type Trouble, TroubledEngine } from 'orchestrator/distributed/testing';
import { Flow } from 'orchestrator/flow';
import { afterEach, describe, expect, it } from 'vitest';
import { turns } from '../../src/distributed/testing/lateness.js';
import { calm, survivable, troubles } from '../../src/distributed/testing/trouble-plan.js';
import { rejection } from '../support.js';
import { eventually } from './servers/eventually.js';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const job = { id: 'job', runId: 'run', kind: 'node', seq: 0, priority: 0, delay: 0 } as const;
const options = { concurrency: 1, lockDuration: 500, workerId: 'w', onError: () => {} };
const nothing = { waiting: 0, delayed: 0, active: 0 };

describe('an engine whose calls go wrong', () => {
  it('is the engine of its parts, and passes on calls that go well', async () => {
    const engine = memory();
    const { face } = new TroubledEngine(engine);
    expect(face.name).toBe('memory');
    expect([face.queue, face.checkpointStore, face.livenessStore].map((part) => part.engine)).toEqual([
      face,
      face,
      face,
    ]);
    expect(face.queue).toBe(face.queue);
    await face.open();
    await face.queue.enqueue([job]);
    expect(await engine.queue.statesOf(['job'])).toEqual(['waiting']);
  });

  it('receives a call that hangs, even if its program is never still', async () => {
    const engine = memory();
    const { face } = new TroubledEngine(engine, { plan: planOf({ 1: 'hangs' }) });
    let isHeard = false;
    const hanging = face.queue.enqueue([job]).then(() => {
      isHeard = true;
    });
    let others = 0;
    for (; others < 1_000 && !isHeard; others++) {
      await face.livenessStore.list();
      await turns(1);
    }
    expect(isHeard).toBe(true);
    expect(others).toBeGreaterThan(50);
    await hanging;
  });

  it.each(['fails', 'loses its answer', 'times out', 'is heard too late'] as const)(
    'rejects with an EngineError for a call that %s',
    async (trouble) => {
      const engine = memory();
      const troubled = new TroubledEngine(engine, { plan: planOf({ 1: trouble }) });
      const error = await rejection(troubled.face.queue.enqueue([job]));
      expect(error).toBeInstanceOf(EngineError);
      expect(error).toMatchObject({ isFinal: false, message: expect.stringContaining('call 1, queue.enqueue') });
      await troubled.rest();
      const isDone = trouble === 'loses its answer' || trouble === 'is heard too late';
      expect(await engine.queue.statesOf(['job'])).toEqual([isDone ? 'waiting' : 'absent']);
      expect(String(troubled)).toContain(`1 queue.enqueue([object Object]): ${trouble}`);
    },
  );

  it('suffers an outage of all or some calls until the outage ends', async () => {
    const { face } = new TroubledEngine(memory());
    const troubled = new TroubledEngine(face);
    troubled.suffer('fails', ['queue.depth']);
    expect(await rejection(troubled.face.queue.depth())).toBeInstanceOf(EngineError);
    expect(await troubled.face.queue.statesOf([])).toEqual([]);
    troubled.suffer('hangs');
    let isSettled = false;
    const hanging = troubled.face.queue.depth().finally(() => {
      isSettled = true;
    });
    await turns(100);
    expect(isSettled).toBe(false);
    troubled.suffer(undefined);
    expect(await hanging).toEqual(nothing);
  });

  it.each(survivable)('delivers a job at least once, and reports its end, if its delivery %s', async (trouble) => {
    const engine = memory();
    const troubled = new TroubledEngine(engine, { plan: planOf({ 2: trouble }) });
    let handled = 0;
    const handler = async () => {
      handled++;
      return 'done' as const;
    };
    const consumer = await troubled.face.queue.consume(handler, options);
    await engine.queue.enqueue([job]);
    await eventually(async () => expect(await engine.queue.depth()).toEqual(nothing));
    expect(handled).toBeGreaterThan(0);
    await consumer.close();
  });

  it.each(troubles.filter((trouble) => !survivable.includes(trouble)))(
    'gives its jobs to others where its program %s',
    async (trouble) => {
      const engine = memory();
      const troubled = new TroubledEngine(engine, { plan: planOf({ 2: trouble }) });
      await troubled.face.queue.consume(async () => 'done', options);
      await engine.queue.enqueue([job]);
      await troubled.death;
      expect(troubled.isAlive).toBe(false);
      const crashes: number[] = [];
      const other = await engine.queue.consume(async (delivery) => {
        crashes.push(delivery.crashes);
        return 'done';
      }, options);
      await eventually(async () => expect(await engine.queue.depth()).toEqual(nothing));
      expect(crashes).toEqual([1]);
      await other.close();
    },
  );

  it('notifies of changes late, twice or not at all', async () => {
    const told = async (trouble: Trouble | undefined) => {
      const engine = memory();
      const plan = trouble === undefined ? calm : planOf({ 2: trouble });
      const troubled = new TroubledEngine(engine, { plan });
      const changes: StatusChange[] = [];
      const end = await troubled.face.subscribe((change) => changes.push(change));
      const orchestrator = new OrchestratorBuilder()
        .workflow(new Flow('f').node('a', () => 1))
        .engine(engine)
        .build();
      await orchestrator.cancel(await orchestrator.startRun());
      await turns(100);
      end();
      await orchestrator.cancel(await orchestrator.startRun());
      await turns(100);
      return changes.length;
    };
    expect(await told(undefined)).toBe(1);
    expect(await told('is sent twice')).toBe(2);
    expect(await told('fails')).toBe(0);
    expect(await told('answers late')).toBe(1);
    expect(await told('dies before it')).toBe(0);
  });

  it('goes wrong in the same way for the same seed, whatever other calls come between', async () => {
    const troublesOf = async (seed: number, between: boolean) => {
      const troubled = new TroubledEngine(memory(), { plan: planFrom(seed, 0.3, survivable) });
      for (let call = 0; call < 50; call++) {
        await troubled.face.queue.depth().catch(() => undefined);
        if (between) await troubled.face.queue.statesOf([]).catch(() => undefined);
      }
      return troubled.history.flatMap((line) => /queue.depth\(\)(.*)$/.exec(line)?.[1] ?? []);
    };
    const first = await troublesOf(7, false);
    expect(first.filter((trouble) => trouble !== '').length).toBeGreaterThan(5);
    expect(await troublesOf(7, true)).toEqual(first);
    expect(await troublesOf(8, true)).not.toEqual(first);
  });

  it('is usable by a worker', async () => {
    const engine = memory();
    const troubled = new TroubledEngine(engine, { plan: planFrom(5, 0.2, survivable) });
    const flow = new Flow('f')
      .node('a', () => 1)
      .node('b', () => 2)
      .edge('a', 'b');
    const worker = new DistributedWorker({ engine: troubled.face, workflows: [flow], concurrency: 1 });
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    ends.push(() => worker.stop({ deadline: 0 }));
    await eventually(() => worker.start());
    const runId = await orchestrator.startRun();
    expect((await orchestrator.waitForCompletion(runId)).output).toBe(2);
  });
});
