import { Orchestrator, type Policy } from 'orchestrator';
import { DistributedWorker, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { done, Loop, WorkflowOrchestrator } from 'orchestrator/loops';
import { describe, expect, it } from 'vitest';
import { eventually } from './distributed/servers/eventually.js';
import { deferred } from './support.js';

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function throwing(): never {
  throw new Error('do not look');
}

function withGetter(value: object, name: string): unknown {
  return Object.defineProperty(value, name, { get: throwing, enumerable: true });
}

/** Values that throw when they are inspected. */
const hostile: [string, () => unknown][] = [
  ['a revoked proxy', revoked],
  ['a proxy whose traps throw', () => new Proxy({}, { get: throwing, getPrototypeOf: throwing, ownKeys: throwing })],
  ['an error behind a proxy without a prototype', () => new Proxy(new Error('e'), { getPrototypeOf: throwing })],
  ...['then', 'stack', 'constructor'].map((name) => [`a throwing "${name}"`, () => withGetter({}, name)] as never),
  ...['message', 'name', 'stack', 'cause', 'code', 'toString'].map(
    (name) => [`an error with a throwing "${name}"`, () => withGetter(new Error('e'), name)] as never,
  ),
  ['an error whose cause is a revoked proxy', () => new Error('e', { cause: revoked() })],
  ['a symbol', () => Symbol('s')],
  ['an object without a prototype', () => Object.create(null)],
];

const thrown = (make: () => unknown) => () => {
  throw make();
};

describe.each(hostile)('%s', (_, make) => {
  const policy: Policy = { execute: (fn) => fn() };
  const options = [{}, { retry: { retries: 1, minTimeout: 0 } }, { timeout: 60_000 }, { policy }];
  const functions = {
    thrown: thrown(make),
    'rejected with': async () => thrown(make)(),
    returned: () => make(),
    'resolved with': async () => make(),
  };

  it.each(Object.entries(functions))(
    'that is %s settles its task and its run, with all their hooks',
    async (how, fn) => {
      for (const signal of [undefined, new AbortController().signal]) {
        for (const option of options) {
          const ended: string[] = [];
          const orchestrator = new Orchestrator()
            .onTaskCompletion(({ status }) => ended.push(status))
            .onProcessCompletion(({ status }) => ended.push(status));
          const act = orchestrator.action(fn, option);
          const outcome = await orchestrator
            .run(() => act(), { signal })
            .then(
              () => 'completed',
              () => 'failed',
            );
          expect(ended).toEqual([outcome, outcome]);
          if (how === 'thrown' || how === 'rejected with') expect(outcome).toBe('failed');
        }
      }
    },
  );

  it.each<[string, (orchestrator: Orchestrator) => PromiseLike<unknown>]>([
    ['an action of a group', (o) => o.parallel([thrown(make), () => make(), () => 1])()],
    ['the first failure of a group', (o) => o.parallel([thrown(make), () => deferred().promise], { failFast: true })()],
    ['the items of map', (o) => o.map([make(), make()], thrown(make), { settle: true })],
    ['a begin hook', (o) => o.onTaskBegin(thrown(make)).action(() => 1)()],
    ['what a begin hook returns', (o) => o.onTaskBegin(make).action(() => 1)()],
    ['a completion hook', (o) => o.onTaskCompletion(thrown(make)).action(thrown(make))()],
    ['middleware', (o) => o.use(thrown(make)).action(() => 1)()],
    ['what a policy calls with', (o) => o.action(() => 1, { policy: { execute: (fn) => fn(make()) } })()],
    [
      'a callback of retries',
      (o) => o.action(() => Promise.reject(new Error('e')), { retry: { shouldRetry: thrown(make) } })(),
    ],
    [
      'the reason of an abort',
      (o) => {
        const controller = new AbortController();
        const running = o.run(() => o.action(() => deferred().promise, { retry: 1 })(), { signal: controller.signal });
        controller.abort(make());
        return running;
      },
    ],
  ])('as %s settles the run', async (_place, work) => {
    const ended: string[] = [];
    const orchestrator = new Orchestrator().onProcessCompletion(({ status }) => ended.push(status));
    await work(orchestrator).then(
      () => {},
      () => {},
    );
    expect(ended).toHaveLength(1);
  });

  it('fails a node that throws it, in process and on a fleet', async () => {
    const flow = new Flow('hostile')
      .node('a', thrown(make))
      .node('b', () => 1)
      .edge('a', 'b');
    expect((await flow.run()).status).toBe('failed');
    const engine = memory();
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    await worker.start();
    const run = await orchestrator.waitForCompletion(await orchestrator.startRun({}));
    expect(run.status).toBe('failed');
    await worker.stop();
    await engine.close();
  });

  it('returned by a node settles its run, in process and on a fleet', async () => {
    const flow = new Flow('hostile')
      .node('a', () => make())
      .node('b', () => 1)
      .edge('a', 'b');
    expect((await flow.run()).status).toMatch(/^(completed|failed)$/);
    const engine = memory();
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    await worker.start();
    const run = await orchestrator.waitForCompletion(await orchestrator.startRun({}));
    expect(run.status).toMatch(/^(completed|failed)$/);
    await worker.stop();
    await engine.close();
  });

  it.each(['producer', 'blocking', 'nonBlocking'] as const)('in a %s node leaves its loop running', async (kind) => {
    for (const fn of [thrown(make), make]) {
      let produced = 0;
      const produce = () => (++produced > 3 ? done : kind === 'producer' && produced === 2 ? fn() : produced);
      const loop = new Loop('hostile').producer('next', produce);
      if (kind === 'blocking') loop.blocking('node', fn);
      else if (kind === 'nonBlocking') loop.nonBlocking('node', fn);
      const orchestrator = new WorkflowOrchestrator().load({ loops: [loop] });
      await orchestrator.start();
      const state = () => orchestrator.health().loops[0]?.state as string;
      await eventually(() => ['stopped', 'error'].includes(state()));
      expect(state()).toBe('stopped');
      await orchestrator.stop();
    }
  });
});
